package spool

import (
	"errors"
	"fmt"
)

// dropState is what sweeps find out about drop/ beside the jobs in it.
type dropState struct {
	err       error // drop/ itself: it cannot be looked through, or there is no room for more
	settling  bool  // in this pass: files that will be taken when they have stood still
	soon      bool  // the same, of the last whole pass too
	now, last troubles
}

// troubles are files that should have left drop/, and did not.
type troubles struct {
	names map[string]bool
	first string
	err   error // of the first
}

func (d *dropState) wrong(name string, err error) {
	// A directory does no harm and is its owner's; anybody could make one.
	if errors.Is(err, errDirectory) || len(d.now.names) >= maxLeft {
		return
	}
	if d.now.names == nil {
		d.now = troubles{names: map[string]bool{}, first: name, err: err}
	}
	d.now.names[name] = true
}

// endOfSweep makes what a sweep has found known.
func (q *Queue) endOfSweep() {
	d, whole := &q.drop, q.senders.pass.at == 0
	d.soon = d.settling || !whole && d.soon
	if whole {
		d.last, d.now, d.settling = d.now, troubles{}, false
	}
}

// Drop says how drop/ stood at the last Claim: whether files there will be
// taken once they have settled, some seconds later, and what keeps others from being taken or
// removed, of which the error names the first. It wraps ErrFull where they wait for room.
func (q *Queue) Drop() (settling bool, err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := &q.drop
	if d.err != nil {
		return false, fmt.Errorf("drop/: %w", explain(d.err))
	}
	t := d.last
	if len(d.now.names) > len(t.names) {
		t = d.now
	}
	if len(t.names) > 0 {
		err = fmt.Errorf("%d of the files in drop/ cannot be taken; drop/%s: %w", len(t.names), oneLine(t.first), explain(t.err))
	}
	return d.soon, err
}
