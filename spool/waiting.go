package spool

import (
	"slices"
	"time"
)

const (
	// shortList is how long a list of new/ may be to be read anew for each claim.
	shortList = 1024
	// listEvery is how old a longer one may be. Listing and sorting 100,000
	// names takes 0.1 s; in between, claims take from the list at hand.
	listEvery = time.Second
)

// waiting is what can be claimed: what new/ held when it was listed last, in
// order of acceptance, less what was taken since, and the lines of claimed
// batches that nobody has in hand. The zero value is a list that has to be read.
type waiting struct {
	names   []string
	listed  time.Time
	batches []*heldBatch // those with such lines, in order of acceptance
	lines   int          // in all of them
	newest  bool         // whose turn it is, where there are more than can be taken
}

// refresh lists new/ where that is due.
func (w *waiting) refresh(s *Spool) error {
	if age := s.now().Sub(w.listed); len(w.names) > shortList && age >= 0 && age < listEvery {
		return nil
	}
	names, err := s.list("new")
	if err != nil {
		return err
	}
	w.names, w.listed = names, s.now()
	return nil
}

// put adds a line of a claimed batch.
func (w *waiting) put(c *Claim) {
	b := c.batch
	if len(b.ready) == 0 {
		i, _ := slices.BinarySearchFunc(w.batches, b, func(a, b *heldBatch) int { return a.id.Compare(b.id) })
		w.batches = slices.Insert(w.batches, i, b)
	}
	b.ready = append(b.ready, c)
	w.lines++
}

// next takes one name or one line. Of no more than can be taken (room) the
// oldest comes first. Where more wait, the node is late, and the newest and
// the oldest take turns: the newest may still be in time for its loss, and
// the oldest must not wait for ever. The lines of a batch are of one age and
// come in its order. Without files only lines are taken.
func (w *waiting) next(room int, files bool) (file string, line *Claim) {
	n := 0
	if files {
		n = len(w.names)
	}
	if n+w.lines == 0 {
		return "", nil
	}
	late := n+w.lines > room
	newest := late && w.newest
	w.newest = late && !newest
	at, of := 0, 0
	if newest {
		at, of = n-1, len(w.batches)-1
	}
	if w.lines > 0 && (n == 0 || (w.batches[of].id.String() > w.names[at]) == newest) {
		return "", w.take(of)
	}
	file = w.names[at]
	if newest {
		w.names = w.names[:at]
	} else {
		w.names = w.names[1:]
	}
	return file, nil
}

// take takes a line of a batch.
func (w *waiting) take(of int) *Claim {
	b := w.batches[of]
	c := b.ready[0]
	b.ready = b.ready[1:]
	w.lines--
	if len(b.ready) == 0 {
		w.batches = slices.Delete(w.batches, of, of+1)
	}
	return c
}

// onTrial says that a line on its last attempt waits.
func (w *waiting) onTrial() bool {
	return slices.ContainsFunc(w.batches, func(b *heldBatch) bool {
		return slices.ContainsFunc(b.ready, (*Claim).onTrial)
	})
}
