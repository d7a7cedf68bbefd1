package main

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/probe"
)

func jobsFlag() cli.Flag {
	return &cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Usage: "long looks at once, `N`; every job gets its first look at once regardless, up to 5,000 in hand", DefaultText: "[run] jobs"}
}

func runCommand() *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "trace what the spool holds, until told to stop",
		Description: `Every accepted job gets its first look at once: three waves over the whole path, paced
by max_pps. -j N bounds only the long looks that follow. Up to 5,000 jobs are in hand
until their reports are written; more wait, and mtrq status says how many and how long.

One run a spool; a second one ends with code 75. A first TERM (or Ctrl-C) claims
nothing more, lets first looks end (3 s) and writes every running trace as a report;
a second one ends now, and the next run reports what was seen. HUP reads the
configuration and the lists of targets anew. While no probe can be sent (no
mtr-packet, or no rights) jobs wait; --once ends with code 69 then.`,
		Flags: []cli.Flag{
			jobsFlag(),
			&cli.BoolFlag{Name: "once", Usage: "end when the spool is empty and all is reported", DisableDefaultText: true},
		},
		Action: func(c *cli.Context) error {
			on := takeHUPs(runReloader(c))
			cfg, err := load(c, jobs(c)...)
			if err != nil {
				return err
			}
			log := newLog(c)
			ctx, stop, end := signals(c.Context, func() {
				log.Info("told to stop; running traces become reports")
				notify(log, daemon.SdNotifyStopping)
			})
			defer end()
			return runNode(ctx, stop, cfg, on, log, c.Bool("once"))
		},
	}
}

func jobs(c *cli.Context) []config.Flag {
	if !c.IsSet("jobs") {
		return nil
	}
	return []config.Flag{{Name: "-j", Key: "run.jobs", Values: []string{strconv.Itoa(c.Int("jobs"))}}}
}

// runReloader reads the configuration of mtrq run anew.
func runReloader(c *cli.Context) func() (*config.Config, error) {
	return func() (*config.Config, error) { return load(c, jobs(c)...) }
}

func runNode(ctx context.Context, stop <-chan struct{}, cfg *config.Config, on reloads, log *slog.Logger, once bool) error {
	r := newRunner(cfg, log)
	r.Once = once
	sp, err := openSpool(cfg, r.Note)
	if err != nil {
		return err
	}
	ar, err := archive.OpenWriter(cfg.Archive.Dir, archiveZone(cfg))
	if err != nil {
		return err
	}
	r.Spool, r.Archive = sp, ar
	d := addWatchdog(r, cfg, sp, ar, log)
	defer reloadRunOnHUP(r, d, cfg, on, log)()
	if tables := notYet(cfg); len(tables) > 0 {
		log.Warn("in the configuration, and for a later version: nothing goes by it yet", "tables", strings.Join(tables, " "))
	}
	r.Begun = func() {
		log.Info("tracing", "spool", cfg.Spool.Dir, "archive", cfg.Archive.Dir, "node", cfg.Node.Name)
		notify(log, daemon.SdNotifyReady)
	}
	err = r.Run(ctx, stop)
	if cause := context.Cause(ctx); errors.Is(cause, errSecondSignal) {
		err = errors.Join(fail(exitFailed, cause, "what was being traced is in cur/; the next run reports it"), err)
	}
	if errors.Is(err, probe.ErrUnable) {
		err = fail(exitUnavailable, err, "mtrq check says what to mend; run again then")
	}
	return errors.Join(err, ar.Close())
}

// notify tells systemd, where that started us.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("tell systemd", "err", err)
	}
}
