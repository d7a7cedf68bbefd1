package run

import (
	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/spool"
)

// keepBad is how many refusals state/bad/ holds; the oldest go first.
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
	for _, n := range notes {
		if n.ID == (ulid.ULID{}) {
			continue
		}
		if err := r.Spool.WriteState(BadState(n.ID), []byte(n.Text+"\n")); err != nil {
			r.Log.Error("tell why a job is bad", "job", n.ID, "err", err)
		}
	}
	names, err := r.Spool.ListState("bad")
	if err != nil {
		r.Log.Error("tidy state/bad", "err", err)
		return
	}
	for len(names) > keepBad {
		if err := r.Spool.RemoveState("bad/" + names[0]); err != nil {
			r.Log.Error("tidy state/bad", "err", err)
		}
		names = names[1:]
	}
}
