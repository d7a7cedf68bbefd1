package trace

import (
	"container/heap"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/report"
)

var t0 = time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)

// world answers a machine's probes without clock or network: answer says
// what happens to a probe of a TTL (0: the target itself) sent at a time
// since the start.
type world struct {
	answer func(ttl uint8, at time.Duration) (probe.Outcome, netip.Addr, time.Duration)
	m      *machine
	now    time.Time
	due    dues
	asked  []ask
	sentAt []time.Time // of asked
}

type due struct {
	at  time.Time
	n   int
	res probe.Result
}

type dues []due

func (d dues) Len() int           { return len(d) }
func (d dues) Less(i, j int) bool { return d[i].at.Before(d[j].at) }
func (d dues) Swap(i, j int)      { d[i], d[j] = d[j], d[i] }
func (d *dues) Push(x any)        { *d = append(*d, x.(due)) }
func (d *dues) Pop() any {
	old := *d
	x := old[len(old)-1]
	*d = old[:len(old)-1]
	return x
}

func (w *world) send(asks []ask) {
	for _, a := range asks {
		w.asked = append(w.asked, a)
		w.sentAt = append(w.sentAt, w.now)
		w.m.sentAt(a.n, w.now)
		what, from, rtt := w.answer(a.ttl, w.now.Sub(t0))
		if what == probe.Lost {
			rtt = a.deadline
		}
		heap.Push(&w.due, due{w.now.Add(rtt), a.n, probe.Result{Outcome: what, From: from, RTT: rtt, Sent: w.now}})
	}
}

// run drives the machine until it is done, or to the given stage.
func (w *world) run(t *testing.T, l limits, until stage) {
	t.Helper()
	w.now = t0
	w.m = newMachine(l, t0)
	for range 1_000_000 {
		w.send(w.m.step(w.now))
		if w.m.stage == done || w.m.stage >= until {
			return
		}
		if w.m.stage == waiting {
			w.m.goOn(w.now)
			continue
		}
		next := w.m.next()
		if len(w.due) > 0 && (next.IsZero() || w.due[0].at.Before(next)) {
			d := heap.Pop(&w.due).(due)
			w.now = d.at
			w.send(w.m.doneWith(d.n, d.res))
			continue
		}
		if next.IsZero() {
			t.Fatalf("nothing to wait for in stage %d at %s, %d probes under way", w.m.stage, w.now.Sub(t0), w.m.underWay)
		}
		if next.After(w.now) {
			w.now = next
		}
	}
	t.Fatal("no end")
}

func hopAddr(ttl uint8) netip.Addr { return netip.AddrFrom4([4]byte{198, 18, 0, ttl}) }

var target = netip.MustParseAddr("203.0.113.7")

// path is a world whose target answers at the given TTL.
func path(length uint8) func(uint8, time.Duration) (probe.Outcome, netip.Addr, time.Duration) {
	return func(ttl uint8, _ time.Duration) (probe.Outcome, netip.Addr, time.Duration) {
		if ttl == 0 || ttl >= length {
			return probe.Reply, target, time.Duration(length) * time.Millisecond
		}
		return probe.Expired, hopAddr(ttl), time.Duration(ttl) * time.Millisecond
	}
}

// silentFrom is a world that ends at a TTL: nothing answers from there on.
func silentFrom(ttl uint8) func(uint8, time.Duration) (probe.Outcome, netip.Addr, time.Duration) {
	return func(k uint8, _ time.Duration) (probe.Outcome, netip.Addr, time.Duration) {
		if k == 0 || k >= ttl {
			return probe.Lost, netip.Addr{}, 0
		}
		return probe.Expired, hopAddr(k), time.Millisecond
	}
}

var usual = limits{interval: time.Second, maxTTL: 30, minPackets: 100, tail: 10 * time.Second, maxDuration: 300 * time.Second}

// wavesOf counts what was asked of each wave: the target itself, and the
// highest TTL.
func (w *world) wavesOf() (s string) {
	for wave := range waves {
		own, top, n := 0, uint8(0), 0
		for _, a := range w.asked {
			if int(w.m.probes[a.n].wave) != wave {
				continue
			}
			n++
			if a.ttl == 0 {
				own++
			}
			top = max(top, a.ttl)
		}
		s += fmt.Sprintf("%d own, to %d, %d in all; ", own, top, n)
	}
	return s
}

func TestFirstLook(t *testing.T) {
	remembered := usual
	remembered.knownLength, remembered.known = 10, true
	short := usual
	short.maxTTL = 8
	for _, c := range []struct {
		name   string
		limits limits
		answer func(uint8, time.Duration) (probe.Outcome, netip.Addr, time.Duration)
		want   string
	}{
		{"target at 10, no memory", usual, path(10), "1 own, to 16, 17 in all; 1 own, to 9, 10 in all; 1 own, to 9, 10 in all; "},
		{"target at 10, remembered", remembered, path(10), "1 own, to 12, 13 in all; 1 own, to 9, 10 in all; 1 own, to 9, 10 in all; "},
		{"remembered 10, now at 14", remembered, path(14), "1 own, to 17, 18 in all; 1 own, to 13, 14 in all; 1 own, to 13, 14 in all; "},
		{"target at 20", usual, path(20), "1 own, to 21, 22 in all; 1 own, to 19, 20 in all; 1 own, to 19, 20 in all; "},
		{"silent from 9", usual, silentFrom(9), "1 own, to 16, 17 in all; 1 own, to 16, 17 in all; 1 own, to 16, 17 in all; "},
		{"silent from 15: five in a row end it", usual, silentFrom(15), "1 own, to 19, 20 in all; 1 own, to 16, 17 in all; 1 own, to 16, 17 in all; "},
		{"silent from 28: max_ttl ends it", usual, silentFrom(28), "1 own, to 30, 31 in all; 1 own, to 16, 17 in all; 1 own, to 16, 17 in all; "},
		{"silent from 1", usual, silentFrom(1), "1 own, to 16, 17 in all; 1 own, to 16, 17 in all; 1 own, to 16, 17 in all; "},
		{"max_ttl 8", short, path(10), "1 own, to 8, 9 in all; 1 own, to 8, 9 in all; 1 own, to 8, 9 in all; "},
		{"a router says unreachable at 6", usual, func(ttl uint8, _ time.Duration) (probe.Outcome, netip.Addr, time.Duration) {
			if ttl == 0 || ttl >= 6 {
				return probe.Unreachable, hopAddr(6), time.Millisecond
			}
			return probe.Expired, hopAddr(ttl), time.Millisecond
		}, "1 own, to 16, 17 in all; 1 own, to 6, 7 in all; 1 own, to 6, 7 in all; "},
		{"no route", usual, func(uint8, time.Duration) (probe.Outcome, netip.Addr, time.Duration) {
			return probe.NoRoute, netip.Addr{}, 0
		}, "1 own, to 16, 17 in all; 1 own, to 5, 6 in all; 1 own, to 5, 6 in all; "},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{answer: c.answer}
			w.run(t, c.limits, waiting)
			if got := w.wavesOf(); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if w.asked[0].ttl != 0 || w.asked[0].class != probe.FirstOwn {
				t.Error("the target's own probe is not the first")
			}
			// The gaps count from the last probe of wave 1 that had left by then.
			var first [waves]time.Time
			for i, a := range w.asked {
				switch k := w.m.probes[a.n].wave; {
				case k == 0 && (first[1].IsZero() || w.sentAt[i].Before(first[1])):
					first[0] = w.sentAt[i]
				case a.ttl == 0:
					first[k] = w.sentAt[i]
				}
			}
			if g := first[1].Sub(first[0]); g != waveGap {
				t.Errorf("wave 2 left %s after wave 1, want %s", g, waveGap)
			}
			if g := first[2].Sub(first[0]); g != 2*waveGap {
				t.Errorf("wave 3 left %s after wave 1, want %s", g, 2*waveGap)
			}
		})
	}
}

func TestStopRule(t *testing.T) {
	lossy := func(from, to time.Duration) func(uint8, time.Duration) (probe.Outcome, netip.Addr, time.Duration) {
		ok := path(10)
		return func(ttl uint8, at time.Duration) (probe.Outcome, netip.Addr, time.Duration) {
			if at >= from && at < to && (ttl == 0 || ttl > 4) {
				return probe.Lost, netip.Addr{}, 0
			}
			return ok(ttl, at)
		}
	}
	known := usual
	known.known, known.knownLength = true, 10
	rounds := usual
	rounds.rounds = 10
	two := usual
	two.rounds = 2
	for _, c := range []struct {
		name    string
		limits  limits
		answer  func(uint8, time.Duration) (probe.Outcome, netip.Addr, time.Duration)
		ended   report.Ended
		own     int           // probes to the target itself
		seconds time.Duration // how long it took
	}{
		{"clean: ends with min_packets", usual, path(10), report.EndedComplete, 100, 20 * time.Second},
		{"loss in the first 5 s is over long before", usual, lossy(0, 5*time.Second), report.EndedComplete, 100, 20 * time.Second},
		{"loss from 12 to 22 s: ends a tail later", usual, lossy(12*time.Second, 22*time.Second), report.EndedComplete, 161, 32 * time.Second},
		{"loss without end: max_duration", usual, lossy(5*time.Second, time.Hour), report.EndedMaxDuration, 1501, 300 * time.Second},
		{"never answered: min_packets", usual, silentFrom(5), report.EndedComplete, 100, 21 * time.Second},
		{"silent but known to answer: max_duration", known, silentFrom(5), report.EndedMaxDuration, 1500, 300 * time.Second},
		{"ten rounds exactly", rounds, path(10), report.EndedComplete, 10, 7 * time.Second},
		{"two rounds are a short first look", two, path(10), report.EndedComplete, 2, 160 * time.Millisecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := &world{answer: c.answer}
			w.run(t, c.limits, done)
			own := 0
			for _, a := range w.asked {
				if a.ttl == 0 || c.limits.rounds > 3 && a.ttl == w.m.length {
					own++
				}
			}
			took := w.now.Sub(t0)
			if w.m.ended != c.ended || own < c.own-4 || own > c.own+4 || took < c.seconds-time.Second || took > c.seconds+2*time.Second {
				t.Errorf("got %s after %s with %d probes to the target, want %s after about %s with about %d", w.m.ended, took, own, c.ended, c.seconds, c.own)
			}
			if c.limits.rounds > 0 && own != c.limits.rounds {
				t.Errorf("got %d rounds, want exactly %d", own, c.limits.rounds)
			}
		})
	}
}

func TestPathChanges(t *testing.T) {
	for _, c := range []struct {
		name          string
		before, after uint8
	}{
		{"longer", 8, 12},
		{"shorter", 12, 8},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := path(c.before), path(c.after)
			w := &world{answer: func(ttl uint8, at time.Duration) (probe.Outcome, netip.Addr, time.Duration) {
				if at < 8*time.Second {
					return a(ttl, at)
				}
				return b(ttl, at)
			}}
			w.run(t, usual, done)
			if w.m.length != c.after {
				t.Errorf("got length %d, want %d", w.m.length, c.after)
			}
			if own := w.m.ownLost; own != 0 {
				t.Errorf("%d probes to the target counted as lost by a reroute", own)
			}
		})
	}
}

// TestPoliteWait holds a TTL's probe back as a router's stream does: the
// trace must not pile up more of them.
func TestPoliteWait(t *testing.T) {
	w := &world{answer: path(3)}
	w.run(t, usual, waiting)
	w.m.goOn(w.now)
	for i := range 20 {
		now := w.now.Add(time.Duration(i) * time.Second)
		for _, a := range w.m.step(now) {
			if a.ttl == 1 && i > 0 {
				t.Fatalf("TTL 1 asked again in round %d while its probe of round 0 still waits", i)
			}
			if a.ttl != 1 {
				w.m.sentAt(a.n, now)
				w.m.doneWith(a.n, probe.Result{Outcome: probe.Reply, From: target, RTT: time.Millisecond})
			}
		}
	}
}

func TestDeadline(t *testing.T) {
	var e estimate
	if got := e.deadline(); got != time.Second {
		t.Errorf("nothing known: got %s, want 1s", got)
	}
	for range 10 {
		e.add(5 * time.Millisecond)
	}
	if got := e.deadline(); got != 200*time.Millisecond {
		t.Errorf("steady 5 ms: got %s, want the least, 200ms", got)
	}
	for _, rtt := range []time.Duration{180, 190, 185, 220, 180} {
		e.add(rtt * time.Millisecond)
	}
	if got := e.deadline(); got < 400*time.Millisecond || got > time.Second {
		t.Errorf("around 190 ms: got %s, want 400ms to 1s", got)
	}
}

// TestLateIsNotLost: an answer after the deadline takes the loss back.
func TestLateIsNotLost(t *testing.T) {
	w := &world{answer: path(3)}
	w.run(t, usual, waiting)
	w.m.goOn(w.now)
	for _, a := range w.m.step(w.now) {
		w.m.sentAt(a.n, w.now)
		if a.ttl == 0 {
			w.m.doneWith(a.n, probe.Result{Outcome: probe.Lost})
			if w.m.clean() || w.m.lastLoss.IsZero() {
				t.Fatal("a probe without an answer is not counted as lost")
			}
			w.m.doneWith(a.n, probe.Result{Outcome: probe.Late, From: target, RTT: 400 * time.Millisecond})
		}
	}
	if !w.m.clean() || !w.m.lastLoss.IsZero() {
		t.Errorf("lost %d, last at %v after the late answer, want none", w.m.ownLost, w.m.lastLoss)
	}
}
