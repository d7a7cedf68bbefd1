package probe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Options are what a Scheduler is made with. Zero fields take their default.
type Options struct {
	MaxPPS       int    // probes/s of all classes but Watch; 5000
	WatchPPS     int    // probes/s of class Watch; 10000
	PolitePPS    int    // probes/s to one router; 10
	Path         string // of mtr-packet; looked for in PATH and /usr/sbin
	MaxProcesses int    // 16; up to 4 more serve TCP

	// Do runs a function in the network namespace of the probes, on one
	// thread; without it they leave from this process's.
	Do func(func() error) error

	Now func() time.Time
	Log *slog.Logger

	// For tests.
	env   []string      // of the children
	proc  string        // /proc
	idle  time.Duration // idleTimeout
	word  time.Duration // wordTimeout
	greet time.Duration // greetTimeout
	life  int           // probes of one process
}

const (
	// An answer that mtr-packet timed within the deadline may need a moment
	// to reach us.
	answerGrace = 10 * time.Millisecond
	// Of calm classes, whose answers may be taken in later.
	calmGrace = answerGrace + gatherCalm + calmTurn

	tick      = time.Millisecond      // between turns while there is something to send
	leastTurn = time.Millisecond      // between any two turns
	calmTurn  = 10 * time.Millisecond // the same while only calm classes have anything under way
	slowTurn  = beatGap               // between turns while anything is under way
	idleTurn  = time.Second

	stallLeast = 100 * time.Millisecond  // what comes later than that was kept from running
	stallDeaf  = time.Second             // after that long, sockets may have overflowed
	stallGrace = 50 * time.Millisecond   // for answers that wait in pipes to be read
	stallWait  = 1200 * time.Millisecond // for mtr-packet's word on what was under way
)

// Scheduler sends probes in order, at a pace, and says what became of them.
type Scheduler struct {
	opt        Options
	inbox      inbox
	streams    *streams
	successors successors

	newMaxPPS atomic.Int64 // to be used from now on; 0: no change

	statsMu sync.Mutex
	stats   Stats // as published

	// What follows belongs to Run.
	pool    *pool
	sources *sources
	order   order
	parked  fifo[*Handle] // TCP without a process, in order
	nParked int
	watch   budget
	rest    budget
	wheel   *wheel
	count   Stats // the counters
	planned time.Time
	stall   stall
}

// New makes a scheduler. It sends nothing until Run.
func New(opt Options) *Scheduler {
	setDefault(&opt.MaxPPS, 5000)
	setDefault(&opt.WatchPPS, 10000)
	setDefault(&opt.PolitePPS, 10)
	setDefault(&opt.MaxProcesses, 16)
	setDefault(&opt.proc, "/proc")
	setDefault(&opt.idle, idleTimeout)
	setDefault(&opt.word, wordTimeout)
	setDefault(&opt.greet, greetTimeout)
	if opt.Do == nil {
		opt.Do = func(f func() error) error { return f() }
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.New(slog.DiscardHandler)
	}
	s := &Scheduler{opt: opt, streams: newStreams(float64(opt.PolitePPS))}
	s.inbox.init()
	s.pool = newPool(opt, &s.inbox)
	return s
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Submit queues one request. Its Done is called from Run, never from here.
func (s *Scheduler) Submit(r Request) *Handle { return s.SubmitAll([]Request{r})[0] }

// SubmitAll queues requests; the handles are in their order.
func (s *Scheduler) SubmitAll(rs []Request) []*Handle {
	slab := make([]Handle, len(rs))
	hs := make([]*Handle, len(rs))
	for i := range rs {
		slab[i] = Handle{s: s, req: rs[i]}
		hs[i] = &slab[i]
	}
	if !s.inbox.submit(hs) {
		// Not from here: the caller may hold what Done needs.
		go func() {
			for _, h := range hs {
				h.tell(Result{Outcome: Unsent, Err: ErrStopped})
			}
		}()
	}
	return hs
}

// Learn notes that a trace to target saw next right after prev; an invalid
// prev is this machine.
func (s *Scheduler) Learn(target, prev, next netip.Addr) {
	s.successors.learn(target, prev, next, s.opt.Now())
}

// Key is the stream for a TTL of a trace to target that kept silent, gap
// TTLs after prev (invalid: this machine): that of the only router which
// traces have seen right after prev, else one of its own, at 1 probe/s.
func (s *Scheduler) Key(target, prev netip.Addr, gap int) RouterKey {
	return s.successors.key(target, prev, gap, s.opt.Now())
}

// Beyond says that a probe past router was answered in a round in which
// router kept silent: it limits its answers, rather than being cut off.
func (s *Scheduler) Beyond(router netip.Addr) { s.streams.beyond(router) }

// Shared is how many paced probes of all traces were sent toward router and
// how many were answered. Both only grow, until the router was in no trace
// for ten minutes and is forgotten: take differences, within one trace.
func (s *Scheduler) Shared(router netip.Addr) (sent, answered int) { return s.streams.shared(router) }

// SetMaxPPS changes Options.MaxPPS while the scheduler runs.
func (s *Scheduler) SetMaxPPS(pps int) { s.newMaxPPS.Store(int64(pps)) }

// Stats is at most a second old while the scheduler runs.
func (s *Scheduler) Stats() Stats {
	s.statsMu.Lock()
	defer s.statsMu.Unlock()
	return s.stats
}

// Run sends until ctx is done. What has not been answered by then is Unsent
// with ErrStopped. It returns when every child has ended and every Done has
// been called, with an error only where it could not begin. It runs once.
func (s *Scheduler) Run(ctx context.Context) error {
	src, err := openSources(s.opt.Do)
	if err != nil {
		s.inbox.stop()
		s.flushQueues(err)
		return err
	}
	defer src.close()
	s.sources = src
	now := s.opt.Now()
	s.watch = newBudget(float64(s.opt.WatchPPS), watchCatchUp, now)
	s.rest = newBudget(float64(s.opt.MaxPPS), maxCatchUp, now)
	s.wheel = newWheel(now)
	s.planned = now

	ctx, cancel := context.WithCancel(ctx)
	end := s.pool.begin()
	s.loop(ctx)
	cancel()
	s.inbox.stop()
	end()
	s.finish()
	return nil
}

func (s *Scheduler) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var mail letters
	for ctx.Err() == nil {
		now := s.opt.Now()
		s.noteStall(now, s.planned)
		mail = s.inbox.take(mail)
		s.receive(&mail, now)
		if now.Sub(s.stall.end) >= stallGrace {
			s.wheel.advance(now, func(h *Handle) { s.overdue(h, now) })
		}
		for h := s.streams.release(now); h != nil; h = s.streams.release(now) {
			h.state = stateReady
			s.order.push(h)
		}
		s.send(now)
		s.pool.maintain(ctx, now, s.nParked > 0, s.stall.end)
		s.streams.sweep(now)
		s.sources.sweep(now)
		s.publish()
		s.sleep(ctx, timer, now)
	}
}

// sleep waits until there is something to do. Turns keep a least distance,
// so that under load each does the work of many events.
func (s *Scheduler) sleep(ctx context.Context, timer *time.Timer, began time.Time) {
	now := s.opt.Now()
	s.noteStall(now, began)
	wait := s.untilNext(now)
	s.planned = now.Add(wait)
	turn := leastTurn
	if s.isCalm() {
		turn = calmTurn
		s.pool.gather.Store(int64(gatherCalm))
	} else {
		s.pool.gather.Store(int64(gather))
	}
	least := min(wait, turn-now.Sub(began))
	if least > 0 {
		timer.Reset(least)
		select {
		case <-timer.C:
		case <-s.inbox.urgent:
			return
		case <-ctx.Done():
			return
		}
		wait -= least
	}
	if wait <= 0 {
		return
	}
	timer.Reset(wait)
	select {
	case <-timer.C:
	case <-s.inbox.wake:
	case <-ctx.Done():
	}
}

// isCalm says that only calm classes have anything waiting or under way.
func (s *Scheduler) isCalm() bool {
	c, waits := s.order.first(FirstOwn)
	return (!waits || c.calm()) && s.nParked == 0 && s.pool.hasty() == 0
}

// untilNext is how long nothing has to be done unless something comes in.
func (s *Scheduler) untilNext(now time.Time) time.Duration {
	wait := idleTurn
	busy := s.pool.inFlight() > 0
	for _, k := range s.pool.kinds {
		busy = busy || k.starting > 0 || k.failures > 0
	}
	if busy {
		wait = slowTurn
	}
	if at, ok := s.wheel.next(); ok {
		wait = min(wait, at.Sub(now))
	}
	if at, ok := s.streams.next(); ok {
		wait = min(wait, at.Sub(now))
	}
	if s.order.len(Watch) > 0 {
		wait = min(wait, s.watch.wait())
	}
	if _, ok := s.order.first(FirstOwn); ok || s.nParked > 0 {
		wait = min(wait, s.rest.wait())
	}
	return max(wait, tick)
}

// noteStall sees that this process was kept from running.
func (s *Scheduler) noteStall(now, planned time.Time) {
	late := now.Sub(planned)
	if late < stallLeast {
		return
	}
	if late >= stallDeaf {
		s.opt.Log.Warn("this process was kept from running", "dur_ms", late.Milliseconds())
	}
	s.stall = stall{end: now, length: late}
	s.count.Stalls++
}

// receive takes in what came since the last turn.
func (s *Scheduler) receive(mail *letters, now time.Time) {
	for i := range mail.answers {
		s.answer(&mail.answers[i])
	}
	for _, n := range mail.children {
		orphans, why := s.pool.news(n, now)
		for _, h := range orphans {
			s.wheel.remove(h)
			s.unsent(h, why)
		}
	}
	for _, h := range mail.requests {
		if err := h.req.check(); err != nil {
			s.unsent(h, err)
			continue
		}
		if h.req.Class >= LongLook && h.req.Router.IsValid() {
			s.streams.push(h, now)
			continue
		}
		h.state = stateReady
		s.order.push(h)
	}
	for _, h := range mail.cancels {
		s.cancel(h)
	}
}

// cancel takes a request back that has not left.
func (s *Scheduler) cancel(h *Handle) {
	switch {
	case h.state == stateWaiting:
	case h.state == stateReady && h.parked:
		s.nParked--
	case h.state == stateReady:
		s.order.drop(h.req.Class)
	default:
		return
	}
	s.unsent(h, fmt.Errorf("send probe to %s: %w", h.req.Addr, ErrCancelled))
}

// send hands over as many probes as budgets and processes allow.
func (s *Scheduler) send(now time.Time) {
	s.watch.refill(now)
	s.rest.refill(now)
	if pps := s.newMaxPPS.Swap(0); pps > 0 {
		s.rest = newBudget(float64(pps), maxCatchUp, now)
	}
	s.sendParked(now)
	for s.order.len(Watch) > 0 && s.watch.has() && s.sendNext(Watch, &s.watch, now) {
	}
	for s.rest.has() {
		c, ok := s.order.first(FirstOwn)
		if !ok || !s.sendNext(c, &s.rest, now) {
			break
		}
	}
	for _, p := range s.pool.procs {
		p.beat(now)
		if len(p.pend) > 0 && !p.killed {
			s.flush(p)
		}
	}
}

// sendNext sends the next of a class. It is false where no process has room.
func (s *Scheduler) sendNext(c Class, b *budget, now time.Time) bool {
	ended := s.pool.ended(kindOther)
	if ended == nil && !s.pool.hasRoom(c) {
		return false
	}
	h := s.order.pop(c)
	if h.req.Protocol == TCP {
		h.parked = true
		s.parked.push(h)
		s.nParked++
		s.sendParked(now)
		return true
	}
	if ended != nil {
		s.unsent(h, ended)
		return true
	}
	s.place(h, b, now)
	return true
}

// sendParked sends the TCP probes whose turn came before there was a process.
func (s *Scheduler) sendParked(now time.Time) {
	for s.nParked > 0 {
		h := s.parked.peek()
		if h.state != stateReady {
			s.parked.pop()
			continue
		}
		b := &s.rest
		if h.req.Class == Watch {
			b = &s.watch
		}
		ended := s.pool.ended(kindTCP)
		if ended == nil && (!b.has() || s.pool.pick(&h.req.Spec, h.req.Class) == nil) {
			return
		}
		s.parked.pop()
		s.nParked--
		h.parked = false
		if ended != nil {
			s.unsent(h, ended)
			continue
		}
		s.place(h, b, now)
	}
}

// place gives a probe to a process that has room, which there is.
func (s *Scheduler) place(h *Handle, b *budget, now time.Time) {
	r := &h.req
	p := s.pool.pick(&r.Spec, r.Class)
	if err := r.checkFeatures(&p.features); err != nil {
		s.unsent(h, err)
		return
	}
	age := sourceAge
	if r.Class == Watch {
		age = sourceAgeWatch
	}
	source, err := s.sources.find(r.Addr, r.Source, now, age)
	if err != nil && !errors.Is(err, errNoRoute) {
		s.unsent(h, err)
		return
	}
	b.take()
	h.state = stateSent
	if err != nil {
		s.left(h, now)
		s.done(h, Result{Outcome: NoRoute})
		return
	}
	s.pool.put(p, h, source)
}

// flush writes to a process, and notes when its probes left.
func (s *Scheduler) flush(p *process) {
	now := s.opt.Now()
	if err := p.flush(now); err != nil {
		p.kill(fmt.Errorf("%w: %w", err, ErrProcess))
		return
	}
	for i, h := range p.batch {
		p.batch[i] = nil
		s.left(h, now)
		grace := answerGrace
		if h.req.Class.calm() {
			grace = calmGrace
		}
		s.wheel.add(h, now.Add(h.req.Deadline+grace))
	}
	p.batch = p.batch[:0]
}

func (s *Scheduler) left(h *Handle, now time.Time) {
	h.sent = now
	s.count.Sent++
	if h.stream != nil {
		s.streams.sent(h.stream, now)
	}
	if h.req.OnSent != nil {
		h.req.OnSent(now)
	}
}

// publish copies the counters for Stats.
func (s *Scheduler) publish() {
	st := s.count
	st.Processes, st.InFlight = len(s.pool.procs), s.pool.inFlight()
	st.Started, st.Restarts, st.Garbage = s.pool.stats.started, s.pool.stats.restarts, s.pool.stats.garbage
	st.Features = s.pool.latest
	st.Err = s.pool.ended(kindOther)
	st.Waiting = s.streams.waiting()
	st.Queued = s.order.n
	st.Queued[FirstOwn] += s.nParked
	s.statsMu.Lock()
	defer s.statsMu.Unlock()
	s.stats = st
}

// finish tells everybody who still waits that nothing more will come.
func (s *Scheduler) finish() {
	for _, p := range s.pool.procs {
		for _, h := range p.orphans() {
			s.wheel.remove(h)
			s.unsent(h, ErrStopped)
		}
	}
	s.pool.procs = nil
	s.flushQueues(ErrStopped)
	s.publish()
}

// flushQueues calls Done for all that was submitted and has not left.
func (s *Scheduler) flushQueues(why error) {
	mail := s.inbox.take(letters{})
	for _, h := range mail.requests {
		s.unsent(h, why)
	}
	for c, ok := s.order.first(Watch); ok; c, ok = s.order.first(Watch) {
		s.unsent(s.order.pop(c), why)
	}
	for s.parked.len() > 0 {
		if h := s.parked.pop(); h.state == stateReady {
			s.unsent(h, why)
		}
	}
	s.nParked = 0
	for _, h := range s.streams.drain() {
		s.unsent(h, why)
	}
}
