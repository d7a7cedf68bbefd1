package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/spool"
)

func statusCommand() *cli.Command {
	return &cli.Command{
		Name:  "status",
		Usage: "say what the node is doing now",
		Description: `Reads spool/state/run.json, which a running node replaces once a second, and of
targets.json how many of the watched targets are well; mtrq targets shows each.
Needs neither root nor a running node. Exit code 69 when nobody is tracing, or can send.`,
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
			sp, err := lookAtSpool(cfg)
			if err != nil {
				return err
			}
			now := time.Now()
			st, tracing, why := sp.RunState(now)
			watching, err := sp.WatchState()
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				note(c, "how the targets are cannot be seen: %s", err)
			}
			var depth *spool.Depth
			if d, err := sp.Depth(); err == nil {
				depth = &d
			} else if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, fs.ErrNotExist) { // others may not look, and need not
				return err
			}
			if format == "json" {
				enc := json.NewEncoder(c.App.Writer)
				enc.SetIndent("", "  ")
				if err := enc.Encode(struct {
					Tracing bool   `json:"tracing"`
					Why     string `json:"why,omitempty"`
					spool.RunState
					Watch       *watchStatus `json:"watch,omitempty"`
					Files       *spoolFiles  `json:"files,omitempty"`
					ArchiveSoon string       `json:"archive_soon,omitempty"` // as spool.soon
				}{tracing, why, st, watchStatusOf(watching), spoolFilesOf(depth), archiveSoon(cfg, st)}); err != nil {
					return err
				}
			} else {
				printStatus(c, cfg, st, watching, depth, now)
			}
			if why := st.Unable(); tracing && why != "" {
				return fail(exitUnavailable, fmt.Errorf("nothing is traced: process %d can send no probes: %s", st.PID, printable(why)),
					"mtrq check says what to mend; jobs wait until then, and go on by themselves")
			}
			if !tracing {
				return untraced(st, why, cfg.Spool.Dir)
			}
			return nil
		},
	}
}

// untraced is the error where nobody is seen to trace.
func untraced(st spool.RunState, why, dir string) error {
	var path *fs.PathError
	switch {
	case errors.As(st.Unread, &path): // no rights, or a broken disk: says nothing of the node
		return fmt.Errorf("whether anybody is tracing cannot be seen: %w", st.Unread)
	case st.HeldBy != 0:
		return fail(exitUnavailable, fmt.Errorf("whether anything is traced cannot be seen: %s", why), nobodyHint(st))
	}
	return fail(exitUnavailable, fmt.Errorf("nobody is tracing: %s", why),
		"start a node with mtrq run (or mtrq up); jobs that are enqueued meanwhile wait in "+dir)
}

// spoolFiles is what --json says of the spool's directories; absent for who
// may not look into them.
type spoolFiles struct {
	Drop int `json:"drop"`
	New  int `json:"new"`
	Cur  int `json:"cur"`
	Bad  int `json:"bad"`
}

func spoolFilesOf(d *spool.Depth) *spoolFiles {
	if d == nil {
		return nil
	}
	return &spoolFiles{d.Drop, d.New, d.Cur, d.Bad}
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

// archiveSoon is what archiveRoom says of an archive with a disk of its own;
// of the spool's the node itself warns.
func archiveSoon(cfg *config.Config, st spool.RunState) string {
	dir := cmp.Or(st.Archive, cfg.Archive.Dir)
	if !ownDisk(cfg, dir) {
		return ""
	}
	full, soon := archiveRoom(cfg, dir)
	return full + soon
}

func printStatus(c *cli.Context, cfg *config.Config, st spool.RunState, watching *spool.WatchState, depth *spool.Depth, now time.Time) {
	if st.At.IsZero() {
		return
	}
	w := c.App.Writer
	line := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-10s "+format+"\n", append([]any{name}, args...)...)
	}
	line("node", "%s, mtrq %s, process %d, %s", printable(st.Node), st.Version, st.PID, standing(st, now))
	line("spool", "%s", cfg.Spool.Dir)
	line("archive", "%s", st.Archive)
	line("jobs", "%d queued, %d in their first look, %d waiting for a slot, %d of %d in their long look%s%s%s",
		st.Jobs.Queued, st.Jobs.FirstLook, st.Jobs.Waiting, st.Jobs.LongLook, st.Jobs.Limit, ifAny(", %d served by another's trace", st.Jobs.Joined),
		ifAny(", %d whose report cannot be written yet", st.Jobs.Unwritten), ifAny(", %d of lists not begun", st.Jobs.Lines))
	k := st.Counters
	line("done", "%d claimed, %d reported, %d interrupted, %d returned, %d bad%s", k.Claimed, k.Reported, k.Interrupted, k.Returned, k.Bad,
		ifAny(", %d in the report of another", k.Coalesced))
	line("probes", "%d sent, %d answered, %d late, %d not sent", k.ProbesSent, k.ProbesAnswered, k.ProbesLate, k.ProbesUnsent)
	if l := st.LatenessMS; l != nil {
		line("lateness", "asked to first probe: last %.1f ms, p50 %.1f ms, p99 %.1f ms, max %.1f ms", l.Last, l.P50, l.P99, l.Max)
	}
	line("mtr-packet", "%s, %d processes, %d probes in flight, %d restarts", orDash(st.Pool.Version), st.Pool.Processes, st.Pool.InFlight, st.Pool.Restarts)
	if watching != nil {
		line("watch", "%s", watchText(watching, now))
	}
	if depth != nil {
		line("waiting", "%d in drop/, %d files in new/ (a batch is one), %d in cur/, %d in bad/", depth.Drop, depth.New, depth.Cur, depth.Bad)
	}
	if text := hintsText(st.Spool.Watching); text != "" {
		line("hints", "%s", text)
	}
	if text := lateText(st); text != "" {
		line("WARNING", "late: %s", text)
	}
	if st.Spool.Soon != "" {
		line("WARNING", "spool: %s", st.Spool.Soon)
	}
	if soon := archiveSoon(cfg, st); soon != "" {
		line("WARNING", "archive: %s", soon)
	}
	for _, h := range st.Health {
		if !h.OK {
			line("PROBLEM", "%s: %s", h.What, h.Hint)
		}
	}
	line("as of", "%s ago", now.Sub(st.At).Round(100*time.Millisecond))
}

// standing says whether the node is at work, and since when.
func standing(st spool.RunState, now time.Time) string {
	clock := func(at time.Time) string { return at.Local().Format("2006-01-02 15:04:05") }
	switch age := now.Sub(st.At); {
	case st.HeldBy != 0:
		return "no sign of it since " + clock(st.At) + ", though it holds the spool; was started " + clock(st.Started)
	case age > spool.RunStateStale || age < -spool.RunStateStale:
		return "stopped: no sign of it since " + clock(st.At) + "; was started " + clock(st.Started)
	case st.State == "running":
		return "running since " + clock(st.Started)
	}
	return printable(st.State) + "; was started " + clock(st.Started)
}

// lateText says that jobs wait too long for their first probe, and for what.
func lateText(st spool.RunState) string {
	waits, late := st.Late()
	if !late {
		return ""
	}
	text := fmt.Sprintf("the oldest job without a probe has waited %s", waits.Round(time.Second))
	if n := st.Jobs.InHand(); st.Jobs.Most > 0 && n >= st.Jobs.Most {
		text += fmt.Sprintf("; %d jobs are in hand, and no more are taken until some of them are reported", n)
		if st.Jobs.Waiting > 0 {
			text += "; raise [run] jobs where the machine can take it"
		}
	}
	return text
}

// ifAny is a count in words; nothing for none.
func ifAny(format string, n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(format, n)
}

// hintsText says how the node learns of new jobs, where that is not as usual.
func hintsText(w spool.Watching) string {
	var parts []string
	if !w.On && w.Why != "" {
		parts = append(parts, printable(w.Why)+"; looked through every 2 s")
	}
	if w.Overflows+w.Lost+w.Errors > 0 {
		parts = append(parts, fmt.Sprintf("%d overflows, %d watches lost, %d errors since the start; nothing is lost by them", w.Overflows, w.Lost, w.Errors))
	}
	return strings.Join(parts, "; ")
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
