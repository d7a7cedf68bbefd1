package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"slices"
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
// The cost is bounded: some names are tried, then the directories are listed once, and of the
// batches only those of the job's own millisecond are read. Without rights on the spool the
// error wraps fs.ErrPermission.
func (s *Spool) Where(id ulid.ULID) (Place, error) {
	p, err := s.WhereNamed(id)
	if err != nil || p.State != StateUnknown {
		return p, err
	}
	b, err := s.Batches()
	if err != nil {
		return Place{}, err
	}
	return s.WhereIn(id, b)
}

// WhereNamed is Where for a job with a file of its own: some names are tried,
// and no directory is listed. Of a job of a batch it knows the events alone.
func (s *Spool) WhereNamed(id ulid.ULID) (Place, error) {
	p, err := s.WhereIn(id, Batches{})
	if p.State == StateUnknown {
		p.Events = s.eventsIfAny("cur", id)
	}
	return p, err
}

// WhereIn is Where among batches that were in the spool when it was looked
// through. A job that was accepted later may be in a batch that is not among them.
func (s *Spool) WhereIn(id ulid.ULID, b Batches) (Place, error) {
	// A job moves from new/ to cur/ and, given back, the other way: one that
	// moves against our order of looking is found the second time.
	for range 2 {
		p, err := s.whereOnce(id, true, b.at)
		if err != nil {
			return Place{}, fmt.Errorf("look for job %s: %w", id, withRightsHint(err))
		}
		if p.State != StateUnknown {
			return p, nil
		}
	}
	return Place{State: StateUnknown}, nil
}

// Batches are the batches of a spool. They may have moved since, or be gone.
type Batches struct {
	ids map[uint64][]ulid.ULID // by millisecond, in order
}

// Batches looks through the spool, which takes the longer the more waits there. Who has
// several jobs to look for needs them once.
func (s *Spool) Batches() (Batches, error) {
	b := Batches{map[uint64][]ulid.ULID{}}
	// cur/ is short, and every move goes through it. Listed before new/ it
	// shows what is given back meanwhile, after it what is claimed.
	for _, dir := range []string{"cur", "new", "bad", "cur"} {
		names, err := s.fs.list(s.path(dir, ""))
		if err != nil {
			return Batches{}, fmt.Errorf("look for batches: %w", withRightsHint(err))
		}
		for _, file := range names {
			if n, ok := batchName(file); ok {
				b.ids[n.id.Time()] = append(b.ids[n.id.Time()], n.id)
			}
		}
	}
	for ms, ids := range b.ids {
		slices.SortFunc(ids, ulid.ULID.Compare)
		b.ids[ms] = slices.Compact(ids)
	}
	return b, nil
}

// at gives for every directory all names that those of one millisecond may have.
func (b Batches) at(_ string, ms uint64) (names []string, _ error) {
	for _, id := range b.ids[ms] {
		for n := range MaxAttempts {
			names = append(names, fileName(id, n, kindBatch))
		}
	}
	return names, nil
}

// batchesAt gives the names of the batches in a directory whose IDs are of
// one millisecond, sorted.
type batchesAt func(dir string, ms uint64) ([]string, error)

// whereOnce looks in drop/ (unless the caller comes from there), then in the
// other directories.
func (s *Spool) whereOnce(id ulid.ULID, drop bool, batches batchesAt) (Place, error) {
	if drop {
		for _, name := range namesInDrop(Job{ID: id}) {
			p, ok, err := s.placeOf("drop", name, StateDropped, id)
			if err != nil || ok {
				return p, err
			}
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
		p, ok, err := s.batchOf(l.dir, l.state, id, batches)
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

// batchName takes the name of a batch apart.
func batchName(file string) (parsed, bool) {
	if !strings.HasSuffix(file, "."+string(kindBatch)) { // nearly all others, without a closer look
		return parsed{}, false
	}
	return parseFile(file)
}

// batchOf looks for a batch in dir that holds the job.
func (s *Spool) batchOf(dir string, state State, id ulid.ULID, batches batchesAt) (Place, bool, error) {
	names, err := batches(dir, id.Time())
	if err != nil {
		return Place{}, false, err
	}
	for _, file := range names {
		b, _ := batchName(file)
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
