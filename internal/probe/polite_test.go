package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

// polite is a stream of one router under a driven clock.
type polite struct {
	*streams
	now time.Time
	key RouterKey
}

func newPolite(pps float64, key RouterKey) *polite {
	return &polite{streams: newStreams(pps), now: time.Unix(1e9, 0), key: key}
}

func (p *polite) push(trace uint64, n int) {
	for range n {
		p.streams.push(&Handle{state: stateWaiting, req: Request{Class: LongLook, Trace: trace, Router: p.key}}, p.now)
	}
}

// send moves the clock to the next release and sends it.
func (p *polite) send(t *testing.T) *Handle {
	t.Helper()
	at, ok := p.next()
	if !ok {
		t.Fatal("nothing waits")
	}
	if at.After(p.now) {
		if h := p.release(at.Add(-time.Microsecond)); h != nil {
			t.Fatal("released before its time")
		}
		p.now = at
	}
	h := p.release(p.now)
	if h == nil {
		t.Fatal("not released in its time")
	}
	if p.release(p.now) != nil {
		t.Fatal("a second one released before the first left")
	}
	h.state = stateSent
	p.sent(h.stream, p.now)
	return h
}

func TestPoliteTakesTurnsAtItsPace(t *testing.T) {
	p := newPolite(10, RouterKey{Addr: addr("198.51.100.1")})
	p.push(1, 50)
	p.push(2, 5)
	p.push(3, 5)
	var turns []uint64
	var times []time.Duration
	start := p.now
	for range 15 {
		turns = append(turns, p.send(t).req.Trace)
		times = append(times, p.now.Sub(start))
	}
	if want := []uint64{1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3}; !slices.Equal(turns, want) {
		t.Errorf("turns %v, want %v", turns, want)
	}
	for i, at := range times {
		if want := time.Duration(i) * 100 * time.Millisecond; at != want {
			t.Fatalf("probe %d left after %s, want %s", i, at, want)
		}
	}
}

// TestPolitePacesWhatLeaves: a probe that was released and held up by the
// budget must not be followed at once by the next.
func TestPolitePacesWhatLeaves(t *testing.T) {
	p := newPolite(10, RouterKey{Addr: addr("198.51.100.1")})
	p.push(1, 2)
	h := p.release(p.now)
	p.now = p.now.Add(5 * time.Second)
	if p.release(p.now) != nil {
		t.Fatal("released while one is on its way out")
	}
	p.sent(h.stream, p.now)
	if at, _ := p.next(); at.Sub(p.now) != 100*time.Millisecond {
		t.Errorf("the next comes after %s, want 100 ms", at.Sub(p.now))
	}
}

func TestPoliteCancelled(t *testing.T) {
	p := newPolite(10, RouterKey{Addr: addr("198.51.100.1")})
	p.push(1, 2)
	p.push(2, 1)
	first := p.release(p.now)
	p.skip(first.stream, true) // cancelled after its release: its turn is not used up
	first.state = stateDone
	second := p.release(p.now)
	if second == nil || second.req.Trace != 2 {
		t.Fatalf("got %+v, want trace 2's", second)
	}
	p.sent(second.stream, p.now)
	st := second.stream
	last := st.lines.byTrace[1].items.peek()
	p.skip(st, false)
	last.state = stateDone
	if _, ok := p.next(); ok || p.waiting() != 0 {
		t.Error("a stream with nothing but a cancelled request waits for its time")
	}
}

// play lets a router answer at most limit probes a second for a time.
func (p *polite) play(t *testing.T, d time.Duration, limit float64, beyond bool) (sent int) {
	t.Helper()
	tokens, last := 1.0, p.now
	for end := p.now.Add(d); p.now.Before(end); sent++ {
		p.push(uint64(sent%3), 1)
		h := p.send(t)
		tokens = min(1, tokens+p.now.Sub(last).Seconds()*limit)
		last = p.now
		answered := tokens >= 1-1e-6
		if answered {
			tokens--
		} else if beyond {
			p.beyond(p.key.Addr)
		}
		p.outcome(h.stream, answered, p.now)
	}
	return sent
}

func TestPoliteFindsTheLimit(t *testing.T) {
	router := addr("198.51.100.1")
	p := newPolite(10, RouterKey{Addr: router})
	rate := func() float64 { return p.byKey[p.key].rate }
	if p.play(t, 60*time.Second, 100, true); rate() != 10 {
		t.Fatalf("a router that answers all is asked %g/s, want 10", rate())
	}
	if p.play(t, 10*time.Second, 1, false); rate() != 10 {
		t.Fatalf("silence with nothing beyond is no limit: %g/s, want 10", rate())
	}
	p.play(t, 30*time.Second, 1, true)
	if rate() > 2.5 {
		t.Fatalf("a router that answers 1/s is asked %g/s after 30 s", rate())
	}
	if p.play(t, 60*time.Second, 0, true); rate() != 1 {
		t.Fatalf("a router that answers nothing is asked %g/s, want 1", rate())
	}
	p.play(t, 36*time.Second, 100, true)
	if rate() != 2 {
		t.Fatalf("after 30 clean seconds %g/s, want 2", rate())
	}
	p.play(t, 150*time.Second, 100, true)
	if rate() != 10 {
		t.Fatalf("after three minutes clean %g/s, want 10", rate())
	}
	sent, answered := p.shared(router)
	if sent < 1000 || answered < 700 || answered >= sent {
		t.Errorf("shared %d sent, %d answered", sent, answered)
	}
}

func TestPoliteRateOfNobodyInParticular(t *testing.T) {
	p := newPolite(10, RouterKey{Addr: addr("198.51.100.1"), Gap: 1})
	start := p.now
	if got := p.play(t, 10*time.Second, 100, false); p.now.Sub(start) != time.Duration(got-1)*time.Second {
		t.Errorf("%d probes in %s, want 1/s", got, p.now.Sub(start))
	}
}

func TestPoliteLateIsAnAnswer(t *testing.T) {
	p := newPolite(10, RouterKey{Addr: addr("198.51.100.1")})
	p.push(1, 1)
	h := p.send(t)
	p.outcome(h.stream, false, p.now)
	p.late(h.stream)
	if sent, answered := p.shared(p.key.Addr); sent != 1 || answered != 1 {
		t.Errorf("shared %d, %d; want 1, 1", sent, answered)
	}
	if h.stream.silent != 0 {
		t.Error("a slow answer counts as silence")
	}
}

func TestPoliteForgets(t *testing.T) {
	p := newPolite(10, RouterKey{})
	for i := range 100 {
		p.key = RouterKey{Addr: addr(fmt.Sprintf("198.51.100.%d", i))}
		p.push(1, 1)
	}
	for range 99 {
		p.sent(p.release(p.now).stream, p.now)
	}
	p.sweep(p.now.Add(forgetAfter - time.Second))
	if len(p.byKey) != 100 {
		t.Fatalf("%d streams, want all 100", len(p.byKey))
	}
	p.sweep(p.now.Add(forgetAfter + 2*time.Minute))
	if len(p.byKey) != 1 {
		t.Errorf("%d streams, want only the one with something waiting", len(p.byKey))
	}
}

func TestSuccessor(t *testing.T) {
	now := time.Unix(1e9, 0)
	target, target6 := addr("203.0.113.7"), addr("2001:db8::7")
	a, b, c := addr("198.51.100.1"), addr("198.51.100.2"), addr("198.51.100.3")
	none := netip.Addr{}
	var s successors
	check := func(name string, prev netip.Addr, gap int, want RouterKey) {
		t.Helper()
		if got := s.key(target, prev, gap, now); got != want {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	check("nothing known", a, 1, RouterKey{Addr: a, Gap: 1})
	check("nothing known of the first", none, 1, RouterKey{Addr: addr("0.0.0.0"), Gap: 1})
	s.learn(target, none, a, now)
	s.learn(target, a, b, now)
	s.learn(target, a, b, now)
	check("first hop", none, 1, RouterKey{Addr: a})
	check("one known", a, 1, RouterKey{Addr: b})
	check("two further", a, 2, RouterKey{Addr: a, Gap: 2})
	if got := s.key(target6, none, 1, now); got != (RouterKey{Addr: addr("::"), Gap: 1}) {
		t.Errorf("first hop of the other family: got %v", got)
	}
	s.learn(target, a, c, now)
	check("several", a, 1, RouterKey{Addr: a, Gap: 1})
	now = now.Add(followerAge)
	s.learn(target, a, c, now)
	check("the other was not seen for long", a, 1, RouterKey{Addr: c})
	now = now.Add(followerAge)
	check("nobody was seen for long", a, 1, RouterKey{Addr: a, Gap: 1})
}

func TestSuccessorIsBounded(t *testing.T) {
	var s successors
	now := time.Unix(1e9, 0)
	a := addr("198.18.0.1")
	for range maxFollowers + 5000 {
		s.learn(addr("203.0.113.7"), a, a.Next(), now)
		a = a.Next()
	}
	if len(s.after) > maxFollowers {
		t.Errorf("%d known, want at most %d", len(s.after), maxFollowers)
	}
}
