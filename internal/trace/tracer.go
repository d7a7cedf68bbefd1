package trace

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/report"
)

// firstLookGrace is how long first looks may go on once mtrq was told to
// stop.
const firstLookGrace = 3 * time.Second

// Prober sends probes; *probe.Scheduler is one.
type Prober interface {
	SubmitAll([]probe.Request) []*probe.Handle
	// Key says whose turn a probe has to wait for at a TTL that stayed
	// silent, gap TTLs after prev (invalid: this machine).
	Key(target, prev netip.Addr, gap int) probe.RouterKey
	Learn(target, prev, next netip.Addr)
	Beyond(router netip.Addr)
	Shared(router netip.Addr) (sent, answered int)
}

// Rule holds the defaults for what a job leaves open, and the stop rule.
type Rule struct {
	Interval    time.Duration // between rounds
	MaxTTL      int
	MinPackets  int           // to the target
	Tail        time.Duration // clean before the end
	MaxDuration time.Duration
	SlotWait    time.Duration // for a slot; a clean target's trace ends with its first look then
}

// A Job is what is to be traced, and how. Zero fields take their default.
type Job struct {
	Target   string // address or name
	Family   string // "4", "6" or ""
	Asker    string // source of the request: cli, http, …, for the policy
	Protocol probe.Protocol
	Port     int
	Size     int
	TOS      uint8
	Local    netip.Addr // source address; invalid: the kernel's choice
	Interval time.Duration
	Rounds   int
	MaxTTL   int

	// Found, unless nil, is told the address that Target resolves to, before
	// anything is sent or emitted. False: another trace serves the job.
	Found func(netip.Addr) bool

	// Of a look that is taken before anybody has asked for a report, which
	// the watchdog does when a ping is missed.
	Address netip.Addr  // of Target, where that is known already; else it is looked up
	Known   bool        // the target has answered before
	Joins   *Joins      // unless nil: others may join
	Hold    <-chan bool // unless nil: after the first look, true goes on with the long look, false ends it there
}

// Paths remembers paths; *paths.Memory is one.
type Paths interface {
	Length(target netip.Addr) (ttl uint8, known bool)
	Path(target netip.Addr) (*report.Path, bool)
}

// A Tracer runs traces, any number at once.
type Tracer struct {
	Prober   Prober
	Policy   Policy
	Resolver Resolver
	Memory   *Memory
	Paths    Paths // nil: Memory alone
	Slots    *Slots
	Rule     Rule
	Node     string // name, for the events
	Now      func() time.Time
	Clock    func() *report.HostClock // state of the machine's clock, for the events; nil: not asked

	traces   atomic.Uint64
	settings sync.RWMutex // of Policy and Rule, once traces run
}

// Set changes policy and rule for the traces that begin from now on.
func (t *Tracer) Set(p Policy, r Rule) {
	t.settings.Lock()
	defer t.settings.Unlock()
	t.Policy, t.Rule = p, r
}

// current is policy and rule as they are now.
func (t *Tracer) current() (Policy, Rule) {
	t.settings.RLock()
	defer t.settings.RUnlock()
	return t.Policy, t.Rule
}

// Check asks the policy that is in force now.
func (t *Tracer) Check(q Question) error {
	p, _ := t.current()
	return p.Check(q)
}

// Trace runs one job to its end, calling emit with each event from this
// goroutine. When drain is closed it ends early: a long look at once, a
// first look within three seconds. It returns why it ended and how many
// probes have left; when ctx ends, it returns at once, with
// report.EndedInterrupted and no end event. It says no reason (and 0 probes)
// where another trace serves the job (Job.Found), or nothing can be sent from
// this machine at all (probe.ErrUnable): then there is nothing to report.
func (t *Tracer) Trace(ctx context.Context, drain <-chan struct{}, job Job, emit func(report.Event)) (report.Ended, int) {
	defer job.Joins.Close()
	r := &running{Tracer: t, job: t.Fill(job), emit: emit, start: t.Now()}
	r.policy, r.rule = t.current()
	found, err := pinned{addr: job.Address}, error(nil)
	if !job.Address.IsValid() {
		found, err = pin(ctx, t.Resolver, t.Memory, job.Target, job.Family)
	}
	if ctx.Err() != nil {
		return report.EndedInterrupted, 0
	}
	// An address of before is told in this trace's events: it stays a trace of its own.
	if err == nil && found.note == "" && job.Found != nil && !job.Found(found.addr) {
		return "", 0
	}
	// A look-up may have taken a while; times count from what follows.
	r.start = t.Now()
	r.target = found.addr
	r.begin(found)
	if err != nil {
		return r.finish(report.EndedFailed, err), 0
	}
	if err := r.policy.Check(Question{Addr: found.addr, Source: job.Asker, Port: r.job.Port}); err != nil {
		return r.finish(report.EndedRefused, err), 0
	}
	return r.run(ctx, drain)
}

// Fill puts the defaults in.
func (t *Tracer) Fill(j Job) Job {
	if j.Protocol == "" {
		j.Protocol = probe.ICMP
	}
	if j.Port == 0 {
		j.Port = map[probe.Protocol]int{probe.TCP: 443, probe.UDP: 33434}[j.Protocol]
	}
	if j.Size == 0 {
		j.Size = 64
	}
	_, rule := t.current()
	if j.Interval == 0 {
		j.Interval = rule.Interval
	}
	if j.MaxTTL == 0 {
		j.MaxTTL = rule.MaxTTL
	}
	return j
}

// running is one trace under way: a machine, and what it needs of the
// world.
type running struct {
	*Tracer
	policy Policy // as they were when it began
	rule   Rule
	job    Job
	emit   func(report.Event)
	start  time.Time
	target netip.Addr

	id      uint64
	machine *machine
	box     mailbox
	flights []flight // by number of the probe
	shared  map[netip.Addr]count
	slot    *Slot
	joined  int // requests that joined
}

type flight struct {
	handle   *probe.Handle
	deadline time.Duration
	router   netip.Addr // whose answer was expected, where that is known
}

type count struct{ sent, answered int }

// begin writes the start event.
func (r *running) begin(found pinned) {
	target := &report.Target{
		Asked: r.job.Target, Address: found.addr,
		Protocol: string(r.job.Protocol), Port: r.job.Port, Size: r.job.Size, TOS: int(r.job.TOS), Source: r.job.Local,
		Interval: millis(r.job.Interval), Rounds: r.job.Rounds, MaxTTL: r.job.MaxTTL,
	}
	if found.took > 0 {
		ms := millis(found.took)
		target.Resolved = &ms
	}
	l := limits{
		interval: r.job.Interval, rounds: r.job.Rounds, maxTTL: uint8(r.job.MaxTTL),
		minPackets: r.rule.MinPackets, tail: r.rule.Tail, maxDuration: r.rule.MaxDuration,
	}
	if found.addr.IsValid() {
		l.knownLength, l.known = r.length(found.addr)
		l.known = l.known || r.job.Known
		target.Known, target.KnownTTL = l.known, int(l.knownLength)
	}
	r.machine = newMachine(l, r.start)
	start := report.Event{
		E: report.EventStart, At: r.start, Schema: report.Schema, Node: r.Node,
		Source: localAddr(found.addr, r.job.Local), Target: target,
	}
	if r.Clock != nil {
		start.Clock = r.Clock()
	}
	r.emit(start)
	if t := r.Paths; t != nil && found.addr.IsValid() {
		if p, ok := t.Path(found.addr); ok {
			r.emit(report.Event{E: report.EventUsual, Path: p})
		}
	}
	if found.note != "" {
		r.emit(report.Event{E: report.EventNote, Text: found.note})
	}
}

// length is how long the path to a target was, as far as anybody remembers.
func (t *Tracer) length(target netip.Addr) (ttl uint8, known bool) {
	ttl, known = t.Memory.Path(target)
	if ttl == 0 && t.Paths != nil {
		if l, ok := t.Paths.Length(target); ok {
			return l, true
		}
	}
	return ttl, known
}

// localAddr is the address that probes to a target leave from: what a
// connected UDP socket is given, without a packet being sent. Invalid
// where there is no route.
func localAddr(target, asked netip.Addr) netip.Addr {
	if asked.IsValid() || !target.IsValid() {
		return asked
	}
	c, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(target, 9)))
	if err != nil {
		return netip.Addr{}
	}
	defer c.Close()
	a, _ := netip.AddrFromSlice(c.LocalAddr().(*net.UDPAddr).IP)
	return a.Unmap()
}

func (r *running) run(ctx context.Context, drain <-chan struct{}) (report.Ended, int) {
	r.id = r.traces.Add(1)
	r.box.wake = make(chan struct{}, 1)
	r.shared = map[netip.Addr]count{}
	m := r.machine
	timer := time.NewTimer(0)
	defer timer.Stop()
	var draining bool
	var granted <-chan struct{}
	var held <-chan bool
	var grace, slotWait <-chan time.Time
	defer func() {
		if r.slot != nil {
			r.slot.Release()
		}
	}()

	joins := r.job.Joins.open()
	askSlot := func() {
		r.slot = r.Slots.Ask()
		granted = r.slot.Granted()
		select {
		case <-granted:
		default:
			r.phase(report.PhaseWaiting)
			slotWait = time.After(r.rule.SlotWait)
		}
	}
	for before := m.stage; m.stage != done; before = m.stage {
		r.submit(m.step(r.Now()))
		if m.stage != before {
			if before == firstLook && m.left > 0 {
				r.phase(report.PhaseFirstLook)
			}
			switch {
			case m.stage == waiting && draining:
				m.end(report.EndedShutdown)
				continue
			case m.stage == waiting && r.job.Hold != nil:
				held = r.job.Hold
			case m.stage == waiting:
				askSlot()
			case m.stage == closing:
				r.job.Joins.Close()
				r.cancel()
			}
			continue
		}
		if next := m.next(); !next.IsZero() {
			timer.Reset(next.Sub(r.Now()))
		} else {
			timer.Stop()
		}
		select {
		case <-timer.C:
		case <-r.box.wake:
			r.receive()
		case <-joins:
			if r.welcome(); slotWait != nil && m.again.waves > 0 {
				slotWait = time.After(r.rule.SlotWait + freshLook)
			}
		case <-granted:
			granted, slotWait = nil, nil
			r.remember()
			r.phase(report.PhaseLongLook)
			m.goOn(r.Now())
		case goOn := <-held:
			held = nil
			if goOn {
				askSlot()
			} else {
				m.end(report.EndedFirstLook)
			}
		case <-slotWait:
			slotWait = nil
			switch {
			case m.again.waves > 0: // for one who joined late
				slotWait = time.After(freshLook + maxDeadline)
			case m.clean():
				m.end(report.EndedFirstLook)
			}
		case <-drain:
			draining, drain, granted, held = true, nil, nil, nil
			r.job.Joins.Close()
			if m.stage == firstLook {
				grace = time.After(firstLookGrace)
			} else {
				m.end(report.EndedShutdown)
				r.cancel()
			}
		case <-grace:
			m.end(report.EndedShutdown)
			r.cancel()
		case <-ctx.Done():
			r.cancel()
			return report.EndedInterrupted, m.left
		}
	}
	if m.answered {
		r.Memory.KeepPath(r.target, m.length)
	}
	if m.left == 0 && m.ended == report.EndedShutdown {
		return m.ended, 0 // nothing was traced; the job goes back
	}
	r.reportShared()
	if m.ended == report.EndedComplete && !m.answered && m.left > 0 && r.job.Protocol == probe.ICMP {
		r.tryOthers(ctx)
	}
	var err error
	if m.ended == report.EndedFailed {
		err = fmt.Errorf("no probe could be sent: %w", m.err)
	}
	r.finish(m.ended, err)
	if m.left == 0 && errors.Is(m.err, probe.ErrUnable) {
		return "", 0
	}
	return m.ended, m.left
}

func (r *running) finish(why report.Ended, err error) report.Ended {
	e := report.Event{E: report.EventEnd, MS: r.ms(r.Now()), Ended: why}
	if err != nil {
		e.Error = err.Error()
	}
	r.emit(e)
	return why
}

func (r *running) phase(p report.Phase) {
	r.emit(report.Event{E: report.EventPhase, MS: r.ms(r.Now()), Phase: p})
}

// ms is a time as milliseconds since the start, to a microsecond.
func (r *running) ms(at time.Time) float64 { return millis(at.Sub(r.start)) }

func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
