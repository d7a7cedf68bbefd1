package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/spool"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "say what the node is doing now",
		Description: `Reads spool/state/run.json, which a running node replaces once a second, and of
targets.json how many of the watched targets are well; mtrq targets shows each.
Needs neither root nor a running node. Exit code 69 when nobody is tracing.`,
		Flags: []cli.Flag{formatFlag("table", "json"), jsonFlag()},
		Action: func(c *cli.Context) error {
			format, err := formatOf(c, "table", "json")
			if err != nil {
				return err
			}
			cfg, err := load(c)
			if err != nil {
				return err
			}
			sp, err := spool.Open(cfg.Spool.Dir, spool.Options{})
			if err != nil {
				return err
			}
			now := time.Now()
			st, tracing, why := sp.RunState(now)
			watching, err := sp.WatchState()
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				note(c, "how the targets are cannot be seen: %s", err)
			}
			if format == "json" {
				enc := json.NewEncoder(c.App.Writer)
				enc.SetIndent("", "  ")
				if err := enc.Encode(struct {
					Tracing bool   `json:"tracing"`
					Why     string `json:"why,omitempty"`
					spool.RunState
					Watch *watchStatus `json:"watch,omitempty"`
				}{tracing, why, st, watchStatusOf(watching)}); err != nil {
					return err
				}
			} else {
				printStatus(c, cfg.Spool.Dir, st, watching, now)
			}
			if !tracing {
				return fail(exitUnavailable, fmt.Errorf("nobody is tracing: %s", why),
					"start a node with mtrq run (or mtrq up); jobs that are enqueued meanwhile wait in "+cfg.Spool.Dir)
			}
			return nil
		},
	}
}

// watchStatus is what --json says of the watchdog.
type watchStatus struct {
	At time.Time `json:"at"`
	spool.WatchTotals
}

func watchStatusOf(st *spool.WatchState) *watchStatus {
	if st == nil {
		return nil
	}
	return &watchStatus{st.At, st.Totals}
}

// watchText says how the watched targets are.
func watchText(st *spool.WatchState, now time.Time) string {
	n := st.Totals
	text := plural(n.Targets, "target")
	if counts := countsText(n, func(_ spool.TargetState, text string) string { return text }); counts != "" {
		text += ": " + counts
	}
	text += "; " + plural(n.Open, "incident") + " open"
	if age := now.Sub(st.At); age > watchStale || age < -watchStale {
		return text + "; nobody is watching since " + st.At.Local().Format("2006-01-02 15:04:05")
	}
	return text + fmt.Sprintf("; since the start %d opened, %s, %d of %d pings lost", n.Opened, plural(n.Suspects, "suspect"), n.PingsLost, n.PingsSent)
}

func printStatus(c *cli.Context, dir string, st spool.RunState, watching *spool.WatchState, now time.Time) {
	if st.At.IsZero() {
		return
	}
	w := c.App.Writer
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-10s "+format+"\n", append([]any{name}, args...)...)
	}
	line("node", "%s, mtrq %s, process %d, %s since %s", printable(st.Node), st.Version, st.PID, st.State, st.Started.Local().Format("2006-01-02 15:04:05"))
	line("spool", "%s", dir)
	line("archive", "%s", st.Archive)
	line("jobs", "%d queued, %d in their first look, %d waiting for a slot, %d of %d in their long look",
		st.Jobs.Queued, st.Jobs.FirstLook, st.Jobs.Waiting, st.Jobs.LongLook, st.Jobs.Limit)
	k := st.Counters
	line("done", "%d claimed, %d reported, %d interrupted, %d returned, %d bad", k.Claimed, k.Reported, k.Interrupted, k.Returned, k.Bad)
	line("probes", "%d sent, %d answered, %d late, %d not sent", k.ProbesSent, k.ProbesAnswered, k.ProbesLate, k.ProbesUnsent)
	if l := st.LatenessMS; l != nil {
		line("lateness", "asked to first probe: last %.1f ms, p50 %.1f ms, p99 %.1f ms, max %.1f ms", l.Last, l.P50, l.P99, l.Max)
	}
	line("mtr-packet", "%s, %d processes, %d probes in flight, %d restarts", orDash(st.Pool.Version), st.Pool.Processes, st.Pool.InFlight, st.Pool.Restarts)
	if watching != nil {
		line("watch", "%s", watchText(watching, now))
	}
	for _, h := range st.Health {
		if !h.OK {
			line("PROBLEM", "%s: %s", h.What, h.Hint)
		}
	}
	line("as of", "%s ago", now.Sub(st.At).Round(100*time.Millisecond))
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
