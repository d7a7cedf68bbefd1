package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/spool"
)

func targetsCommand() *cli.Command {
	formats := []string{"table", "json", "jsonl", "tsv"}
	return &cli.Command{
		Name:      "targets",
		Usage:     "show how the watched targets are, or pause some",
		ArgsUsage: "[PATTERN] | pause TARGET FOR [REASON…] | resume TARGET | pauses",
		Description: `Reads spool/state/targets.json, which the watchdog of a running node replaces
every 1 to 5 seconds. On a terminal the table is drawn anew each second, as many
targets as fit, worst first, until q or Ctrl-C. Exit code 69 when nobody watches.

   mtrq targets                             all, live
   mtrq targets edge                        those with "edge" in target, address, group
                                            or a tag (circuit=GZ-2231)
   mtrq targets --state lossy,slow --once   those in an incident, printed once
   mtrq targets --format tsv | cut -f1,4    for programs; --json is the whole file

   mtrq targets pause 203.0.113.7 2h carrier replaces the line card
   mtrq targets pause edge.example.net 2026-11-24T06:00
   mtrq targets resume 203.0.113.7
   mtrq targets pauses                      what is paused, until when, and why

LOSS is lost of sent, P50 and P95 are of round-trip times, all over the last five
minutes; RTT is the last one. PINGS are the last ones, the newest on the right:
· answered, x lost, l late, u unreachable, n no route, ? nobody listened; in
colour ▁ answered, █ lost, ▄ late.

A pause is maintenance that somebody knows of: the target is asked on, and nothing
is made of what it loses. It lasts 1m to 30d, or until a date and time (local,
unless it has an offset), and needs the rights of the node's user. An address
pauses each name that is pinned to it.`,
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "state", Aliases: []string{"s"}, Usage: "only those in `STATE`: " + stateNames()},
			&cli.StringFlag{Name: "group", Aliases: []string{"g"}, Usage: "only those of group `NAME`"},
			&cli.IntFlag{Name: "limit", Aliases: []string{"n"}, Usage: "at most so many (0: all)"},
			&cli.BoolFlag{Name: "once", Usage: "print once, on a terminal too", DisableDefaultText: true},
			&cli.BoolFlag{Name: "watch", Aliases: []string{"w"}, Usage: "draw anew each second (what a terminal gets anyway)", DisableDefaultText: true},
			&cli.BoolFlag{Name: "force", Usage: "pause a target that is not watched yet", DisableDefaultText: true},
			formatFlag(formats...), jsonFlag(),
		},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, formats...)
			if err != nil {
				return err
			}
			args := words(c)
			verb := ""
			if len(args) > 0 {
				verb = args[0]
			}
			switch verb {
			case "pause", "resume", "pauses":
				if err := flagsOf(c, verb); err != nil {
					return err
				}
				cfg, err := load(c)
				if err != nil {
					return err
				}
				p := pauser{c: c, cfg: cfg, now: time.Now(), loc: time.Local}
				switch verb {
				case "pause":
					return p.pause(args[1:])
				case "resume":
					return p.resume(args[1:])
				}
				return p.list(format, args[1:])
			}
			filter, err := filterOf(c, args)
			if err != nil {
				return err
			}
			live, err := liveOf(c, format)
			if err != nil {
				return err
			}
			cfg, err := load(c)
			if err != nil {
				return err
			}
			l := targetsLook{cfg: cfg, filter: filter}
			if live {
				return watchTargets(c, l)
			}
			return printTargets(c, l, format)
		},
	}
}

// words are the arguments without the "--" that ended the flags: cli leaves
// one where it is, when an argument stands before it.
func words(c *cli.Context) []string {
	args := c.Args().Slice()
	for i, a := range args {
		if a == "--" {
			return append(args[:i:i], args[i+1:]...)
		}
	}
	return args
}

// flagsOf refuses flags that say nothing to a verb: one that is passed over
// would pass for obeyed.
func flagsOf(c *cli.Context, verb string) error {
	for flag, of := range map[string]string{"state": "", "group": "", "limit": "", "once": "", "watch": "", "force": "pause", "format": "pauses", "json": "pauses"} {
		if c.IsSet(flag) && of != verb {
			return usage("targets %s takes no --%s", verb, flag)
		}
	}
	return nil
}

func filterOf(c *cli.Context, args []string) (targetFilter, error) {
	f := targetFilter{group: c.String("group"), limit: c.Int("limit")}
	switch {
	case len(args) > 1:
		return f, fail(exitUsage, fmt.Errorf("targets takes one PATTERN, got %d", len(args)), "or pause, resume, pauses; mtrq targets --help has examples")
	case c.Bool("force"):
		return f, usage("--force is of targets pause")
	case f.limit < 0:
		return f, usage("--limit %d: write 0 for all", f.limit)
	case c.IsSet("group") && f.group == "":
		return f, usage("--group is empty: name a group, or leave the flag out")
	case len(args) == 1:
		f.pattern = args[0]
	}
	for _, s := range c.StringSlice("state") {
		if rankOf(spool.TargetState(s)) == rankOf("") {
			return f, usage("--state %q: allowed is %s", s, stateNames())
		}
		f.states = append(f.states, spool.TargetState(s))
	}
	return f, nil
}

// liveOf says whether the table is drawn anew.
func liveOf(c *cli.Context, format string) (bool, error) {
	terminal := isTerminal(c.App.Writer)
	switch {
	case c.Bool("watch") && c.Bool("once"):
		return false, usage("--watch and --once exclude each other")
	case c.Bool("watch") && format != "table":
		return false, usage("--watch draws a table: leave out --format %s", format)
	case c.Bool("watch") && !terminal:
		return false, fail(exitUsage, errors.New("--watch draws on a terminal, and stdout is none"), "run it again and again for programs: mtrq targets --json")
	}
	return terminal && format == "table" && !c.Bool("once"), nil
}

// targetsLook is how targets are looked at.
type targetsLook struct {
	cfg    *config.Config
	filter targetFilter
}

// see reads how the targets are. The error says what to do where there is
// nothing to be seen at all; what is old comes with v.wrong.
func (l targetsLook) see(now time.Time) (targetsView, error) {
	sp, st, err := readWatch(l.cfg)
	if err != nil {
		return targetsView{}, err
	}
	v := targetsView{st: st, now: now, loc: time.Local, filtered: l.filter.any()}
	v.rows, v.matched = l.filter.choose(st.Targets)
	v.wrong = nobodyWatches(sp, st, now)
	return v, nil
}

// readWatch reads targets.json. A machine that never ran a node has no
// spool, and looking makes none.
func readWatch(cfg *config.Config) (*spool.Spool, *spool.WatchState, error) {
	nothing := func() error {
		hint := startHint
		if !watched(cfg) {
			hint = "name some in [watch] targets, files or urls of the configuration, then start a node with mtrq run (or mtrq up)"
		}
		return fail(exitUnavailable, fmt.Errorf("nobody is watching: no watchdog has written its state in %s", cfg.Spool.Dir), hint)
	}
	if _, err := os.Lstat(filepath.Join(cfg.Spool.Dir, "state")); errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nothing()
	}
	sp, err := spool.Open(cfg.Spool.Dir, spool.Options{})
	if err != nil {
		return nil, nil, err
	}
	st, err := sp.WatchState()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return sp, nil, nothing()
	case err != nil:
		return sp, nil, err
	case st.Schema > 1:
		return sp, nil, fail(exitUnavailable, fmt.Errorf("%s has schema %d, and this mtrq knows 1", spool.WatchStateFile, st.Schema), "use the newer mtrq")
	}
	return sp, st, nil
}

// watchStale is the age at which targets.json means that nobody watches: a
// watchdog writes it every 5 s at the latest.
const watchStale = 10 * time.Second

// nobodyWatches says why nobody does, nil where somebody does.
func nobodyWatches(sp *spool.Spool, st *spool.WatchState, now time.Time) error {
	if st, tracing, why := sp.RunState(now); !tracing {
		return fail(exitUnavailable, fmt.Errorf("nobody is watching: %s", why), nobodyHint(st))
	}
	if age := now.Sub(st.At); age > watchStale || age < -watchStale {
		return fail(exitUnavailable, fmt.Errorf("nobody is watching: mtrq run is up, but its watchdog last gave a sign at %s", st.At.Format(time.RFC3339)),
			"mtrq status says what is wrong with it; without [watch] targets in the configuration it has none")
	}
	return nil
}

func printTargets(c *cli.Context, l targetsLook, format string) error {
	v, err := l.see(time.Now())
	if err != nil {
		return err
	}
	switch format {
	case "json":
		v.st.Targets = v.rows
		err = json.NewEncoder(c.App.Writer).Encode(v.st)
	case "jsonl":
		err = writeJSON(c.App.Writer, format, "targets", v.rows)
	case "tsv":
		err = v.tsv(c.App.Writer)
	default:
		width := 0
		if isTerminal(c.App.Writer) {
			width, _ = (&screen{w: c.App.Writer}).size()
		}
		_, err = fmt.Fprint(c.App.Writer, v.text(width, 0, mayColour(c.App.Writer)))
		for _, p := range v.problems() {
			note(c, "%s", p)
		}
		if more := v.matched - len(v.rows); more > 0 {
			note(c, "%d more are not shown: --limit 0 shows all", more)
		}
		if v.matched == 0 && v.filtered {
			note(c, "no target of %d matches", len(v.st.Targets))
		}
	}
	return errors.Join(err, v.wrong)
}
