package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/urfave/cli/v2"

	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// openState is the directory below the spool's state/ in which a running
// node writes the incidents that last, anew each second.
const openState = "incidents"

// openIDs are the incidents in it, newest first. A machine that never ran a
// node has no spool, and looking makes none.
func openIDs(c *cli.Context, cfg *config.Config) (*spool.Spool, []ulid.ULID) {
	if _, err := os.Lstat(filepath.Join(cfg.Spool.Dir, "state")); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	sp, err := spool.Open(cfg.Spool.Dir, spool.Options{})
	if err == nil {
		names, err = sp.ListState(openState)
	}
	if err != nil {
		note(c, "whether incidents are open cannot be seen: %s", err)
		return nil, nil
	}
	var ids []ulid.ULID
	for _, name := range names {
		base, ok := strings.CutSuffix(name, ".json")
		id, err := ulid.ParseStrict(base)
		if !ok || err != nil || id.String() != base {
			note(c, "%q in %s/state/%s is no incident: passed over", name, sp.Dir(), openState)
			continue
		}
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b ulid.ULID) int { return b.Compare(a) })
	return sp, ids
}

// openIncidents reads the incidents that last, newest first; unless want is
// nil only those whose ID it wants. What cannot be read is said and passed
// over: it hides no other.
func openIncidents(c *cli.Context, cfg *config.Config, want func(ulid.ULID) bool) []*report.Incident {
	sp, ids := openIDs(c, cfg)
	var out []*report.Incident
	for _, id := range ids {
		if want != nil && !want(id) {
			continue
		}
		data, err := sp.ReadState(openState + "/" + id.String() + ".json")
		if errors.Is(err, fs.ErrNotExist) {
			continue // closed between our two looks
		}
		var inc *report.Incident
		if err == nil {
			inc, err = report.DecodeIncident(data)
		}
		if err == nil && inc.ID != id {
			err = fmt.Errorf("it holds incident %s", inc.ID)
		}
		if err != nil {
			note(c, "incident %s in %s/state/%s cannot be read and is passed over: %s", id, sp.Dir(), openState, err)
			continue
		}
		out = append(out, inc)
	}
	return out
}

// staleAfter is how old an open incident's last word may be: a living node
// says it anew each second, each fifth under load.
const staleAfter = 30 * time.Second

// sayStale says that nobody goes on with an incident that is open.
func sayStale(c *cli.Context, inc *report.Incident) {
	if age := time.Since(inc.At); age > staleAfter || age < -staleAfter {
		note(c, "nobody is watching: incident %s stands as it was at %s", inc.ID, inc.At.Format(time.RFC3339))
		note(c, "hint: %s", startHint)
	}
}

// sayOpen tells a person who lists reports that there is more to see.
func sayOpen(c *cli.Context, cfg *config.Config) {
	if !isTerminal(c.App.Writer) {
		return
	}
	switch _, ids := openIDs(c, cfg); len(ids) {
	case 0:
	case 1:
		note(c, "1 incident is open: mtrq list --incidents")
	default:
		note(c, "%d incidents are open: mtrq list --incidents", len(ids))
	}
}

// note says on stderr what is no error.
func note(c *cli.Context, format string, args ...any) {
	fmt.Fprintf(c.App.ErrWriter, "mtrq: "+format+"\n", args...)
}
