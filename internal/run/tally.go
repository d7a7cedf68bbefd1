package run

import (
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// place is where a job is between claim and report.
type place int

const (
	queued place = iota
	firstLook
	waiting
	longLook
	joinedOther // served by the trace of another job
	unwritten   // traced, and its report cannot be written yet
	places
)

// latenesses is how many traces the figures of lateness look back.
const latenesses = 1000

// tally counts what run.json shows. The zero value is ready.
type tally struct {
	mu     sync.Mutex
	jobs   [places]int
	counts spool.RunCounts
	late   []float64 // ms from acceptance to first probe, a ring
	next   int       // in late
	last   float64
	wrong  error // of the last write of a report, until one works

	unprobed map[ulid.ULID]time.Time // claimed and without a probe: when it was accepted
}

func (t *tally) claimed(c *spool.Claim) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Claimed++
	if c.Sent() {
		return
	}
	if t.unprobed == nil {
		t.unprobed = map[ulid.ULID]time.Time{}
	}
	t.unprobed[c.ID] = c.Job.Accepted
}

// probed takes a job out of those that wait for their first probe: it has left,
// or the trace that the job joined sends it, or there will be none.
func (t *tally) probed(id ulid.ULID) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.unprobed, id)
}

// oldest says when the oldest of those was accepted; the zero time: there is none.
func (t *tally) oldest() (at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, accepted := range t.unprobed {
		at = older(at, accepted)
	}
	return at
}

// older is the earlier of two times, of which the zero time is none.
func older(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// at counts a job in at a place.
func (t *tally) at(p place) place {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.jobs[p]++
	return p
}

func (t *tally) leave(p place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.jobs[p]--
}

// follow moves a job on as its events tell.
func (t *tally) follow(p place, e report.Event) place {
	to := p
	switch {
	case e.E == report.EventProbe && p == queued:
		to = firstLook
	case e.E == report.EventPhase && e.Phase == report.PhaseWaiting:
		to = waiting
	case e.E == report.EventPhase && e.Phase == report.PhaseLongLook:
		to = longLook
	}
	if to == p {
		return p
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.jobs[p]--
	t.jobs[to]++
	return to
}

// lateness notes how long after its acceptance a job's first probe left.
func (t *tally) lateness(d time.Duration) {
	ms := float64(d.Microseconds()) / 1000
	t.mu.Lock()
	defer t.mu.Unlock()
	t.last = ms
	if len(t.late) < latenesses {
		t.late = append(t.late, ms)
		return
	}
	t.late[t.next] = ms
	t.next = (t.next + 1) % latenesses
}

func (t *tally) returned() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Returned++
}

func (t *tally) coalesced() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Coalesced++
}

func (t *tally) bad() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts.Bad++
}

func (t *tally) reported(interrupted bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrong = nil
	t.counts.Reported++
	if interrupted {
		t.counts.Interrupted++
	}
}

func (t *tally) unwritten(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wrong = err
}

// into fills in what the tally knows of a run state.
func (t *tally) into(st *spool.RunState) (wrong error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	st.Jobs.Queued, st.Jobs.FirstLook = t.jobs[queued], t.jobs[firstLook]
	st.Jobs.Waiting, st.Jobs.LongLook = t.jobs[waiting], t.jobs[longLook]
	st.Jobs.Joined, st.Jobs.Unwritten = t.jobs[joinedOther], t.jobs[unwritten]
	st.Counters = t.counts
	if len(t.late) > 0 {
		sorted := slices.Sorted(slices.Values(t.late))
		at := func(p float64) float64 { return sorted[int(p*float64(len(sorted)-1)+0.5)] }
		st.LatenessMS = &spool.Lateness{Last: t.last, P50: at(0.5), P99: at(0.99), Max: sorted[len(sorted)-1]}
	}
	return t.wrong
}
