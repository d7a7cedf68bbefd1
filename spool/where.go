package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/oklog/ulid/v2"
)

// State is how far a job has come.
type State string

const (
	StateUnknown State = "unknown" // not in the spool: reported, or never accepted
	StateDropped State = "dropped" // in drop/: durable, not yet taken by a runner
	StateQueued  State = "queued"  // in new/
	StateClaimed State = "claimed" // in cur/: it runs, or ran when its runner died
	StateBad     State = "bad"     // in bad/, see Reason
)

// A Place says where a job is.
type Place struct {
	State    State
	Attempts int       // times it was given back
	Batch    ulid.ULID // of the batch file that holds it; zero for a job of its own
	Events   string    // path of its events; empty while there are none
	Reason   string    // of StateBad: what is wrong
	Job      Job       // of StateQueued and StateClaimed; without an ID where it moved on before it was read
}

// Where looks for a job in the spool. Ask the archive first, and once more
// when Where says StateUnknown: a job is finished by writing its report, then
// taking it out of the spool. For jobs of a batch StateClaimed and StateBad speak of the batch;
// those of them that are reported are done.
//
// The cost is bounded: some names are tried, and of the batches only those
// of the job's own millisecond are read. Without rights on the spool the
// error wraps fs.ErrPermission.
func (s *Spool) Where(id ulid.ULID) (Place, error) {
	// A job moves from new/ to cur/ and, given back, the other way: one that
	// moves against our order of looking is found the second time.
	for range 2 {
		p, err := s.whereOnce(id, true)
		if err != nil {
			return Place{}, fmt.Errorf("look for job %s: %w", id, withRightsHint(err))
		}
		if p.State != StateUnknown {
			return p, nil
		}
	}
	return Place{State: StateUnknown}, nil
}

// whereAfterDrop is Where without drop/, for the runner that looks at a file
// there.
func (s *Spool) whereAfterDrop(id ulid.ULID) (Place, error) { return s.whereOnce(id, false) }

func (s *Spool) whereOnce(id ulid.ULID, drop bool) (Place, error) {
	if drop {
		p, ok, err := s.placeOf("drop", fileName(id, 0, kindJob), StateDropped, id)
		if err != nil || ok {
			return p, err
		}
	}
	type look struct {
		dir   string
		state State
	}
	looks := []look{{"new", StateQueued}, {"cur", StateClaimed}, {"bad", StateBad}}
	for _, l := range looks {
		for n := 0; n < MaxAttempts; n++ {
			p, ok, err := s.placeOf(l.dir, fileName(id, n, kindJob), l.state, id)
			if err != nil || ok {
				p.Attempts = n
				return p, err
			}
		}
	}
	p, ok, err := s.placeOf("bad", fileName(id, 0, kindForeign), StateBad, id)
	if err != nil || ok {
		return p, err
	}
	for _, l := range looks {
		p, ok, err := s.batchOf(l.dir, l.state, id)
		if err != nil || ok {
			return p, err
		}
	}
	return Place{State: StateUnknown}, nil
}

// placeOf describes a file of the spool, if it is there.
func (s *Spool) placeOf(dir, file string, state State, id ulid.ULID) (Place, bool, error) {
	_, err := s.fs.lstat(s.path(dir, file))
	if errors.Is(err, fs.ErrNotExist) {
		return Place{}, false, nil
	}
	if err != nil {
		return Place{}, false, err
	}
	p := Place{State: state}
	switch state {
	case StateQueued, StateClaimed:
		p.Events = s.eventsIfAny("cur", id)
		if n, ok := parseFile(file); ok && n.kind == kindJob {
			p.Job, _ = s.readJob(Name{dir, file}, id) // a claim may have moved it, and will say what is wrong with it
		}
	case StateBad:
		p.Events = s.eventsIfAny("bad", id)
		reason, err := s.fs.read(s.path("bad", file+".reason"), 0)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Place{}, false, err
		}
		p.Reason = strings.TrimSuffix(string(reason), "\n")
	}
	return p, true, nil
}

func (s *Spool) eventsIfAny(dir string, id ulid.ULID) string {
	path := s.path(dir, fileName(id, 0, kindEvents))
	if _, err := s.fs.lstat(path); err != nil {
		return ""
	}
	return path
}

// batchOf looks for a batch in dir that holds the job.
func (s *Spool) batchOf(dir string, state State, id ulid.ULID) (Place, bool, error) {
	names, err := s.list(dir)
	if err != nil {
		return Place{}, false, err
	}
	for _, file := range names {
		b, ok := parseFile(file)
		if !ok || b.kind != kindBatch || b.reason || b.id.Time() != id.Time() {
			continue
		}
		data, err := s.fs.read(s.path(dir, file), maxBatchBytes)
		if errors.Is(err, fs.ErrNotExist) {
			continue // moved on meanwhile
		}
		if err != nil {
			return Place{}, false, err
		}
		if !bytes.Contains(data, []byte("\n"+id.String()+"\t")) {
			continue
		}
		p, ok, err := s.placeOf(dir, file, state, id)
		if err != nil || ok {
			p.Batch, p.Attempts, p.Job = b.id, b.attempts, lineOf(data, b.id, id)
			return p, ok, err
		}
	}
	return Place{}, false, nil
}

// lineOf reads one job of a batch.
func lineOf(data []byte, batch, id ulid.ULID) Job {
	b, err := decodeBatch("", batch, data)
	if err != nil {
		return Job{} // the claim says what is wrong with it
	}
	for i, l := range b.lines {
		if l.id == id {
			return b.job(i)
		}
	}
	return Job{}
}

// list gives the names in a directory of the spool, sorted, without those
// that begin with a dot.
func (s *Spool) list(dir string) ([]string, error) {
	names, err := s.fs.list(s.path(dir, ""))
	if err != nil {
		return nil, err
	}
	return sortVisible(names), nil
}

// withRightsHint says what to do about missing rights.
func withRightsHint(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: the jobs are their owner's alone: run this as the user of the spool, or ask its web interface", err)
	}
	return err
}
