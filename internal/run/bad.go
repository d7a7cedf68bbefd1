package run

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/spool"
)

// keepBad is how many refusals state/bad/ holds beside those of this moment;
// those that were told first go first. The IDs say nothing of that: senders may choose them.
const keepBad = 1000

// BadState is the file in state/ that says why a job lies in bad/: who
// sent it through drop/ may not look into bad/, and would wait for ever.
func BadState(id ulid.ULID) string { return "bad/" + id.String() }

// Note takes in what the spool tells of single files (spool.Options.Note).
func (r *Runner) Note(n spool.Note) {
	r.Log.Warn("spool", "what", n.What, "job", n.ID, "file", n.File, "err", n.Text)
	if n.What != spool.NoteBad {
		return
	}
	r.tally.bad()
	r.badMu.Lock()
	defer r.badMu.Unlock()
	r.bad = append(r.bad, n)
}

// tellBad writes what was put into bad/ since the last time to state/bad/.
func (r *Runner) tellBad() {
	r.badMu.Lock()
	notes := r.bad
	r.bad = nil
	r.badMu.Unlock()
	if len(notes) == 0 {
		return
	}
	fresh := map[string]bool{}
	for _, n := range notes {
		if n.ID == (ulid.ULID{}) {
			continue
		}
		fresh[n.ID.String()] = true
		if err := r.Spool.WriteState(BadState(n.ID), []byte(n.Text+"\n")); err != nil {
			r.Log.Error("tell why a job is bad", "job", n.ID, "err", err)
		}
	}
	if err := r.tidyBad(fresh); err != nil {
		r.Log.Error("tidy state/bad", "err", err)
	}
}

// tidyBad removes the oldest refusals beyond keepBad. The fresh ones stay,
// whatever the clock says of them: their senders have not seen them yet. Those
// of a time to come were told before the clock was set back, so they are the
// oldest.
func (r *Runner) tidyBad(fresh map[string]bool) error {
	names, err := r.Spool.ListState("bad")
	if err != nil || len(names) <= keepBad {
		return err
	}
	now := time.Now() // the files' clock
	told := map[string]time.Time{}
	ahead := func(name string) int {
		if told[name].After(now) {
			return 0
		}
		return 1
	}
	for _, name := range names {
		info, err := os.Lstat(filepath.Join(r.Spool.Dir(), "state", "bad", name))
		if err != nil {
			return err
		}
		told[name] = info.ModTime()
	}
	names = slices.DeleteFunc(names, func(name string) bool { return fresh[name] })
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(ahead(a)-ahead(b), told[a].Compare(told[b]), cmp.Compare(a, b))
	})
	for _, name := range names[:max(0, len(names)-keepBad)] {
		if err := r.Spool.RemoveState("bad/" + name); err != nil {
			return err
		}
	}
	return nil
}
