package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/web"
)

func jobsFlag() cli.Flag {
	return &cli.IntFlag{Name: "jobs", Aliases: []string{"j"}, Usage: "long looks at once, `N`; every job gets its first look at once regardless", DefaultText: "[run] jobs"}
}

func runCommand() *cli.Command {
	return &cli.Command{
		Name:  "run",
		Usage: "trace what the spool holds, until told to stop",
		Description: `Every accepted job gets its first look at once, however many arrive: three waves
over the whole path, paced by max_pps. -j N bounds only the long looks that follow.

One run a spool; a second one ends with code 75. A first TERM (or Ctrl-C) claims
nothing more, lets first looks end (3 s) and writes every running trace as a report;
a second one ends now, and the next run reports what was seen.`,
		Flags: []cli.Flag{
			jobsFlag(),
			&cli.BoolFlag{Name: "once", Usage: "end when the spool is empty and all is reported", DisableDefaultText: true},
		},
		Action: func(c *cli.Context) error {
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
			return runNode(ctx, stop, cfg, log, c.Bool("once"))
		},
	}
}

func jobs(c *cli.Context) []config.Flag {
	if !c.IsSet("jobs") {
		return nil
	}
	return []config.Flag{{Name: "-j", Key: "run.jobs", Values: []string{strconv.Itoa(c.Int("jobs"))}}}
}

func runNode(ctx context.Context, stop <-chan struct{}, cfg *config.Config, log *slog.Logger, once bool) error {
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
	if d := addWatchdog(r, cfg, sp, ar, log); d != nil {
		defer d.reloadOnHUP()()
	}
	log.Info("tracing", "spool", cfg.Spool.Dir, "archive", cfg.Archive.Dir, "node", cfg.Node.Name)
	notify(log, daemon.SdNotifyReady)
	err = r.Run(ctx, stop)
	if cause := context.Cause(ctx); errors.Is(cause, errSecondSignal) {
		err = errors.Join(fail(exitFailed, cause, "what was being traced is in cur/; the next run reports it"), err)
	}
	return errors.Join(err, ar.Close())
}

// notify tells systemd, where that started us.
func notify(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("tell systemd", "err", err)
	}
}

func serveCommand() *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "take requests and show the archive over HTTP",
		Description: `Writes jobs into the spool and only reads the archive; traces nothing itself.

   curl 'http://127.0.0.1:8081/api/mtr?ip=203.0.113.7'     trace now; prints ID and link
   curl http://127.0.0.1:8081/                             what there is, as text
   http://127.0.0.1:8081/                                  the same in a browser`,
		Flags: []cli.Flag{listenFlag()},
		Action: func(c *cli.Context) error {
			cfg, err := load(c, listen(c)...)
			if err != nil {
				return err
			}
			log := newLog(c)
			ctx, stop, end := signals(c.Context, func() { notify(log, daemon.SdNotifyStopping) })
			defer end()
			return serveNode(ctx, stop, cfg, log)
		},
	}
}

func listenFlag() cli.Flag {
	return &cli.StringSliceFlag{Name: "listen", Aliases: []string{"l"}, Usage: "`HOST:PORT`; may be repeated"}
}

func listen(c *cli.Context) []config.Flag {
	if !c.IsSet("listen") {
		return nil
	}
	return []config.Flag{{Name: "--listen", Key: "serve.listen", Values: c.StringSlice("listen")}}
}

func serveNode(ctx context.Context, stop <-chan struct{}, cfg *config.Config, log *slog.Logger) error {
	sp, err := openSpool(cfg, nil)
	if err != nil {
		return err
	}
	s, err := newServer(cfg, sp, log)
	if err != nil {
		return err
	}
	ls, err := web.Listen(ctx, cfg.Serve.Listen)
	if err != nil {
		return fail(exitUnavailable, err, "another server may have the port: give --listen another one")
	}
	for _, l := range ls {
		log.Info("serving", "url", "http://"+l.Addr().String()+"/")
		if !strings.HasPrefix(l.Addr().String(), "127.") && !strings.HasPrefix(l.Addr().String(), "[::1]") && len(cfg.Serve.ReadFrom) == 0 && cfg.Serve.ReadTokens == "" {
			log.Warn("whoever can connect may read: set [serve] read_from or read_tokens", "url", "http://"+l.Addr().String()+"/")
		}
	}
	notify(log, daemon.SdNotifyReady)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		select {
		case <-stop:
			cancel()
		case <-ctx.Done():
		}
	}()
	return s.Run(ctx, ls)
}

func upCommand() *cli.Command {
	return &cli.Command{
		Name:  "up",
		Usage: "run and serve in one process, for a desk or a small node",
		Description: `The same as mtrq run and mtrq serve side by side. In production these are two
units with different rights (contrib/systemd).`,
		Flags: []cli.Flag{jobsFlag(), listenFlag()},
		Action: func(c *cli.Context) error {
			cfg, err := load(c, append(jobs(c), listen(c)...)...)
			if err != nil {
				return err
			}
			log := newLog(c)
			ctx, stop, end := signals(c.Context, func() { log.Info("told to stop; running traces become reports") })
			defer end()
			return upNode(ctx, stop, cfg, log)
		},
	}
}

// upNode runs both until told to stop, or until one of them fails: then
// the other is told to stop too.
func upNode(ctx context.Context, stop <-chan struct{}, cfg *config.Config, log *slog.Logger) error {
	both := make(chan struct{})
	var once sync.Once
	halt := func() { once.Do(func() { close(both) }) }
	done := make(chan error, 2)
	go func() { done <- runNode(ctx, both, cfg, log, false) }()
	go func() { done <- serveNode(ctx, both, cfg, log) }()
	var errs []error
	for len(errs) < 2 {
		select {
		case err := <-done:
			errs = append(errs, err)
			halt()
		case <-stop:
			stop = nil
			halt()
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("up: %w", err)
	}
	return nil
}
