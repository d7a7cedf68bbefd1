package trace

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/report"
)

// mailbox carries news of probes from the scheduler, which must not
// wait, to the trace.
type mailbox struct {
	mu   sync.Mutex
	news []news
	wake chan struct{}
}

// news is that probe n has left (result.Outcome 0) or what became of it.
type news struct {
	n      int
	sent   time.Time
	result probe.Result
}

func (b *mailbox) put(n news) {
	b.mu.Lock()
	b.news = append(b.news, n)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *mailbox) take() []news {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.news
	b.news = nil
	return n
}

// submit hands the machine's asks to the scheduler.
func (r *running) submit(asks []ask) {
	if len(asks) == 0 {
		return
	}
	reqs := make([]probe.Request, len(asks))
	for i, a := range asks {
		reqs[i] = probe.Request{
			Spec:     r.spec(a.ttl),
			Class:    a.class,
			Trace:    r.id,
			Deadline: a.deadline,
			OnSent:   func(at time.Time) { r.box.put(news{n: a.n, sent: at}) },
			Done:     func(res probe.Result) { r.box.put(news{n: a.n, result: res}) },
		}
		if a.polite {
			reqs[i].Router = r.turn(a)
		}
		r.flights = append(r.flights, flight{deadline: a.deadline, router: a.router})
	}
	for i, h := range r.Prober.SubmitAll(reqs) {
		r.flights[asks[i].n].handle = h
	}
}

func (r *running) spec(ttl uint8) probe.Spec {
	if ttl == 0 {
		ttl = ownTTL
	}
	return probe.Spec{
		Addr: r.target, TTL: ttl, Protocol: r.job.Protocol, Port: r.job.Port,
		Size: r.job.Size, TOS: r.job.TOS, Source: r.job.Local,
	}
}

// turn is whose turn a probe of the long look has to wait for.
func (r *running) turn(a ask) probe.RouterKey {
	switch {
	case a.ttl == 0:
		return probe.RouterKey{Addr: r.target}
	case a.router.IsValid():
		return probe.RouterKey{Addr: a.router}
	}
	return r.Prober.Key(r.target, a.after, a.gap)
}

// receive takes the news in: into the machine, and out as events.
func (r *running) receive() {
	var again []ask
	for _, n := range r.box.take() {
		if n.result.Outcome == 0 {
			r.machine.sentAt(n.n, n.sent)
			r.emitProbe(n.n, report.KindPending, probe.Result{})
			continue
		}
		left := !r.machine.probes[n.n].sent.IsZero()
		again = append(again, r.machine.doneWith(n.n, n.result)...)
		if left {
			r.emitProbe(n.n, kinds[n.result.Outcome], n.result)
		}
		r.learn(n.n, n.result)
	}
	r.submit(again)
}

var kinds = map[probe.Outcome]report.Kind{
	probe.Reply: report.KindReply, probe.Expired: report.KindExpired, probe.Unreachable: report.KindUnreachable,
	probe.NoRoute: report.KindNoRoute, probe.Lost: report.KindLost, probe.Late: report.KindLate, probe.Unsent: report.KindUnsent,
}

func (r *running) emitProbe(n int, kind report.Kind, res probe.Result) {
	s := r.machine.probes[n]
	e := report.Event{E: report.EventProbe, N: n, TTL: int(s.ttl), MS: r.ms(s.sent), Kind: kind, Addr: res.From}
	e.DeadlineMS = millis(r.flights[n].deadline)
	if res.From.IsValid() {
		us := res.RTT.Microseconds()
		e.US = &us
	}
	for _, l := range res.MPLS {
		label := report.Label{Label: int(l.Label), TC: int(l.TC), TTL: int(l.TTL)}
		if l.S {
			label.S = 1
		}
		e.MPLS = append(e.MPLS, label)
	}
	r.emit(e)
}

// learn tells the scheduler which routers follow each other, and which
// of them kept silent while others behind them answered.
func (r *running) learn(n int, res probe.Result) {
	m := r.machine
	s := m.probes[n]
	if s.ttl == 0 {
		return
	}
	if res.Outcome == probe.Expired {
		if s.ttl == 1 {
			r.Prober.Learn(r.target, netip.Addr{}, res.From)
		} else if prev := m.hops[s.ttl-1].addr; prev.IsValid() {
			r.Prober.Learn(r.target, prev, res.From)
		}
		if next := m.hops[s.ttl+1].addr; next.IsValid() && next != r.target {
			r.Prober.Learn(r.target, res.From, next)
		}
	}
	if router := r.flights[n].router; res.Outcome == probe.Lost && router.IsValid() && m.answeredBeyond(s.ttl, s.sent) {
		r.Prober.Beyond(router)
	}
}

// cancel takes back what has not left yet.
func (r *running) cancel() {
	for n, f := range r.flights {
		if f.handle != nil && r.machine.probes[n].outcome == 0 {
			f.handle.Cancel()
		}
	}
}

// remember notes how much each router's stream has carried so far.
func (r *running) remember() {
	for ttl := uint8(1); ttl < ownTTL; ttl++ {
		if a := r.machine.hops[ttl].addr; a.IsValid() && a != r.target {
			sent, answered := r.Prober.Shared(a)
			r.shared[a] = count{sent, answered}
		}
	}
}

// reportShared writes what the streams to this path's routers carried
// during the long look, where other traces had a part in them.
func (r *running) reportShared() {
	own := map[netip.Addr]int{}
	for n, s := range r.machine.probes {
		if a := r.flights[n].router; s.wave < 0 && !s.sent.IsZero() && a.IsValid() {
			own[a]++
		}
	}
	for ttl := uint8(1); ttl < ownTTL; ttl++ {
		a := r.machine.hops[ttl].addr
		before, ok := r.shared[a]
		if !ok {
			continue
		}
		delete(r.shared, a)
		sent, answered := r.Prober.Shared(a)
		if sent -= before.sent; sent > own[a] {
			// An answer may be to a probe that left before: no more of them than probes.
			r.emit(report.Event{E: report.EventShared, MS: r.ms(r.Now()), Addr: a, Sent: sent, Answered: min(answered-before.answered, sent)})
		}
	}
}

// tryOthers asks a target that never answered ICMP once by TCP and once
// by UDP: an answer tells a filter from a cut.
func (r *running) tryOthers(ctx context.Context) {
	specs := []probe.Spec{r.spec(0), r.spec(0)}
	specs[0].Protocol, specs[0].Port = probe.TCP, 443
	specs[1].Protocol, specs[1].Port = probe.UDP, 33434
	for _, s := range specs {
		if r.policy.Check(Question{Addr: r.target, Source: r.job.Asker, Port: s.Port}) != nil {
			continue
		}
		outcome := make(chan probe.Outcome, 2)
		r.Prober.SubmitAll([]probe.Request{{
			Spec: s, Class: probe.LongLook, Trace: r.id, Deadline: maxDeadline,
			Done: func(res probe.Result) { outcome <- res.Outcome },
		}})
		select {
		case got := <-outcome:
			kind := report.KindLost
			if got == probe.Unsent {
				continue
			}
			if got == probe.Reply {
				kind = report.KindReply
			}
			r.emit(report.Event{E: report.EventOther, MS: r.ms(r.Now()), Protocol: string(s.Protocol), Port: s.Port, Kind: kind})
		case <-ctx.Done():
			return
		}
	}
}
