package spool

import (
	"fmt"
	"time"

	"github.com/oklog/ulid/v2"
)

// A Depth is how many files lie in the spool. A batch counts as one.
type Depth struct {
	Drop int // not taken by a runner yet
	New  int // jobs and batches that wait
	Cur  int // … that are claimed
	Bad  int // … that cannot be read
}

// Depth counts without opening anything. Without rights on the spool the
// error wraps fs.ErrPermission.
func (s *Spool) Depth() (Depth, error) {
	var d Depth
	for _, c := range []struct {
		dir  string
		to   *int
		ours bool
	}{{"drop", &d.Drop, false}, {"new", &d.New, true}, {"cur", &d.Cur, true}, {"bad", &d.Bad, true}} {
		names, err := s.list(c.dir)
		if err != nil {
			return Depth{}, fmt.Errorf("count what is in the spool: %w", withRightsHint(err))
		}
		for _, name := range names {
			f, ok := parseFile(name)
			if !c.ours || ok && !f.reason && f.kind != kindEvents {
				*c.to++
			}
		}
	}
	return d, nil
}

// Lines says how many jobs of claimed batches no claim has handed out yet, and
// when the oldest of them was accepted.
func (q *Queue) Lines() (n int, oldest time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting.batches) > 0 {
		oldest = q.waiting.batches[0].ready[0].Job.Accepted
	}
	return q.waiting.lines, oldest
}

// OldestQueued says when the oldest job (or batch) in new/ was accepted; the zero
// time: none waits. It takes no lock, however long a claim takes, and the longer the
// more waits: 100,000 names take 0.1 s.
func (s *Spool) OldestQueued() (time.Time, error) {
	names, err := s.list("new")
	if err != nil {
		return time.Time{}, fmt.Errorf("look for the oldest job: %w", withRightsHint(err))
	}
	for _, file := range names {
		n, ok := parseFile(file)
		if !ok || n.reason || n.kind != kindJob && n.kind != kindBatch {
			continue
		}
		if n.kind == kindBatch { // its ID is our own
			return ulid.Time(n.id.Time()), nil
		}
		// A sender may have chosen the ID, of some hours before.
		if j, err := s.readJob(Name{"new", file}, n.id); err == nil {
			return j.Accepted, nil
		}
		// Claimed meanwhile, or nothing that can be traced: the next one.
	}
	return time.Time{}, nil
}
