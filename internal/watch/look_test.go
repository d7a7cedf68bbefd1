package watch

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

func anyLook(t *testing.T) *look {
	t.Helper()
	l := newLook(ulid.ULID{1}, newTarget(listed(time.Second), epoch))
	l.forget = func() {}
	return l
}

func probeEvent(n, ttl int, kind report.Kind, from string) report.Event {
	e := report.Event{E: report.EventProbe, N: n, TTL: ttl, MS: float64(n), Kind: kind}
	if from != "" {
		us := int64(1000)
		e.Addr, e.US = netip.MustParseAddr(from), &us
	}
	return e
}

var startEvent = report.Event{E: report.EventStart, At: epoch}

// given is the numbers of the probes in what was given with a job.
func given(t *testing.T, lines []byte) (numbers []int) {
	t.Helper()
	garbage, err := report.ReadEvents(bytes.NewReader(lines), func(e report.Event) {
		if e.E == report.EventProbe {
			numbers = append(numbers, e.N)
		}
	})
	if err != nil || garbage != 0 {
		t.Fatalf("%d lines are no events, %v", garbage, err)
	}
	return numbers
}

// follows runs Follow to its end, which must come.
func follows(t *testing.T, l *look, emit func(report.Event)) (report.Ended, int) {
	t.Helper()
	type result struct {
		why  report.Ended
		sent int
	}
	end := make(chan result, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		why, sent := l.Follow(ctx, emit)
		end <- result{why, sent}
	}()
	select {
	case r := <-end:
		return r.why, r.sent
	case <-time.After(patience):
		t.Fatal("Follow does not end, though the trace has")
		return "", 0
	}
}

func TestGiveBeforeAnyProbe(t *testing.T) {
	l := anyLook(t)
	if got := l.give(); got != nil {
		t.Errorf("before anything: got %q, want nothing", got)
	}
	l.event(startEvent)
	if got := l.give(); got != nil {
		t.Errorf("before any probe: got %q, want nothing", got)
	}
	if at, ok := l.firstProbe(); ok {
		t.Errorf("first probe at %s, want none", at)
	}
	l.event(probeEvent(3, 1, report.KindPending, ""))
	lines := l.give()
	if got := given(t, lines); !slices.Equal(got, []int{3}) || !bytes.HasPrefix(lines, []byte(`{"e":"start"`)) {
		t.Errorf("got %q, want the start and probe 3", lines)
	}
	if at, ok := l.firstProbe(); !ok || !at.Equal(epoch.Add(3*time.Millisecond)) {
		t.Errorf("first probe at %s %v, want 3 ms after the start", at, ok)
	}
	if got := l.give(); len(got) != 0 {
		t.Errorf("given twice: %q", got)
	}
}

// TestWaitToGive is a submission that finds nothing to give yet, and waits.
func TestWaitToGive(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	for name, c := range map[string]struct {
		meanwhile func(*look)
		want      bool
	}{
		"a probe leaves":              {func(l *look) { l.event(startEvent); l.event(probeEvent(0, 1, "", "")) }, true},
		"it ends without one":         {func(l *look) { l.event(startEvent); l.end(report.EndedShutdown, 0) }, false},
		"a probe leaves, and it ends": {func(l *look) { l.event(startEvent); l.event(probeEvent(0, 1, "", "")); l.end(report.EndedComplete, 1) }, true},
	} {
		l := anyLook(t)
		lines := l.give()
		c.meanwhile(l)
		for lines == nil && l.wait(ctx) {
			lines = l.give()
		}
		if got := lines != nil; got != c.want {
			t.Errorf("%s: something to give: %v, want %v", name, got, c.want)
		}
	}
	l := anyLook(t)
	cancel()
	if l.wait(ctx) {
		t.Errorf("there is news though the context has ended")
	}
}

// TestFollowOnce has a trace run while its job is submitted and followed, at
// every pace: each event comes exactly once, either with the job or to who
// follows, in order.
func TestFollowOnce(t *testing.T) {
	const probes = 200
	for _, when := range []int{0, 1, 2, 50, probes, probes + 1} { // events before it is given
		for _, slow := range []bool{false, true} { // who follows: at once, or once all is over
			l := anyLook(t)
			forgotten := 0
			l.forget = func() { forgotten++ }
			reached, ended := make(chan struct{}), make(chan struct{})
			var wg sync.WaitGroup
			wg.Go(func() {
				l.event(startEvent)
				for n := range probes {
					if n == when {
						close(reached)
					}
					l.event(probeEvent(n, n%30, report.KindReply, "192.0.2.1"))
				}
				if when >= probes {
					if when > probes {
						l.end(report.EndedComplete, probes)
					}
					close(reached)
				}
				if when <= probes {
					l.end(report.EndedComplete, probes)
				}
				close(ended)
			})
			<-reached
			var lines []byte
			for lines = l.give(); lines == nil; lines = l.give() {
				if !l.wait(t.Context()) {
					t.Fatalf("given after %d: nothing to give", when)
				}
			}
			got := given(t, lines)
			early := len(got)
			if slow {
				<-ended
			}
			why, sent := follows(t, l, func(e report.Event) {
				if e.E == report.EventProbe {
					got = append(got, e.N)
				}
			})
			wg.Wait()
			if why != report.EndedComplete || sent != probes || forgotten != 1 {
				t.Errorf("given after %d: ended %q with %d sent, forgotten %d times; want %q, %d, once", when, why, sent, forgotten, report.EndedComplete, probes)
			}
			if len(got) != probes || !slices.IsSorted(got) || len(slices.Compact(got)) != probes {
				t.Errorf("given after %d (%d with the job): got %d probes %v, want each of %d once, in order", when, early, len(got), got, probes)
			}
		}
	}
}

// TestFollowEndsWithTheLastEvent: the last event and the end come while
// whoever follows is busy with the one before. One bell rings for both.
func TestFollowEndsWithTheLastEvent(t *testing.T) {
	l := anyLook(t)
	l.event(startEvent)
	var got []report.EventType
	why, sent := follows(t, l, func(e report.Event) {
		got = append(got, e.E)
		if e.E == report.EventStart {
			l.event(probeEvent(0, 1, report.KindReply, "192.0.2.1"))
			l.event(report.Event{E: report.EventEnd})
			l.end(report.EndedComplete, 1)
		}
	})
	if want := []report.EventType{report.EventStart, report.EventProbe, report.EventEnd}; !slices.Equal(got, want) || why != report.EndedComplete || sent != 1 {
		t.Errorf("got %v, %q, %d sent; want %v, %q, 1", got, why, sent, want, report.EndedComplete)
	}
}

func TestFollowIsInterrupted(t *testing.T) {
	l := anyLook(t)
	l.event(startEvent)
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	why, _ := l.Follow(ctx, func(report.Event) { n++; cancel() })
	if why != report.EndedInterrupted || n != 1 {
		t.Errorf("got %q after %d events, want %q after 1", why, n, report.EndedInterrupted)
	}
}

// TestDecide: only the first word counts.
func TestDecide(t *testing.T) {
	l := anyLook(t)
	l.decide(true)
	l.decide(false)
	if got := <-l.hold; !got {
		t.Errorf("got %v, want the first word, true", got)
	}
}

func TestHops(t *testing.T) {
	const target = "192.0.2.1" // as listed
	type hop struct {
		addr       string
		sent, lost int
	}
	for name, c := range map[string]struct {
		events []report.Event
		hops   []hop
		own    hop
		path   []string
	}{
		"nothing": {nil, nil, hop{}, nil},
		"a path": {
			[]report.Event{probeEvent(0, 0, "reply", target), probeEvent(1, 1, "expired", "198.18.0.1"), probeEvent(2, 2, "lost", ""), probeEvent(3, 3, "reply", target)},
			[]hop{{"198.18.0.1", 1, 0}, {"", 1, 1}, {target, 1, 0}}, hop{target, 1, 0}, []string{"198.18.0.1", "", target},
		},
		"the last word counts": {
			[]report.Event{
				probeEvent(0, 1, "", ""), probeEvent(0, 1, "lost", ""), probeEvent(0, 1, "late", "198.18.0.1"),
				probeEvent(1, 2, "", ""), probeEvent(1, 2, "lost", ""), probeEvent(2, 3, "", ""),
			},
			[]hop{{"198.18.0.1", 1, 0}, {"", 1, 1}}, hop{}, []string{"198.18.0.1"},
		},
		"not beyond the target": {
			[]report.Event{probeEvent(0, 1, "expired", "198.18.0.1"), probeEvent(1, 2, "reply", target), probeEvent(2, 3, "reply", target), probeEvent(3, 4, "lost", "")},
			[]hop{{"198.18.0.1", 1, 0}, {target, 1, 0}}, hop{}, []string{"198.18.0.1", target},
		},
		"three waves, one lost": {
			[]report.Event{probeEvent(0, 1, "expired", "198.18.0.1"), probeEvent(1, 1, "lost", ""), probeEvent(2, 1, "expired", "198.18.0.1"), probeEvent(3, 0, "lost", "")},
			[]hop{{"198.18.0.1", 3, 1}}, hop{"", 1, 1}, []string{"198.18.0.1"},
		},
		"what was not sent counts not": {
			[]report.Event{probeEvent(0, 1, "unsent", ""), probeEvent(1, 2, "no-route", ""), probeEvent(2, 0, "unreachable", "198.18.0.9")},
			[]hop{{"", 0, 0}, {"", 1, 1}}, hop{"198.18.0.9", 1, 0}, nil,
		},
		"numbers come in any order": {
			[]report.Event{probeEvent(9, 2, "expired", "198.18.0.2"), probeEvent(4, 1, "expired", "198.18.0.1")},
			[]hop{{"198.18.0.1", 1, 0}, {"198.18.0.2", 1, 0}}, hop{}, []string{"198.18.0.1", "198.18.0.2"},
		},
		"a long look is not kept for ever": {
			[]report.Event{probeEvent(0, 1, "expired", "198.18.0.1"), probeEvent(seenMost, 1, "lost", ""), probeEvent(1<<30, 1, "lost", "")},
			[]hop{{"198.18.0.1", 1, 0}}, hop{}, []string{"198.18.0.1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := anyLook(t)
			l.event(startEvent)
			for _, e := range c.events {
				l.event(e)
			}
			plain := func(h hopSeen) hop {
				if !h.addr.IsValid() {
					return hop{"", h.sent, h.lost}
				}
				return hop{h.addr.String(), h.sent, h.lost}
			}
			hops, own := l.hops()
			var got []hop
			for _, h := range hops {
				got = append(got, plain(h))
			}
			if !slices.Equal(got, c.hops) || plain(own) != c.own {
				t.Errorf("got %v, own %v; want %v, own %v", got, plain(own), c.hops, c.own)
			}
			path, complete := l.suspicion()
			if !slices.Equal(path, c.path) || complete == nil || *complete {
				t.Errorf("got path %q, complete %v; want %q, false", path, complete, c.path)
			}
			l.event(report.Event{E: report.EventPhase, Phase: report.PhaseFirstLook})
			if _, complete := l.suspicion(); complete == nil || !*complete {
				t.Errorf("the first look is complete, got %v", complete)
			}
		})
	}
}
