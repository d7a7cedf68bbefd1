package watch

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/trace"
	"github.com/mtrq/mtrq/report"
)

// look is a trace that began before anybody asked for it. Its events wait in
// memory; when its job is submitted they are given with it, and whoever runs
// the job follows it from there.
type look struct {
	id     ulid.ULID
	target netip.Addr
	name   string
	hold   chan bool // holds one: what becomes of it after its first look
	joins  trace.Joins
	forget func() // it was followed to its end

	mu     sync.Mutex
	events []report.Event // that nobody has taken over yet
	seen   []seenProbe    // by number, of its first look
	asked  bool           // its job was, or is being, submitted
	start  time.Time      // zero of the events
	source netip.Addr     // that its probes leave from; not valid: not begun, or nobody knows
	probed time.Time      // when its first probe left
	first  bool           // its first look is complete
	ended  report.Ended
	sent   int
	over   bool
	kept   bool          // its job is in the spool
	news   chan struct{} // holds one

	// What follows belongs to the watchdog's loop.
	wanted bool // its job was asked for
	done   bool // the trace has ended
	after  []func()
}

// seenProbe is what became of one probe, as far as it is known.
type seenProbe struct {
	ttl  uint8
	kind report.Kind
	addr netip.Addr
	left bool
}

// seenMost bounds the probes whose fate is kept for finding what many losses
// have in common: three waves over thirty TTLs, and some more.
const seenMost = 128

func newLook(id ulid.ULID, t *target) *look {
	return &look{id: id, target: t.Addr, name: t.Name, hold: make(chan bool, 1), news: make(chan struct{}, 1)}
}

// event is called by the trace.
func (l *look) event(e report.Event) {
	l.mu.Lock()
	l.events = append(l.events, e)
	if e.E == report.EventProbe && e.N < seenMost {
		for len(l.seen) <= e.N {
			l.seen = append(l.seen, seenProbe{})
		}
		l.seen[e.N] = seenProbe{uint8(e.TTL), e.Kind, e.Addr, true}
	}
	switch {
	case e.E == report.EventStart:
		l.start, l.source = e.At, e.Source
	case e.E == report.EventProbe && l.probed.IsZero():
		l.probed = l.start.Add(time.Duration(e.MS * float64(time.Millisecond)))
	case e.E == report.EventPhase && e.Phase == report.PhaseFirstLook:
		l.first = true
	}
	l.mu.Unlock()
	l.ring()
}

func (l *look) ring() {
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// end is called when the trace has ended.
func (l *look) end(why report.Ended, sent int) {
	l.mu.Lock()
	l.ended, l.sent, l.over = why, sent, true
	l.mu.Unlock()
	l.ring()
}

// decide says what becomes of it after its first look; only the first word
// counts.
func (l *look) decide(goOn bool) {
	select {
	case l.hold <- goOn:
	default:
	}
}

// give returns the events so far as lines, for the job that is submitted
// now. None: no probe has left yet, and there is nothing to give.
func (l *look) give() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.probed.IsZero() {
		return nil
	}
	var lines []byte
	for _, e := range l.events {
		lines = report.AppendEvent(lines, e)
	}
	l.events, l.asked = nil, true
	return lines
}

// wait waits for something new to give; it is false where nothing will come.
func (l *look) wait(ctx context.Context) bool {
	l.mu.Lock()
	over, probed := l.over, !l.probed.IsZero()
	l.mu.Unlock()
	if over {
		return probed // its only probes may have left since give was asked
	}
	select {
	case <-l.news:
		return true
	case <-ctx.Done():
		return false
	}
}

func (l *look) markSubmitted() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.kept = true
}

func (l *look) isSubmitted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.kept
}

// Joins lets other jobs join it.
func (l *look) Joins() *trace.Joins { return &l.joins }

// Follow calls emit with each event that was not given with the job, until
// the trace has ended.
func (l *look) Follow(ctx context.Context, emit func(report.Event)) (report.Ended, int) {
	for {
		l.mu.Lock()
		fresh := l.events
		l.events = nil
		over, ended, sent := l.over, l.ended, l.sent
		l.mu.Unlock()
		for _, e := range fresh {
			emit(e)
		}
		// Nothing comes after the end, and no news either: those of the end may
		// have been taken together with those of the last event.
		if over {
			l.forget()
			return ended, sent
		}
		select {
		case <-l.news:
		case <-ctx.Done():
			return report.EndedInterrupted, sent
		}
	}
}

// from is the address that its probes leave from, where it is known.
func (l *look) from() netip.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.source
}

// firstProbe is when its first probe left.
func (l *look) firstProbe() (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.probed, !l.probed.IsZero()
}

// hopSeen is what a look saw at one TTL.
type hopSeen struct {
	addr       netip.Addr // who answered last
	sent, lost int
}

// hops is what the trace has seen so far, by TTL from 1; the target's own
// answers are at its TTL and beyond. own is the probes to the target itself.
func (l *look) hops() (hops []hopSeen, own hopSeen) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, p := range l.seen {
		if !p.left || p.kind == report.KindPending || p.kind == report.KindUnsent {
			continue
		}
		h := &own
		if p.ttl > 0 {
			for len(hops) < int(p.ttl) {
				hops = append(hops, hopSeen{})
			}
			h = &hops[p.ttl-1]
		}
		h.sent++
		if p.kind == report.KindLost || p.kind == report.KindNoRoute {
			h.lost++
		} else {
			h.addr = p.addr
		}
	}
	// Beyond the target's first answer there are no hops.
	for i, h := range hops {
		if h.addr == l.target {
			hops = hops[:i+1]
			break
		}
	}
	return hops, own
}

// suspicion is the line that is kept of a suspect that was not confirmed.
func (l *look) suspicion() (path []string, complete *bool) {
	hops, _ := l.hops()
	for _, h := range hops {
		s := ""
		if h.addr.IsValid() {
			s = h.addr.String()
		}
		path = append(path, s)
	}
	for len(path) > 0 && path[len(path)-1] == "" {
		path = path[:len(path)-1]
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	done := l.first
	return path, &done
}
