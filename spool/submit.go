package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/oklog/ulid/v2"
)

// maxCommit is the most jobs that share one commit.
const maxCommit = 256

// Submit accepts a job: when it returns an ID, the job survives a power cut.
// ID and Accepted are filled in when absent; a given ID must be unknown to
// the spool. Jobs submitted at the same time share their syncs.
//
// Errors: *JobError (the job is wrong), ErrFull, fs.ErrPermission (try
// SubmitDrop), fs.ErrExist (the ID is taken), the context's error when it ended before the
// commit began. With an error the job was not accepted.
func (s *Spool) Submit(ctx context.Context, j Job) (ulid.ULID, error) {
	if err := s.CheckRoom(); err != nil {
		return ulid.ULID{}, err
	}
	j, data, err := s.prepare(j)
	if err != nil {
		return ulid.ULID{}, err
	}
	e := &entry{id: j.ID, data: data}
	if err := s.committer.submit(ctx, e, s.commit); err != nil {
		return ulid.ULID{}, fmt.Errorf("submit job %s to %s: %w", j.ID, s.dir, explain(err))
	}
	return j.ID, nil
}

// prepare fills in what is added on acceptance and encodes the job.
func (s *Spool) prepare(j Job) (Job, []byte, error) {
	if canonical, err := ParseTarget(j.Target); err == nil {
		j.Target = canonical
	}
	if j.Accepted.IsZero() {
		j.Accepted = s.now()
	}
	j.Accepted = j.Accepted.Round(0) // a file keeps no monotonic reading
	if isZeroID(j.ID) {
		id, err := s.newID()
		if err != nil {
			return Job{}, nil, err
		}
		j.ID = id
	} else if p, err := s.Where(j.ID); err != nil {
		return Job{}, nil, err
	} else if p.State != StateUnknown {
		return Job{}, nil, fmt.Errorf("submit job %s: it is in the spool already (%s): %w", j.ID, p.State, fs.ErrExist)
	}
	data, err := j.Encode()
	return j, data, err
}

// entry is one file on its way into new/.
type entry struct {
	ctx  context.Context
	id   ulid.ULID
	file string // name in tmp/ and new/; empty is that of a job
	own  string // name in tmp/ that is its writer's alone; empty is that of new/
	data []byte
	err  error
	done chan error    // one value, when the commit is over
	lead chan struct{} // one value: commit for all who wait
}

// committer lets the jobs that arrive while one commit runs share the next
// one. Whoever comes while none runs leads: it commits at once, then hands the
// lead to the first of those who came meanwhile. No goroutine of its own,
// nothing to close, and no timer: a lone job does not wait, and a slow disk makes
// the groups large all by itself.
type committer struct {
	mu      sync.Mutex
	waiting []*entry
	busy    bool // somebody leads
}

// submit returns once the entry is durable or refused.
func (c *committer) submit(ctx context.Context, e *entry, commit func([]*entry)) error {
	e.ctx, e.done, e.lead = ctx, make(chan error, 1), make(chan struct{}, 1)
	c.mu.Lock()
	c.waiting = append(c.waiting, e)
	if !c.busy {
		c.busy = true
		e.lead <- struct{}{}
	}
	c.mu.Unlock()
	// No select on ctx: once the commit runs its outcome is what counts, and
	// it takes no longer than the disk does.
	select {
	case err := <-e.done:
		return err
	case <-e.lead:
		c.round(commit)
		return <-e.done
	}
}

// round commits those who wait, the leader (always the first) among them.
func (c *committer) round(commit func([]*entry)) {
	c.mu.Lock()
	n := min(len(c.waiting), maxCommit)
	group := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	c.mu.Unlock()

	live := make([]*entry, 0, n)
	for _, e := range group {
		if err := e.ctx.Err(); err != nil {
			e.done <- err
			continue
		}
		live = append(live, e)
	}
	if len(live) > 0 {
		commit(live)
	}
	for _, e := range live {
		e.done <- e.err
	}

	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		c.waiting, c.busy = nil, false
		return
	}
	c.waiting[0].lead <- struct{}{}
}

// commit makes a group durable in new/: every file written, synced and
// closed in tmp/, then renamed, then one sync of each directory for all.
func (s *Spool) commit(group []*entry) {
	inParallel(len(group), s.parallel, func(i int) {
		e := group[i]
		if e.file == "" {
			e.file = fileName(e.id, 0, kindJob)
		}
		e.err = s.writeTmp(e)
	})
	moved := 0
	for _, e := range group {
		if e.err != nil {
			continue
		}
		if e.err = s.fs.move(s.path("tmp", e.inTmp()), s.path("new", e.file)); e.err != nil {
			e.err = errors.Join(e.err, s.fs.remove(s.path("tmp", e.inTmp())))
			continue
		}
		moved++
	}
	if moved == 0 {
		return
	}
	err := s.sync("new", "tmp")
	if err == nil {
		err = s.followClaims(group)
	}
	if err == nil {
		return
	}
	// Not durable, so not accepted: taken back as far as that can be done.
	for _, e := range group {
		if e.err == nil {
			e.err = errors.Join(err, s.fs.remove(s.path("new", e.file)))
		}
	}
}

func (e *entry) inTmp() string {
	if e.own != "" {
		return e.own
	}
	return e.file
}

// writeTmp writes an entry into tmp/. What lies there under a name that is its
// writer's alone is of an attempt that failed, and could not even be removed.
func (s *Spool) writeTmp(e *entry) error {
	path := s.path("tmp", e.inTmp())
	err := s.fs.write(path, 0o600, e.data)
	if e.own != "" && errors.Is(err, fs.ErrExist) {
		if err = s.fs.remove(path); err == nil {
			err = s.fs.write(path, 0o600, e.data)
		}
	}
	return err
}

// followClaims closes the gap that a claim leaves which overtakes our sync of
// new/: the runner has moved a job on before its name in new/ was durable, and
// has perhaps not yet synced where it put it. Such a job is in cur/, back in
// new/ or in bad/ (or reported, which is durable already).
func (s *Spool) followClaims(group []*entry) error {
	for _, e := range group {
		if e.err != nil {
			continue
		}
		if _, err := s.fs.lstat(s.path("new", e.file)); errors.Is(err, fs.ErrNotExist) {
			return s.sync("cur", "new", "bad")
		} else if err != nil {
			return err
		}
	}
	return nil
}
