package run

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/internal/trace"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// A trigger that flaps asks two to five times in ten seconds. Requests for
// the same target are served by one trace: the first job traces, the others
// join it, stand in its events and in its report, and leave the spool with it.

// sameTrace is what two jobs must have in common to share a trace.
type sameTrace struct {
	addr       netip.Addr // what the trace is pinned to; invalid: not known yet
	name       string     // where addr is invalid
	family     string
	protocol   probe.Protocol
	port, size int
	tos        uint8
	interval   time.Duration
	maxTTL     int
}

// sharedTrace is a trace that others may join.
type sharedTrace struct {
	job   ulid.ULID // whose trace it is
	joins *trace.Joins
	keys  []sameTrace // that it is found under; guarded by sharing.mu

	// elsewhere is the trace that runs to the address that this one's name was
	// found to have: it serves the job, and those that waited for the look-up.
	elsewhere *sharedTrace

	// nowhere is what a trace leaves whose name has no address: all its events.
	// Written before its joins are closed.
	nowhere []report.Event

	over   chan struct{} // closed when the rest is final
	fate   fate
	report *report.Report // of fateReported
}

// fate is what became of a trace's job, and so of those that joined it.
type fate int

const (
	fateLeft     fate = iota // it stays in cur/, and is recovered by the next run
	fateReported             // its report is durable
	fateReturned             // it was given back, or is bad: nothing was traced
)

// sharing knows the traces that may be joined. The zero value is ready.
type sharing struct {
	mu     sync.Mutex
	traces map[sameTrace]*sharedTrace
	by     map[ulid.ULID]ulid.ULID // who joined, and whose trace
}

func (s *sharing) served(job, by ulid.ULID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.by == nil {
		s.by = map[ulid.ULID]ulid.ULID{}
	}
	s.by[job] = by
}

func (s *sharing) notServed(job ulid.ULID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.by, job)
}

// servedBy is who joined whose trace; at most spool.MaxServed of them.
func (s *sharing) servedBy() map[ulid.ULID]ulid.ULID {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make(map[ulid.ULID]ulid.ULID, min(len(s.by), spool.MaxServed))
	for job, by := range s.by {
		if len(out) == spool.MaxServed {
			break
		}
		out[job] = by
	}
	return out
}

// keys are the names under which a job's trace can be found, the best first;
// none: it shares with nobody.
func (r *Runner) keys(j spool.Job) []sameTrace {
	if j.NoCoalesce || j.Rounds > 0 { // exactly so many probes are its own
		return nil
	}
	t := r.Tracer.Fill(r.traceJob(j))
	k := sameTrace{
		family: j.Family, protocol: t.Protocol, port: t.Port, size: t.Size, tos: t.TOS,
		interval: t.Interval, maxTTL: t.MaxTTL,
	}
	if a, err := netip.ParseAddr(j.Target); err == nil {
		k.addr, k.family = a, ""
		return []sameTrace{k}
	}
	k.name = j.Target
	return []sameTrace{k}
}

// find gives the trace that a job may join, or makes one for others to join:
// then mine is true.
func (s *sharing) find(job ulid.ULID, keys []sameTrace, joins *trace.Joins) (t *sharedTrace, mine bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		if t := s.traces[k]; t != nil {
			return t, false
		}
	}
	t = &sharedTrace{job: job, joins: joins, over: make(chan struct{})}
	for _, k := range keys {
		s.put(k, t)
	}
	return t, true
}

func (s *sharing) put(k sameTrace, t *sharedTrace) {
	if s.traces == nil {
		s.traces = map[sameTrace]*sharedTrace{}
	}
	if s.traces[k] == nil {
		s.traces[k] = t
		t.keys = append(t.keys, k)
	}
}

// at is the key of the same trace to an address.
func (k sameTrace) at(addr netip.Addr) sameTrace {
	k.addr, k.name, k.family = addr, "", ""
	return k
}

// pinned makes a trace to a name known under the address that it got, too.
func (s *sharing) pinned(t *sharedTrace, addr netip.Addr) {
	if !addr.IsValid() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range slices.Clone(t.keys) {
		s.put(k.at(addr), t)
	}
}

// found is pinned where nobody traces that address yet. False: another trace
// does, and until that ends it is known under the name, too.
func (s *sharing) found(t *sharedTrace, addr netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.Clone(t.keys)
	for _, k := range names {
		if o := s.traces[k.at(addr)]; o != nil && o != t {
			t.elsewhere = o
		}
	}
	if t.elsewhere == nil {
		for _, k := range names {
			s.put(k.at(addr), t)
		}
		return true
	}
	s.remove(t)
	for _, k := range names {
		s.put(k, t.elsewhere)
	}
	return false
}

// forget takes out a trace that takes nobody any more.
func (s *sharing) forget(t *sharedTrace) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.remove(t)
}

func (s *sharing) remove(t *sharedTrace) {
	for _, k := range t.keys {
		delete(s.traces, k)
	}
	t.keys = nil
}

// end says what became of a trace's job.
func (t *sharedTrace) end(f fate, rep *report.Report) {
	t.fate, t.report = f, rep
	close(t.over)
}

// share finds a trace that serves a job, and has it served: then it is nil.
// Else it gives the job's own trace, for others to join.
func (r *Runner) share(ctx context.Context, c *spool.Claim, rec *recorder) *sharedTrace {
	keys := r.keys(c.Job)
	alone := &sharedTrace{job: c.ID, joins: &trace.Joins{}, over: make(chan struct{})}
	switch {
	case c.Sent(): // it has a trace already: the watchdog's
		if look, ok := r.look(c.ID); ok {
			if t, mine := r.sharing.find(c.ID, keys, look.Joins()); mine {
				r.sharing.pinned(t, rec.target)
				return t
			}
		}
		return alone
	case c.Last(): // what runners die of must not be hidden in another's trace
		return alone
	}
	for {
		t, mine := r.sharing.find(c.ID, keys, &trace.Joins{})
		if mine {
			return t
		}
		asked := r.Now()
		if r.joined(ctx, c, t) {
			return nil
		}
		if keys[0].name != "" && len(t.nowhere) > 0 && asked.Before(t.nowhere[0].At) {
			alone.nowhere = t.nowhere // one look-up is enough for all who wait for it
			return alone
		}
		r.sharing.forget(t)
	}
}

// joined has a job served by a running trace; false: it must be traced by
// itself.
func (r *Runner) joined(ctx context.Context, c *spool.Claim, t *sharedTrace) bool {
	req := Request(c.Job)
	req.Asked = c.Job.Target
	select {
	case ok := <-t.joins.Ask(req):
		if !ok {
			return false
		}
	case <-ctx.Done():
		return true // it stays in cur/
	}
	r.tally.probed(c.ID)
	where := r.tally.at(joinedOther)
	defer func() { r.tally.leave(where) }()
	r.sharing.served(c.ID, t.job)
	defer r.sharing.notServed(c.ID)
	select {
	case <-t.over:
	case <-ctx.Done():
		return true
	}
	r.endJoined(c, t.fate, t.report)
	return true
}

// endJoined sees a job that joined another's trace to its end.
func (r *Runner) endJoined(c *spool.Claim, f fate, rep *report.Report) {
	var err error
	switch q := requestIn(rep, c.ID); {
	case f == fateLeft:
		return
	case f == fateReported && q != nil:
		if q.AskedToFirstProbe != nil {
			r.tally.lateness(time.Duration(*q.AskedToFirstProbe * float64(time.Millisecond)))
		}
		r.tally.coalesced()
		err = c.Finish()
	default:
		// The trace that it joined ended before a probe was sent for it.
		if err = c.Return(); err == nil {
			r.tally.returned()
		}
	}
	if err != nil {
		r.Log.Error("end a job that joined another's trace; the next run recovers it", "job", c.ID, "err", err)
	}
}

func requestIn(rep *report.Report, id ulid.ULID) *report.Request {
	if rep == nil {
		return nil
	}
	for i := range rep.Evidence.Requests {
		if q := &rep.Evidence.Requests[i]; q.ID == id {
			return q
		}
	}
	return nil
}

// onlyServed leaves out of a builder the requests that joined and for which
// no probe was sent any more: they are traced anew.
func onlyServed(b *report.Builder) (*report.Report, error) {
	rep, err := b.Report()
	if err != nil {
		return nil, err
	}
	served := b.Requests[:1:1]
	for i, q := range rep.Evidence.Requests {
		if i > 0 && q.AskedToFirstProbe != nil {
			served = append(served, b.Requests[i])
		}
	}
	if len(served) == len(b.Requests) {
		return rep, nil
	}
	b.Requests = served
	return b.Report()
}
