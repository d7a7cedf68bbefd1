package spool

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/oklog/ulid/v2"
)

// Claim takes up to limit jobs, oldest first, and of a queue longer than
// that the newest too (see waiting), lines of claimed batches among them: it
// brings in what lies in drop/, moves jobs and batches from new/ to cur/ and makes that durable.
// reported tells of an ID whether the archive has its report; such a job is
// removed and not traced twice. What cannot be read goes to bad/ and is noted
// (Options.Note). A batch is claimed whole; its jobs beyond the limit come
// with the next calls. No jobs and no error: nothing waits, unless More says
// otherwise.
//
// With an error some jobs may be claimed all the same. ErrFull: so little
// room is left that a trace could not be written down; the jobs stay in new/.
func (q *Queue) Claim(reported func(ulid.ULID) bool, limit int) ([]*Claim, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || !q.recovered {
		return nil, fmt.Errorf("claim jobs in %s: call Recover first, and nothing after Close", q.s.dir)
	}
	q.intake(reported)
	claims, err := q.claimWaiting(reported, limit)
	if err != nil {
		return claims, fmt.Errorf("claim jobs in %s: %w", q.s.dir, explain(err))
	}
	return claims, nil
}

// More says that drop/ holds files that the last Claim left for the next one,
// which is worth calling at once.
func (q *Queue) More() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.more
}

// claimWaiting hands out what waits, in the order of waiting. What keeps it
// from new/ is no reason to hold back lines of batches that are in cur/ already.
func (q *Queue) claimWaiting(reported func(ulid.ULID) bool, limit int) (claims []*Claim, err error) {
	if limit <= 0 {
		return nil, nil
	}
	if err = q.waiting.refresh(q.s); err == nil && len(q.waiting.names) > 0 {
		err = q.s.roomToTrace()
	}
	for more := true; more && len(claims) < limit; { // a batch is one until it is open
		var failed error
		claims, more, failed = q.claimNext(claims, reported, limit, err == nil)
		err = errors.Join(err, failed)
	}
	return claims, err
}

// claimNext hands out lines, and moves files of new/ to cur/, makes that
// durable with one sync for all, and reads them. more: it is worth another
// call, as there were any.
func (q *Queue) claimNext(claims []*Claim, reported func(ulid.ULID) bool, limit int, files bool) (_ []*Claim, more bool, _ error) {
	var taken []copyOf
	var errs []error
	trial, skipped := q.onTrial(), false
	for len(claims)+len(taken) < limit {
		file, line := q.waiting.next(limit-len(claims)-len(taken), files)
		if line != nil {
			q.held[line.ID] = line
			claims = append(claims, line)
			continue
		}
		if file == "" {
			break
		}
		more = true
		n, _ := parseFile(file)
		if _, held := q.kept[n.id]; held {
			continue
		}
		last := n.attempts == MaxAttempts-1
		if last && trial {
			skipped = true
			continue // comes when it is known what becomes of the other
		}
		c, err := q.take(file, reported)
		if err != nil {
			errs = append(errs, err)
		} else if c != nil {
			taken = append(taken, *c)
			trial = trial || last
		}
	}
	if len(taken) == 0 {
		return claims, more, errors.Join(errs...)
	}
	if err := q.s.sync("cur", "new"); err != nil {
		for _, c := range taken { // what is not durable is not claimed
			errs = append(errs, q.s.fs.move(q.s.path("cur", c.File), q.s.path("new", c.File)))
		}
		return claims, more, errors.Join(append(errs, err)...)
	}
	for _, c := range taken {
		var claim *Claim
		var err error
		if c.kind == kindBatch {
			err = q.openBatch(c, reported)
		} else if claim, err = q.openJob(c); claim != nil {
			q.held[claim.ID] = claim
			claims = append(claims, claim)
		}
		if err != nil {
			// It could not be read now (no descriptor left, a broken disk), or is held
			// back: it goes back as it was and is claimed again, not left until the next recovery.
			back := q.s.fs.move(q.s.path("cur", c.File), q.s.path("new", c.File))
			if errors.Is(err, errKept) {
				err = back
			} else {
				err = errors.Join(err, back)
			}
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return claims, more, err
	}
	// A file on trial may turn out to hold nothing to trace: then nobody ends
	// it, and the next one must not wait for a hint.
	q.more = q.more || skipped && !q.onTrial()
	return claims, more, nil
}

// onTrial says that a claim is on its last attempt and has not sent a probe
// yet. There is one file of that kind at a time: if the runner dies, it is
// the only one that goes to bad/, and others that waited beside it do not share its fate.
func (q *Queue) onTrial() bool {
	for _, c := range q.held {
		if c.onTrial() {
			return true
		}
	}
	return q.waiting.onTrial()
}

func (c *Claim) onTrial() bool { return c.Last() && !c.Sent() }

// take moves one file of new/ to cur/. Nil without error: it was not to be
// claimed, and went elsewhere.
func (q *Queue) take(file string, reported func(ulid.ULID) bool) (*copyOf, error) {
	n, ok := parseFile(file)
	if !ok || n.reason || n.kind != kindJob && n.kind != kindBatch {
		return nil, q.stray(file, "is no name of a job: <ULID>.job; jobs of strangers belong into drop/")
	}
	_, held := q.held[n.id]
	_, heldBatch := q.batches[n.id]
	switch {
	case held || heldBatch:
		return nil, q.stray(file, "has the ID of a job that is being traced")
	case n.kind == kindJob && reported(n.id):
		q.s.note(Note{What: NoteRemoved, ID: n.id, File: "new/" + file, Text: "is reported already"})
		return nil, q.s.fs.remove(q.s.path("new", file))
	}
	err := q.s.fs.move(q.s.path("new", file), q.s.path("cur", file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil // taken back by its sender, whose sync failed
	case err != nil:
		return nil, err
	}
	return &copyOf{Found{Name: Name{"cur", file}}, n}, nil
}

// stray moves what does not belong into new/ to bad/, under a new ID.
func (q *Queue) stray(file, reason string) error {
	id, err := q.s.newID()
	if err != nil {
		return err
	}
	as := fileName(id, 0, kindForeign)
	if err := q.s.toBad("new", file, as, fmt.Sprintf("new/%s %s", oneLine(file), reason)); err != nil {
		return err
	}
	q.s.note(Note{What: NoteBad, ID: id, File: "bad/" + as, Text: reason})
	return nil
}

// openJob reads a claimed job. Nil without error: it was put into bad/.
func (q *Queue) openJob(c copyOf) (*Claim, error) {
	j, err := q.s.readJob(c.Name, c.id)
	if err != nil {
		return nil, q.badFile(c, err)
	}
	if j.Source == "drop" {
		if err := q.outOfDrop(j); err != nil {
			return nil, err
		}
		q.senders.met(j)
	}
	claim := &Claim{ID: c.id, Job: j, Attempt: c.attempts + 1, q: q, file: c.File}
	if err := claim.adoptEvents(); err != nil {
		return nil, err
	}
	return claim, nil
}

// readJob reads a job's file. The name's ID counts; another one inside means that somebody
// copied the file.
func (s *Spool) readJob(n Name, id ulid.ULID) (Job, error) {
	data, err := s.fs.read(s.path(n.Dir, n.File), MaxJobBytes)
	if err != nil {
		return Job{}, err
	}
	j, err := DecodeJob(n.File, data)
	if err != nil {
		return Job{}, err
	}
	if isZeroID(j.ID) {
		j.ID = id
	}
	if j.ID != id {
		return Job{}, fmt.Errorf("%s: id: %s is not that of the file's name", n.File, j.ID)
	}
	if j.Accepted.IsZero() {
		j.Accepted = ulid.Time(id.Time())
	}
	return j, nil
}

// badFile moves a claimed file that cannot be read to bad/. Errors that say
// nothing about the file's content are returned instead.
func (q *Queue) badFile(c copyOf, cause error) error {
	if saysNothing(cause) {
		return cause
	}
	if err := q.s.toBad("cur", c.File, c.File, cause.Error()); err != nil {
		return err
	}
	q.s.note(Note{What: NoteBad, ID: c.id, File: "bad/" + c.File, Text: cause.Error()})
	return nil
}

// saysNothing tells a failure to read (EIO, EMFILE) from a file that was read
// and is wrong.
func saysNothing(err error) bool {
	var path *fs.PathError
	return errors.As(err, &path)
}

// adoptEvents looks at the events that were there before the claim: without
// a probe they are of an attempt that came to nothing.
func (c *Claim) adoptEvents() error {
	e, err := c.q.s.readEvents(c.EventsPath())
	if err != nil {
		return err
	}
	if !e.sent {
		return c.q.s.fs.remove(c.EventsPath())
	}
	c.sent, c.torn = e.sent, e.torn
	return nil
}
