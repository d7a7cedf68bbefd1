package spool

import (
	"errors"
	"fmt"

	"github.com/oklog/ulid/v2"
)

// heldBatch is a batch file in cur/. It goes when all its jobs are over.
type heldBatch struct {
	id    ulid.ULID
	file  string   // in cur/
	left  int      // jobs that are not over: handed out or ready
	ready []*Claim // not handed out; see waiting
}

// openBatch reads a claimed batch: every job of it that is not done waits to
// be handed out, those that an interrupted trace still holds are only counted.
func (q *Queue) openBatch(c copyOf, reported func(ulid.ULID) bool) error {
	b, err := q.s.readBatch(c.Name, c.id)
	if err != nil {
		return q.badFile(c, err)
	}
	bad, err := q.s.jobsIn("bad")
	if err != nil {
		return err
	}
	hb := &heldBatch{id: b.id, file: c.File}
	var open []*Claim
	for i, l := range b.lines {
		if q.held[l.id] != nil || bad[l.id] || reported(l.id) {
			continue
		}
		claim := &Claim{ID: l.id, Job: b.job(i), Attempt: c.attempts + 1, q: q, batch: hb}
		if err := claim.adoptEvents(); err != nil {
			return err
		}
		open = append(open, claim)
	}
	// Nothing fails from here on: the file may go only when every line of it
	// has been counted and is over.
	for _, l := range b.lines {
		if held := q.held[l.id]; held != nil {
			held.batch = hb
			hb.left++
		}
	}
	hb.left += len(open)
	if hb.left == 0 {
		return q.s.fs.remove(q.s.path("cur", c.File))
	}
	for _, c := range open {
		q.waiting.put(c)
	}
	q.batches[hb.id] = hb
	return nil
}

func (s *Spool) readBatch(n Name, id ulid.ULID) (*batch, error) {
	data, err := s.fs.read(s.path(n.Dir, n.File), maxBatchBytes)
	if err != nil {
		return nil, err
	}
	return decodeBatch(n.File, id, data)
}

// jobsIn gives the IDs that have files of their own in a directory.
func (s *Spool) jobsIn(dir string) (map[ulid.ULID]bool, error) {
	names, err := s.list(dir)
	if err != nil {
		return nil, err
	}
	ids := map[ulid.ULID]bool{}
	for _, file := range names {
		if n, ok := parseFile(file); ok && !n.reason && n.kind == kindJob {
			ids[n.id] = true
		}
	}
	return ids, nil
}

// over books the end of a claim whose job leaves the spool.
func (q *Queue) over(c *Claim) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.held, c.ID)
	b := c.batch
	if b == nil {
		q.senders.over(c.Job)
		return nil
	}
	b.left--
	if b.left > 0 {
		return nil
	}
	delete(q.batches, b.id)
	if err := q.s.fs.remove(q.s.path("cur", b.file)); err != nil {
		return fmt.Errorf("remove batch %s, all its jobs are over: %w", b.id, err)
	}
	return nil
}

// returned books the end of a claim whose job waits again: one of its own in
// new/, one of a batch for the next Claim. q.mu is held.
func (q *Queue) returned(c *Claim) {
	delete(q.held, c.ID)
	if c.batch != nil {
		q.waiting.put(&Claim{ID: c.ID, Job: c.Job, Attempt: c.Attempt, q: q, batch: c.batch})
	}
}

// returnBatches gives the batches back of which no job is in hand.
func (q *Queue) returnBatches() error {
	inHand := map[*heldBatch]bool{}
	for _, c := range q.held {
		inHand[c.batch] = true
	}
	var errs []error
	for _, b := range q.batches {
		if inHand[b] {
			continue
		}
		errs = append(errs, q.s.fs.move(q.s.path("cur", b.file), q.s.path("new", b.file)))
	}
	return errors.Join(errs...)
}
