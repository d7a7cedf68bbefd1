package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/watch"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

const (
	leastPause = time.Minute
	mostPause  = 30 * 24 * time.Hour
	mostReason = 400 // bytes

	rightsOfPause = "run it as root or as the user of the node: the watchdog obeys what lies in its own spool"
)

// pauser writes, removes and lists pauses: files of state/pause/.
type pauser struct {
	c   *cli.Context
	cfg *config.Config
	now time.Time
	loc *time.Location
}

func (p pauser) pause(args []string) error {
	if len(args) < 2 {
		return fail(exitUsage, errors.New("targets pause needs a target, and how long"), "mtrq targets pause 203.0.113.7 2h carrier replaces the line card")
	}
	name, err := spool.ParseTarget(args[0])
	if err != nil {
		return usage("target %q %w", args[0], err)
	}
	until, err := pauseUntil(args[1], p.now, p.loc)
	if err != nil {
		return err
	}
	reason := strings.Join(strings.Fields(report.Printable(strings.Join(args[2:], " "))), " ")
	if len(reason) > mostReason {
		return usage("the reason has %d bytes, of at most %d: give a ticket's number instead", len(reason), mostReason)
	}
	sp, st, err := readWatch(p.cfg)
	force := p.c.Bool("force")
	var meant []spool.WatchTarget
	switch {
	case err == nil:
		if meant = targetsNamed(st.Targets, name); len(meant) == 0 && !force {
			return notWatched(name, st.Targets, "--force pauses one that is not there yet")
		}
	case !force:
		if code, hint := classify(err); code == exitUnavailable {
			return fail(code, err, hint+"; --force pauses a target that is not watched yet")
		}
		return err
	default: // it is to hold once somebody watches
		if sp, err = spool.Open(p.cfg.Spool.Dir, spool.Options{}); err != nil {
			return err
		}
	}
	file := watch.PauseFile(name)
	if err := p.write(sp, file, strings.TrimRight(until.Format(time.RFC3339)+" "+reason, " ")+"\n"); err != nil {
		return err
	}
	line := fmt.Sprintf("%s is paused until %s, for %s", name, timeText(until, p.loc), spanText(until.Sub(p.now)))
	if reason != "" {
		line += ": " + reason
	}
	fmt.Fprintln(p.c.App.Writer, line)
	for _, t := range meant {
		if t.Target != name {
			note(p.c, "with it %s, as long as that is its address", report.Printable(t.Target))
		}
	}
	p.sayNobody(sp, st)
	return nil
}

// write writes a pause. A directory that root makes is given to the node,
// which removes pauses that are over.
func (p pauser) write(sp *spool.Spool, file, text string) error {
	err := givePauses(filepath.Join(sp.Dir(), "state"))
	if err == nil {
		err = sp.WriteState(file, []byte(text))
	}
	if errors.Is(err, fs.ErrPermission) {
		return fail(exitPermission, err, rightsOfPause)
	}
	return err
}

// givePauses makes the directory of pauses and, as root, gives it to the owner
// of the spool's state.
func givePauses(state string) error {
	dir := filepath.Join(state, filepath.Dir(watch.PauseFile("x")))
	err := os.Mkdir(dir, 0o755)
	switch {
	case errors.Is(err, fs.ErrExist):
		return nil
	case err != nil:
		return err
	case os.Geteuid() != 0:
		return nil
	}
	var owner unix.Stat_t
	if err := unix.Stat(state, &owner); err != nil {
		return &fs.PathError{Op: "stat", Path: state, Err: err}
	}
	// By what was opened: the owner could put something else in its place.
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err == nil {
		err = errors.Join(unix.Fchown(fd, int(owner.Uid), int(owner.Gid)), unix.Close(fd))
	}
	if err != nil {
		return &fs.PathError{Op: "give to the node", Path: dir, Err: err}
	}
	return nil
}

func (p pauser) resume(args []string) error {
	if len(args) != 1 {
		return fail(exitUsage, fmt.Errorf("targets resume takes one target, got %d", len(args)), "mtrq targets pauses lists what is paused")
	}
	name, err := spool.ParseTarget(args[0])
	if err != nil {
		return usage("target %q %w", args[0], err)
	}
	sp, st, err := readWatch(p.cfg)
	if err != nil && sp == nil {
		return err
	}
	var all []spool.WatchTarget
	if st != nil { // else nobody has watched here yet; --force may have paused
		all = st.Targets
	}
	meant := targetsNamed(all, name)
	// A pause may be under the name, or under the address that it is pinned to.
	files := []string{watch.PauseFile(name)}
	for _, t := range meant {
		files = append(files, watch.PauseFile(t.Target))
		if t.Address.IsValid() {
			files = append(files, watch.PauseFile(t.Address.String()))
		}
	}
	slices.Sort(files)
	removed := 0
	var also []spool.WatchTarget
	for _, file := range slices.Compact(files) {
		if _, err := sp.ReadState(file); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := sp.RemoveState(file); errors.Is(err, fs.ErrPermission) {
			return fail(exitPermission, err, rightsOfPause)
		} else if err != nil {
			return err
		}
		removed++
		for _, t := range all {
			if t.Target != name && (watch.PauseFile(t.Target) == file || t.Address.IsValid() && watch.PauseFile(t.Address.String()) == file) {
				also = append(also, t)
			}
		}
	}
	switch {
	case removed > 0:
		fmt.Fprintf(p.c.App.Writer, "%s is paused no more\n", name)
		for _, t := range also {
			note(p.c, "and %s, which was paused with it", report.Printable(t.Target))
		}
	case len(meant) == 0:
		return notWatched(name, all, "mtrq targets pauses lists what is paused")
	default:
		note(p.c, "%s was not paused", name)
	}
	return nil
}

// sayNobody says that a pause only holds once somebody watches.
func (p pauser) sayNobody(sp *spool.Spool, st *spool.WatchState) {
	if st == nil {
		st = &spool.WatchState{}
	}
	if err := nobodyWatches(sp, st, p.now); err != nil {
		note(p.c, "%s", err)
		note(p.c, "hint: the pause holds as soon as a node runs here")
	}
}

// pauseUntil reads a span (90m, 2h, 3d, 1d12h) or a date and time: local,
// unless it has an offset.
func pauseUntil(s string, now time.Time, loc *time.Location) (time.Time, error) {
	until, ok := now, false
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02T15:04:05", "2006-01-02 15:04", "2006-01-02 15:04:05"} {
		if t, err := time.ParseInLocation(layout, s, loc); err == nil {
			until, ok = t, true
		}
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		until, ok = t, true
	}
	if !ok {
		days, rest, hasDays := strings.Cut(s, "d")
		n, span := 0, time.Duration(0)
		var err error
		if hasDays {
			n, err = strconv.Atoi(days)
		} else {
			rest = s
		}
		if err == nil && rest != "" {
			span, err = time.ParseDuration(rest)
		}
		if err != nil || s == "" || n < 0 || n > 10_000 {
			return time.Time{}, usage("%q is no time: write a span (90m, 2h, 3d), or a date and time (2026-11-24T06:00, 2026-11-24T06:00:00+08:00)", s)
		}
		until = now.Add(time.Duration(n)*24*time.Hour + span)
	}
	switch d := until.Sub(now); {
	case d < 0:
		return time.Time{}, usage("a pause until %s is over already", timeText(until, loc))
	case d < leastPause || d > mostPause:
		return time.Time{}, usage("a pause of %s: allowed is 1m to 30d", spanText(d))
	}
	// A watchdog reads whole seconds.
	return until.Add(time.Second - 1).Truncate(time.Second).In(loc), nil
}

// spanText is "2h0m", "3d4h": a span of days is not told to the second.
func spanText(d time.Duration) string {
	if d < time.Minute {
		return d.Round(time.Second).String()
	}
	m := int64(d.Round(time.Minute) / time.Minute)
	switch {
	case m < 60:
		return fmt.Sprintf("%dm", m)
	case m < 24*60:
		return fmt.Sprintf("%dh%02dm", m/60, m%60)
	}
	return fmt.Sprintf("%dd%dh", m/60/24, m/60%24)
}
