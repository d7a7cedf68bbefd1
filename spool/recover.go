package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/oklog/ulid/v2"
)

// freshFor is how long a file in tmp/ is left alone: no sender takes that
// long between writing and renaming.
const freshFor = 10 * time.Minute

// A Recovery tells what Recover found.
type Recovery struct {
	Interrupted []*Claim // probes were sent: write each one's report (one for those that Joined it, too), then Finish it
	Requeued    int      // files given back to new/
	Removed     int      // leftovers and second copies
	Bad         int      // files moved to bad/
}

// Recover brings the spool in order after the last runner ended, however that was: it lists
// the directories, asks Plan and does what it says. Call it once, before
// the first Claim. After an error it may be called again.
func (q *Queue) Recover(reported func(ulid.ULID) bool) (Recovery, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	var r Recovery
	if q.recovered {
		return r, fmt.Errorf("recover spool %s: done already", q.s.dir)
	}
	l, has, err := q.s.found(reported)
	if err != nil {
		return r, fmt.Errorf("recover spool %s: %w", q.s.dir, err)
	}
	for _, a := range Plan(l) {
		if err := q.act(a, has, &r); err != nil {
			clear(q.held)
			clear(q.batches)
			return Recovery{}, fmt.Errorf("recover spool %s: %s %s: %w", q.s.dir, a.Do, a.File, explain(err))
		}
	}
	if err := q.s.sync("bad", "cur", "new", "tmp"); err != nil {
		clear(q.held)
		clear(q.batches)
		return Recovery{}, fmt.Errorf("recover spool %s: %w", q.s.dir, explain(err))
	}
	q.recovered = true
	return r, nil
}

// contents are what the files of a listing hold, so that none is read twice:
// batches, why those that Plan calls unreadable are, and events that count.
type contents struct {
	read   map[ulid.ULID]*batch
	faulty map[Name]error
	events map[ulid.ULID]eventsSeen
}

// found lists everything that Plan wants to know. Of jobs that lie in new/ and
// nowhere else it does not ask whether they are reported: each claim asks
// that anyway, and a long queue must not hold up the start.
func (s *Spool) found(reported func(ulid.ULID) bool) (Listing, contents, error) {
	l := Listing{Batches: map[Name][]ulid.ULID{}, Sent: map[ulid.ULID]bool{}, Reported: map[ulid.ULID]bool{}, Joined: map[ulid.ULID]ulid.ULID{}}
	has := contents{map[ulid.ULID]*batch{}, map[Name]error{}, map[ulid.ULID]eventsSeen{}}
	for _, dir := range []string{"tmp", "new", "cur", "bad"} {
		names, err := s.list(dir)
		if err != nil {
			return l, has, err
		}
		for _, file := range names {
			f := Found{Name: Name{dir, file}}
			if dir == "tmp" {
				st, err := s.fs.lstat(s.path(dir, file))
				if errors.Is(err, fs.ErrNotExist) {
					continue // its sender moved on
				}
				if err != nil {
					return l, has, err
				}
				f.Fresh = s.now().Sub(time.Unix(st.Mtim.Unix())).Abs() < freshFor
			}
			l.Files = append(l.Files, f)
			n, ok := parseFile(file)
			switch {
			case !ok || n.reason:
			case n.kind == kindBatch && dir != "tmp":
				b, err := s.readBatch(f.Name, n.id)
				if saysNothing(err) {
					return l, has, err
				}
				if err != nil {
					has.faulty[f.Name] = err
				} else {
					has.read[n.id] = b
					for _, line := range b.lines {
						l.Batches[f.Name] = append(l.Batches[f.Name], line.id)
						if dir != "new" {
							ask(l.Reported, line.id, reported)
						}
					}
				}
			case n.kind == kindEvents && dir == "cur":
				if ask(l.Reported, n.id, reported); l.Reported[n.id] {
					break // they go, whatever they hold
				}
				e, err := s.readEvents(s.path(dir, file))
				if err != nil {
					return l, has, err
				}
				l.Sent[n.id], has.events[n.id] = e.sent, e
				for _, id := range e.joined {
					l.Joined[id] = n.id
				}
			case n.kind == kindJob && dir != "new":
				ask(l.Reported, n.id, reported)
			}
		}
	}
	return l, has, nil
}

func ask(known map[ulid.ULID]bool, id ulid.ULID, reported func(ulid.ULID) bool) {
	if _, ok := known[id]; !ok {
		known[id] = reported(id)
	}
}

// act does one action of the plan.
func (q *Queue) act(a Action, has contents, r *Recovery) error {
	switch a.Do {
	case Remove:
		r.Removed++
		return q.s.fs.remove(q.s.path(a.File.Dir, a.File.File))
	case Explain:
		return q.s.writeReason(a.File.File, a.Reason)
	case Report:
		c, err := q.interrupted(a, has)
		if c != nil {
			r.Interrupted = append(r.Interrupted, c)
		}
		return err
	}
	if a.To.Dir != "bad" {
		if a.To.Dir == "new" {
			r.Requeued++
		}
		return q.s.fs.move(q.s.path(a.File.Dir, a.File.File), q.s.path(a.To.Dir, a.To.File))
	}
	if a.Reason == "" { // events that follow their job, whose reason is there
		return q.s.fs.move(q.s.path(a.File.Dir, a.File.File), q.s.path(a.To.Dir, a.To.File))
	}
	if err := has.faulty[a.File]; err != nil {
		a.Reason = err.Error()
	}
	r.Bad++
	q.s.note(Note{What: NoteBad, ID: a.ID, File: a.To.String(), Text: a.Reason})
	return q.s.toBad(a.File.Dir, a.File.File, a.To.File, a.Reason)
}

// interrupted makes a claim of a job that a dead runner left with probes
// sent.
func (q *Queue) interrupted(a Action, has contents) (*Claim, error) {
	n, _ := parseFile(a.File.File) // Plan names only files that it could parse
	c := &Claim{ID: a.ID, Attempt: n.attempts + 1, Joined: a.With, q: q}
	if n.kind == kindBatch {
		b := has.read[n.id]
		for i, l := range b.lines {
			if l.id == a.ID {
				c.Job = b.job(i)
			}
		}
		if a.File.Dir == "cur" { // nothing else of it is open: it goes with the last report
			hb := q.batches[n.id]
			if hb == nil {
				hb = &heldBatch{id: n.id, file: a.File.File, attempts: n.attempts}
				q.batches[n.id] = hb
			}
			hb.left++
			c.batch = hb
		}
	} else {
		j, err := q.s.readJob(a.File, a.ID)
		if err != nil {
			// The evidence goes with it; nobody could say what it is of.
			events := fileName(a.ID, 0, kindEvents)
			err = q.badFile(copyOf{Found{Name: a.File}, n}, err)
			if err == nil {
				err = q.s.fs.move(q.s.path("cur", events), q.s.path("bad", events))
			}
			return nil, err
		}
		c.Job, c.file = j, a.File.File
	}
	e := has.events[a.ID] // none where it joined another's trace
	c.sent, c.torn = e.sent, e.torn
	q.held[a.ID] = c
	return c, nil
}
