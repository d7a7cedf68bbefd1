package trace

import (
	"container/heap"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/report"
)

// to drives the machine until so long after its start, and calls at each
// stop of the clock what is given. Unlike run it does not give it a slot.
func (w *world) to(t *testing.T, end time.Duration) {
	t.Helper()
	for range 1_000_000 {
		w.send(w.m.step(w.now))
		next := w.m.next()
		at, answered := next, false
		if len(w.due) > 0 && (next.IsZero() || w.due[0].at.Before(next)) {
			at, answered = w.due[0].at, true
		}
		if at.IsZero() || at.Sub(t0) > end || w.m.stage == done {
			w.now = t0.Add(end)
			return
		}
		if at.After(w.now) {
			w.now = at
		}
		if answered {
			d := heap.Pop(&w.due).(due)
			w.send(w.m.doneWith(d.n, d.res))
		}
	}
	t.Fatal("no end")
}

// askedSince counts the probes since a time, and how many of them were asked
// as urgently as those of a first look.
func (w *world) askedSince(at time.Time) (all, urgent int) {
	for i, a := range w.asked {
		if w.sentAt[i].Before(at) {
			continue
		}
		all++
		if a.class != probe.LongLook {
			urgent++
		}
	}
	return all, urgent
}

func TestWhoJoinsGetsAFreshLook(t *testing.T) {
	const length = 10
	look := 3 * length // three waves over TTL 1 to 9 and the target itself
	for _, c := range []struct {
		name    string
		at      time.Duration // of joining
		slot    time.Duration // 0: none
		urgent  int           // probes of first looks from then on
		within  time.Duration // of joining: its first probe
		refused bool
	}{
		{name: "before a probe has left", at: 0, urgent: 17 + 2*length, within: time.Millisecond},
		{name: "while the first look's waves come", at: 100 * time.Millisecond, urgent: 2 * length, within: 100 * time.Millisecond},
		{name: "waiting for a slot, the look just over", at: time.Second, urgent: look, within: 1100 * time.Millisecond},
		{name: "waiting for a slot, the look long over", at: 10 * time.Second, urgent: look, within: time.Millisecond},
		{name: "in the long look, the look just over", at: 1500 * time.Millisecond, slot: 600 * time.Millisecond, urgent: 0, within: 300 * time.Millisecond},
		{name: "in the long look, the look long over", at: 8 * time.Second, slot: 600 * time.Millisecond, urgent: look, within: time.Millisecond},
		{name: "when there is no time left", at: 285 * time.Second, slot: 600 * time.Millisecond, refused: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := usual
			if c.refused {
				l.minPackets = 100_000
			}
			w := &world{answer: path(length), now: t0, m: newMachine(l, t0)}
			if c.slot > 0 {
				w.to(t, c.slot)
				w.m.goOn(w.now)
			}
			if c.at > 0 {
				w.to(t, c.at)
			}
			from := w.now
			if got := w.m.join(from); got == c.refused {
				t.Fatalf("joined: %t", got)
			}
			if c.refused {
				return
			}
			w.to(t, c.at+4*time.Second)
			if _, urgent := w.askedSince(from); urgent != c.urgent {
				t.Errorf("%d probes of first looks after joining, want %d", urgent, c.urgent)
			}
			for i, at := range w.sentAt {
				if !at.Before(from) {
					if wait := at.Sub(from); wait > c.within {
						t.Errorf("its first probe, to TTL %d, left after %s, want %s", w.asked[i].ttl, wait, c.within)
					}
					break
				}
			}
		})
	}
}

// TestWhoJoinsGetsATail: the trace goes on for a tail, and two who join
// within two seconds share a look.
func TestWhoJoinsGetsATail(t *testing.T) {
	w := &world{answer: path(5), now: t0, m: newMachine(usual, t0)}
	w.to(t, time.Second)
	w.m.goOn(w.now)
	w.to(t, 19*time.Second)
	from := w.now
	w.m.join(from)
	w.to(t, 20*time.Second)
	w.m.join(w.now)
	w.to(t, 29*time.Second+900*time.Millisecond)
	if w.m.stage != longLook {
		t.Errorf("stage %d just before the tail of the second is over, want the long look", w.m.stage)
	}
	if _, urgent := w.askedSince(from); urgent != 3*5 {
		t.Errorf("%d probes of first looks for two who joined together, want one look of 15", urgent)
	}
	w.to(t, 40*time.Second)
	if w.m.stage != done {
		t.Errorf("stage %d at the end", w.m.stage)
	}
}

// TestJoinsAnswerEverybody, however a trace ends.
func TestJoinsAnswerEverybody(t *testing.T) {
	ask := func(j *Joins) <-chan bool { return j.Ask(report.Request{ID: ulid.Make()}) }
	j := &Joins{}
	early := ask(j)
	wake := j.open()
	<-wake // for the early one
	for _, a := range j.take() {
		a.answer <- true
	}
	if !<-early {
		t.Error("the early one was refused")
	}
	unheard := ask(j)
	<-wake
	j.Close()
	if <-unheard || <-ask(j) {
		t.Error("joined a trace that is over")
	}
}
