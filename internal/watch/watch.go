package watch

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/echo"
	"github.com/mtrq/mtrq/internal/paths"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/internal/targets"
	"github.com/mtrq/mtrq/internal/trace"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// Rules are what opens an incident, and what bounds the watchdog.
type Rules struct {
	Interval time.Duration // of canaries
	Lost, Of int           // opens at so many misses of so many pings
	SlowLost int           // or at so many …
	SlowOf   int           // … of a longer stretch

	// For tests, which do not wait so long. 0 is what is written here.
	ClearFor time.Duration // a target has recovered when it lost at most one ping in this time (60 s) …
	CleanFor time.Duration // … and none in this (10 s)
	QuietFor time.Duration // what comes back so soon is an episode of the same incident (5 min)
	Settle   time.Duration // from opening until people are told: by then a storm is one incident (3 s)
	Together time.Duration // troubles that begin within it are one incident if they share a place (10 s); for three times as long its place is sought anew
}

func (r *Rules) defaults() {
	r.ClearFor, r.CleanFor = cmp.Or(r.ClearFor, 60*time.Second), cmp.Or(r.CleanFor, 10*time.Second)
	r.QuietFor, r.Settle = cmp.Or(r.QuietFor, 5*time.Minute), cmp.Or(r.Settle, 3*time.Second)
	r.Together = cmp.Or(r.Together, 10*time.Second)
}

// Prober sends pings and baseline rounds; *probe.Scheduler is one.
type Prober interface {
	SubmitAll([]probe.Request) []*probe.Handle
	Key(target, prev netip.Addr, gap int) probe.RouterKey
}

// Lists says what is watched; *targets.Lists is one.
type Lists interface {
	Run(ctx context.Context, changed func(targets.List)) error
	Sources() []targets.Source
}

// Archive keeps what is over; *archive.Writer is one.
type Archive interface {
	WriteIncident(*report.Incident) error
	AppendSuspect(report.Suspect) error
}

// Host reads the machine's own state; *host.Reader is one.
type Host interface {
	Snapshot() *report.HostState
	Gateways() []netip.Addr
}

// Hooks tell people; *hook.Sender is one. Send must not block.
type Hooks interface {
	Send(on string, inc *report.Incident)
}

// A Watchdog pings targets, notices when one loses packets, and has the
// evidence made. Set the fields, then call Run once.
type Watchdog struct {
	Rules   Rules
	Lists   Lists
	Anchors Lists // nil: none
	Prober  Prober
	Tracer  *trace.Tracer
	Job     trace.Job // what each trace leaves open: protocol, port, source
	Paths   *paths.Memory
	PathsAt string // file that keeps them over a restart; "": none does
	Pinger  *Pinger
	EchoDo  func(func() error) error // runs a function in the network namespace of the pings; nil: this process's
	Spool   *spool.Spool
	Archive Archive
	Host    Host
	Hooks   Hooks                                   // nil: nobody is told
	Reports func(*report.Incident) []*report.Report // of its members, as far as there are any; nil: none
	Node    report.Node
	Version report.Versions
	Log     *slog.Logger
	Now     func() time.Time

	box   mailbox
	looks looks

	healthMu sync.Mutex
	health   []spool.Health

	// What follows belongs to the loop.
	ctx       context.Context
	stop      <-chan struct{}
	wg        sync.WaitGroup
	traces    sync.WaitGroup
	start     time.Time
	rhythm    *rhythm
	targets   map[key]*target
	order     []*target // of all, canaries too; those that went are swept out
	canaries  map[key]*target
	list      targets.List
	anchors   targets.List
	gateways  []netip.Addr
	waiting   []*target   // suspects whose look has to wait
	ungrouped []*target   // opened, not in an incident yet
	groupAt   time.Time   // when they are looked at
	incidents []*incident // open
	bursts    int         // that run
	pings     int         // dense ones that run
	control   controlRun
	totals    spool.WatchTotals
	stalls    []report.Stall
	clock     clockWatch
	scratch   []time.Duration
	requests  []probe.Request
	echo      *echo.Pinger[pingTag] // nil: there is no such socket
	echoes    []echo.Request[pingTag]
	sweep     int // of order: whose usual is looked at next
	second    time.Time
	wroteAt   time.Time
	savedAt   time.Time
	rounds    baselines
	paused    bool // some target is, or was a second ago
	writer    *stateWriter
}

const (
	stallLeast = 200 * time.Millisecond // of our own pings' sockets
	stallNoted = time.Second            // of the loop
	lateWait   = time.Second            // for an answer after its deadline

	mostSockets = 50   // bursts and dense pings together
	mostLooks   = 1000 // first looks of suspects at once
	groupEvery  = 200 * time.Millisecond
)

// Look is the trace that runs already for a job of the watchdog.
func (w *Watchdog) Look(id ulid.ULID) (Follower, bool) {
	l, ok := w.looks.get(id)
	return l, ok
}

// Follower is what Look gives.
type Follower interface {
	Follow(ctx context.Context, emit func(report.Event)) (report.Ended, int)
	Joins() *trace.Joins
}

// Health is what an operator must know: at most a second old.
func (w *Watchdog) Health() []spool.Health {
	w.healthMu.Lock()
	defer w.healthMu.Unlock()
	return append([]spool.Health(nil), w.health...)
}

// Run watches until stop is closed or ctx ends, and returns when all that it
// started has ended. Open incidents stay in state/: the next Run goes on with
// them.
func (w *Watchdog) Run(ctx context.Context, stop <-chan struct{}) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	w.ctx, w.stop = ctx, stop
	w.box.wake = make(chan struct{}, 1)
	w.start = w.Now()
	w.rhythm = newRhythm(w.start)
	w.targets, w.canaries = map[key]*target{}, map[key]*target{}
	w.second, w.savedAt = w.start, w.start
	w.Rules.defaults()
	w.clock.begin(w.start)
	w.rounds.init()
	w.writer = newStateWriter(w)
	if w.PathsAt != "" {
		if err := w.Paths.LoadFile(w.PathsAt); err != nil && !errors.Is(err, fs.ErrNotExist) {
			w.Log.Warn("path memory cannot be read; it is learnt anew", "file", w.PathsAt, "err", err)
		}
	}
	w.openEcho()
	defer w.closeEcho()
	w.restore()

	w.wg.Go(func() { w.writer.run(ctx) })
	w.wg.Go(func() { w.follow(ctx, w.Lists, func(l targets.List) { w.list = l; w.adopt() }) })
	if w.Anchors != nil {
		w.wg.Go(func() { w.follow(ctx, w.Anchors, func(l targets.List) { w.anchors = l; w.adopt() }) })
	}
	w.wg.Go(func() { w.watchGateways(ctx) })
	w.loop(ctx, stop)
	// Told to stop, traces end in order and become reports; only then does
	// all else end.
	w.traces.Wait()
	w.writer.flush(w)
	cancel()
	w.wg.Wait()
	w.savePaths()
	return nil
}

// openEcho opens the socket that the rhythm's pings leave from. Without the
// right to one they go through the pool, at three times the cost.
func (w *Watchdog) openEcho() {
	opt := echo.Options{Do: w.EchoDo, Now: w.Now, Log: w.Log}
	if a := w.Job.Local; a.Is4() {
		opt.Source4 = a
	} else if a.Is6() {
		opt.Source6 = a
	}
	p, err := echo.Open[pingTag](opt)
	if err != nil {
		w.Log.Warn("no socket of its own to ping from: pings go through mtr-packet", "err", err)
		return
	}
	w.echo = p
}

func (w *Watchdog) closeEcho() {
	if w.echo != nil {
		if err := w.echo.Close(); err != nil {
			w.Log.Warn("close the socket of the pings", "err", err)
		}
	}
}

// follow passes lists on to the loop.
func (w *Watchdog) follow(ctx context.Context, l Lists, changed func(targets.List)) {
	err := l.Run(ctx, func(list targets.List) { w.box.post(func() { changed(list) }) })
	if err != nil && ctx.Err() == nil && !errors.Is(err, context.Canceled) {
		w.Log.Error("lists of targets are read no more", "err", err)
	}
}

// watchGateways asks now and then which way out this machine takes.
func (w *Watchdog) watchGateways(ctx context.Context) {
	t := time.NewTicker(30 * time.Second)
	defer t.Stop()
	for {
		found := w.Host.Gateways()
		w.box.post(func() { w.gateways = found; w.adopt() })
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *Watchdog) loop(ctx context.Context, stop <-chan struct{}) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var pings []pingNews
	planned := w.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-stop:
			return
		default:
		}
		now := w.Now()
		w.noteStall(now, planned)
		w.hear(now)
		var posts []func()
		pings, posts = w.box.take(pings)
		for i := range pings {
			w.got(&pings[i], now)
		}
		for _, f := range posts {
			f()
		}
		w.ask(now)
		if len(w.ungrouped) > 0 && !now.Before(w.groupAt) {
			w.group(now)
			w.writeFresh(now)
		}
		if now.Sub(w.second) >= time.Second {
			w.second = now
			w.eachSecond(now)
		}
		next := w.rhythm.next()
		if s := w.second.Add(time.Second); s.Before(next) {
			next = s
		}
		if len(w.ungrouped) > 0 && w.groupAt.Before(next) {
			next = w.groupAt
		}
		if w.echo != nil {
			if at, ok := w.echo.Next(); ok && at.Before(next) {
				next = at
			}
		}
		wait := max(next.Sub(w.Now()), time.Millisecond)
		planned = w.Now().Add(wait)
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-w.box.wake:
		case <-ctx.Done():
		case <-stop:
		}
	}
}

// noteStall sees that this process was kept from running. What was under way
// is told as unknown by the prober; here it is only written down.
func (w *Watchdog) noteStall(now, planned time.Time) {
	late := now.Sub(planned)
	if late < stallNoted {
		return
	}
	s := report.Stall{At: now.Round(0), MS: late.Milliseconds()}
	w.stalls = append(w.stalls, s)
	if len(w.stalls) > 100 {
		w.stalls = w.stalls[1:]
	}
	for _, inc := range w.incidents {
		inc.stalls = append(inc.stalls, s)
	}
}

// ms is a time as histories keep it. One of the wall clock alone is taken as
// that clock is set now, which may be another way than at the start.
func (w *Watchdog) ms(at time.Time) uint32 {
	if at == at.Round(0) {
		now := w.Now()
		at = now.Add(at.Sub(now))
	}
	return uint32(at.Sub(w.start).Milliseconds())
}

// at is a time of a history, less than 25 days from now.
func (w *Watchdog) at(ms uint32) time.Time {
	now := w.Now()
	return now.Add(time.Duration(int32(ms-w.ms(now))) * time.Millisecond).Round(0)
}

// ask sends the pings that are due: ICMP through a socket of the watchdog's
// own, which costs a third of what a process in between does; UDP and TCP, or
// all where there is no such socket, through the pool.
func (w *Watchdog) ask(now time.Time) {
	reqs, pings := w.requests[:0], w.echoes[:0]
	w.rhythm.take(now, func(t *target) {
		if !t.Addr.IsValid() {
			return
		}
		w.totals.PingsSent++
		tag := pingTag{t, t.hist.add(w.ms(now))}
		if w.echo != nil && (t.Protocol == "" || t.Protocol == string(probe.ICMP)) {
			pings = append(pings, echo.Request[pingTag]{Addr: t.Addr, Deadline: t.deadline, Tag: tag})
			return
		}
		reqs = append(reqs, probe.Request{
			Spec:     w.spec(t),
			Class:    probe.Watch,
			Deadline: t.deadline,
			Done: func(res probe.Result) {
				w.box.ping(pingNews{tag, outcomeOf(res.Outcome), res.Sent, res.RTT})
			},
		})
	})
	if len(pings) > 0 {
		w.echo.Send(now, pings, w.heard)
	}
	if len(reqs) > 0 {
		w.Prober.SubmitAll(reqs)
	}
	clear(reqs)
	clear(pings)
	w.requests, w.echoes = reqs, pings
}

// hear takes in what the watchdog's own socket has heard.
func (w *Watchdog) hear(now time.Time) {
	if w.echo != nil {
		w.echo.Poll(now, w.heard)
	}
}

// heard takes in what became of one ping of the own socket.
func (w *Watchdog) heard(r echo.Result[pingTag]) {
	o := unknown
	switch r.Outcome {
	case echo.Reply:
		o = answered
	case echo.Late:
		o = late
	case echo.Lost:
		o = lost
	case echo.Unreachable:
		o = unreachable
	case echo.NoRoute:
		o = noRoute
	}
	w.got(&pingNews{r.Tag, o, r.Sent, r.RTT}, w.Now())
}

// pingTTL is more than any path uses up.
const pingTTL = 64

// pingSize is that of a whole packet, as traces have it.
const pingSize = 64

func (w *Watchdog) spec(t *target) probe.Spec {
	s := probe.Spec{Addr: t.Addr, TTL: pingTTL, Protocol: probe.Protocol(t.Protocol), Size: pingSize}
	if s.Protocol == "" {
		s.Protocol = probe.ICMP
	}
	if s.Addr.Is4() == w.Job.Local.Is4() && w.Job.Local.IsValid() && !t.Addr.IsLoopback() {
		s.Source = w.Job.Local
	}
	switch s.Protocol {
	case probe.TCP:
		s.Port, s.Size = 443, 0
	case probe.UDP:
		s.Port = 33434
	}
	return s
}

// outcomeOf is a result in the terms of a history.
func outcomeOf(o probe.Outcome) outcome {
	switch o {
	case probe.Reply:
		return answered
	case probe.Late:
		return late
	case probe.Lost:
		return lost
	case probe.Expired, probe.Unreachable: // TTL 64 used up is a loop
		return unreachable
	case probe.NoRoute:
		return noRoute
	}
	return unknown
}

// got takes in what became of a ping.
func (w *Watchdog) got(p *pingNews, now time.Time) {
	t, o := p.t, p.outcome
	c := t.hist.cell(p.n)
	if c == nil || t.gone {
		return
	}
	wasLost := c.outcome().isLost()
	if o == late && !wasLost {
		return
	}
	if !p.sent.IsZero() {
		c.at = w.ms(p.sent)
	}
	c.set(o, p.rtt)
	switch {
	case o == unknown:
		w.totals.PingsUnknown++
	case o == late:
		w.totals.PingsLate++
		w.totals.PingsLost--
	case o.isLost():
		w.totals.PingsLost++
		t.lostAt = now
	}
	if tr := t.trouble; tr != nil {
		tr.strand.put(p.n, *c)
		if tr.counts(p.n) {
			tr.count(o)
		}
		tr.minutes.add(w.at(c.at), o, p.rtt)
	}
	if c.hasRTT() {
		t.answered = true
		t.note(p.rtt, now)
	}
	if t.canary != "" || now.Before(t.paused) {
		return
	}
	w.judge(t, p.n, *c, now)
}

// count keeps a trouble's own tally.
func (t *trouble) count(o outcome) {
	switch {
	case o == late:
		t.lost--
	case o.isLost():
		t.lost++
		t.sent++
	case o.isKnown():
		t.sent++
	}
}
