package main

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/watch"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// pauseLine is one pause as it is listed.
type pauseLine struct {
	Target string    `json:"target"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
	Over   bool      `json:"over"` // and not yet removed: nobody watches
}

func (p pauser) list(format string, args []string) error {
	if len(args) > 0 {
		return usage("targets pauses takes no argument %q", args[0])
	}
	lines, err := p.pauses()
	if err != nil {
		return err
	}
	switch format {
	case "json":
		return json.NewEncoder(p.c.App.Writer).Encode(struct {
			Schema int         `json:"schema"`
			Pauses []pauseLine `json:"pauses"`
		}{1, lines})
	case "jsonl":
		return writeJSON(p.c.App.Writer, format, "pauses", lines)
	}
	t := newTable(p.c.App.Writer, format, len(lines), "TARGET", "UNTIL", "LEFT", "REASON")
	for _, l := range lines {
		left := "over"
		if !l.Over {
			left = spanText(l.Until.Sub(p.now))
		}
		t.row(l.Target, timeText(l.Until, p.loc), left, orDash(l.Reason))
	}
	return t.end()
}

// pauses reads them all, the one that ends next first. What is no pause is
// said and passed over.
func (p pauser) pauses() ([]pauseLine, error) {
	lines := []pauseLine{}
	if _, err := os.Lstat(filepath.Join(p.cfg.Spool.Dir, "state")); errors.Is(err, fs.ErrNotExist) {
		return lines, nil
	}
	sp, err := spool.Open(p.cfg.Spool.Dir, spool.Options{})
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(watch.PauseFile("x"))
	names, err := sp.ListState(dir)
	if err != nil {
		return nil, err
	}
	targets := make(map[string]string)
	if st, err := sp.WatchState(); err == nil {
		for _, t := range st.Targets {
			targets[watch.PauseFile(t.Target)] = t.Target
		}
	}
	for _, name := range names {
		file := dir + "/" + name
		l, err := readPause(sp, file)
		if errors.Is(err, fs.ErrNotExist) {
			continue // resumed between our two looks
		}
		if err != nil {
			note(p.c, "%q in %s/state/%s is no pause: %s", name, sp.Dir(), dir, report.Printable(err.Error()))
			continue
		}
		l.Target, l.Over = targets[file], !l.Until.After(p.now)
		if l.Target == "" {
			l.Target = pausedName(name)
		}
		lines = append(lines, l)
	}
	slices.SortStableFunc(lines, func(a, b pauseLine) int { return a.Until.Compare(b.Until) })
	return lines, nil
}

func readPause(sp *spool.Spool, file string) (pauseLine, error) {
	data, err := sp.ReadState(file)
	if err != nil {
		return pauseLine{}, err
	}
	text := strings.TrimSpace(string(data[:min(len(data), 64+mostReason)]))
	word, reason, _ := strings.Cut(text, " ")
	until, err := time.Parse(time.RFC3339, word)
	if err != nil {
		return pauseLine{}, errors.New("it does not begin with a time in RFC 3339")
	}
	return pauseLine{Until: until, Reason: report.Printable(reason)}, nil
}

// pausedName is the target of a pause that nobody watches, from its file's
// name, in which an IPv6 address has - for each colon.
func pausedName(file string) string {
	if name := strings.ReplaceAll(file, "-", ":"); name != file {
		if t, err := spool.ParseTarget(name); err == nil && strings.Contains(t, ":") {
			return t
		}
	}
	return report.Printable(file)
}
