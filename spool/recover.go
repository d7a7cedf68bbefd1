package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
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
	err := errStale
	for errors.Is(err, errStale) { // each time one file more is in bad/
		err = q.recover(reported, &r)
	}
	if err == nil {
		err = q.s.sync("bad", "cur", "new", "tmp")
	}
	if err != nil {
		clear(q.held)
		clear(q.batches)
		return Recovery{}, fmt.Errorf("recover spool %s: %w", q.s.dir, explain(err))
	}
	q.recovered = true
	return r, nil
}

// errStale: what Plan decided by has changed.
var errStale = errors.New("a job turned out to be bad")

// recover does what Plan says, and adds to r.
func (q *Queue) recover(reported func(ulid.ULID) bool, r *Recovery) error {
	clear(q.held)
	clear(q.batches)
	r.Interrupted = nil
	l, has, err := q.s.found(reported)
	if err != nil {
		return err
	}
	for _, a := range Plan(l) {
		if err := q.act(a, has, r); err != nil {
			return fmt.Errorf("%s %s: %w", a.Do, a.File, err)
		}
	}
	// Where the job could not be read whose trace served another, that one stays, too.
	r.Interrupted = slices.DeleteFunc(r.Interrupted, func(c *Claim) bool {
		alone := c.Joined != (ulid.ULID{}) && q.held[c.Joined] == nil
		if alone {
			delete(q.held, c.ID)
		}
		return alone
	})
	return nil
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
	left := unread{ids: map[ulid.ULID]bool{}}
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
				switch {
				case saysNothing(err):
					left.batch(s, f.Name, n.id, err)
				case err != nil:
					has.faulty[f.Name] = err
				default:
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
					left.file(s, f.Name, n.id, err)
					break
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
	left.takeOut(&l)
	return l, has, nil
}

// unread is what a broken disk or wrong rights keep from being read. It stays where it is
// until the next recovery, and keeps nobody else from being traced.
type unread struct {
	ids     map[ulid.ULID]bool
	batches bool // one is among them: whose events lie in cur/ is not known
}

func (u *unread) file(s *Spool, n Name, id ulid.ULID, err error) {
	u.ids[id] = true
	s.note(Note{What: NoteLeft, ID: id, File: n.String(), Text: explain(err).Error()})
}

func (u *unread) batch(s *Spool, n Name, id ulid.ULID, err error) {
	u.batches = true
	u.file(s, n, id, err)
}

// takeOut has Plan decide without what could not be read.
func (u *unread) takeOut(l *Listing) {
	if len(u.ids) == 0 {
		return
	}
	own := map[ulid.ULID]bool{}
	for _, f := range l.Files {
		if n, ok := parseFile(f.File); ok && n.kind != kindEvents {
			own[n.id] = true
		}
	}
	for name, lines := range l.Batches {
		n, _ := parseFile(name.File)
		left := u.ids[n.id] || slices.ContainsFunc(lines, func(id ulid.ULID) bool { return u.ids[id] })
		if left {
			u.ids[n.id] = true
		}
		for _, id := range lines {
			own[id] = true
			if left {
				u.ids[id] = true
			}
		}
	}
	l.Files = slices.DeleteFunc(l.Files, func(f Found) bool {
		n, ok := parseFile(f.File)
		out := ok && (u.ids[n.id] || u.batches && n.kind == kindEvents && !own[n.id])
		if out {
			delete(l.Sent, n.id) // nobody is reported with a trace that stays here
		}
		return out
	})
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
				hb = &heldBatch{id: n.id, file: a.File.File}
				q.batches[n.id] = hb
			}
			hb.left++
			c.batch = hb
		}
	} else {
		j, err := q.s.readJob(a.File, a.ID)
		if saysNothing(err) {
			q.s.note(Note{What: NoteLeft, ID: a.ID, File: a.File.String(), Text: explain(err).Error()})
			return nil, nil
		}
		if err != nil {
			// The evidence goes with it; nobody could say what it is of.
			events := fileName(a.ID, 0, kindEvents)
			if err = q.badFile(copyOf{Found{Name: a.File}, n}, err); err != nil {
				return nil, err
			}
			err = q.s.fs.move(q.s.path("cur", events), q.s.path("bad", events))
			if err == nil || errors.Is(err, fs.ErrNotExist) { // it joined another's trace
				err = errStale // those who joined its own have to wait again
			}
			return nil, err
		}
		c.Job, c.file = j, a.File.File
		q.senders.met(j)
	}
	e := has.events[a.ID] // none where it joined another's trace
	c.sent, c.torn = e.sent, e.torn
	q.held[a.ID] = c
	return c, nil
}
