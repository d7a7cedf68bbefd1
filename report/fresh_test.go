package report

import (
	"strings"
	"testing"
	"time"
)

func TestFreshness(t *testing.T) {
	asked := testAsked[0]
	join := func(ms int) Request {
		return Request{ID: testID2, Accepted: testStart.Add(time.Duration(ms) * time.Millisecond), Source: "cli"}
	}
	for _, c := range []struct {
		name    string
		net     network
		seconds int
		known   bool
		join    Request
		want    Freshness
		joined  Freshness
		waited  float64       // of the second request; -1: nil
		watch   string        // the watchdog's pings, one a second, the last …
		upTo    time.Duration // … so long after the start
	}{
		{name: "loss at once and on", net: network{length: 5, lossAt: 3, loss: always(0.5)}, seconds: 20, join: join(5000), want: InEvent, joined: InEvent, waited: 0},
		{name: "loss at once, then over", net: network{length: 5, lossAt: 3, loss: during(1, 0, 1500)}, seconds: 20, join: join(5000), want: Tail, joined: After, waited: 0},
		{name: "loss at once, too short to say that it is over", net: network{length: 5, lossAt: 3, loss: during(1, 0, 1500)}, seconds: 3, join: join(2900), want: InEvent, joined: FreshnessUnknown, waited: 100},
		{name: "loss later", net: network{length: 5, lossAt: 3, loss: during(1, 8000, 9000)}, seconds: 20, join: join(8100), want: Later, joined: Tail, waited: 100},
		{name: "in the joined request's time", net: network{length: 5, lossAt: 3, loss: during(1, 8000, 18000)}, seconds: 30, join: join(9000), want: Later, joined: InEvent, waited: 0},
		{name: "no loss", net: network{length: 5}, seconds: 20, join: join(21400), want: After, joined: FreshnessUnknown, waited: -1},
		{name: "no loss, few probes", net: network{length: 5}, join: join(100), want: FreshnessUnknown, joined: FreshnessUnknown, waited: 50.2},
		{name: "silent, never known to answer", net: network{length: 5, mute: true}, seconds: 20, join: join(5000), want: FreshnessUnknown, joined: FreshnessUnknown, waited: 0},
		{name: "loss that only the watchdog's pings saw", net: network{length: 5}, seconds: 20, join: join(5000), want: Tail, joined: After, waited: 0, watch: "rrrr-r-", upTo: time.Second},
		{name: "the same, and nobody knows that it is over", net: network{length: 5}, seconds: 3, join: join(2900), want: InEvent, joined: FreshnessUnknown, waited: 100, watch: "rrrr-r-", upTo: time.Second},
		{name: "a loss well before the trace", net: network{length: 5}, seconds: 20, join: join(5000), want: After, joined: After, waited: 0, watch: "---rrrr", upTo: time.Second},
		{name: "watch pings of which nobody knows", net: network{length: 5}, seconds: 20, join: join(5000), want: After, joined: After, waited: 0, watch: "rrrr???", upTo: time.Second},
		{name: "silent, known to answer", net: network{length: 5, mute: true}, seconds: 20, known: true, join: join(5000), want: InEvent, joined: InEvent, waited: 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.net.rand = seeded(9)
			events := c.net.trace(c.seconds, func(t *Target) { t.Known = c.known })
			if c.watch != "" {
				events = append(events, Event{E: EventWatch, Pings: pingsUpTo(testStart.Add(c.upTo), c.watch)})
			}
			r, err := Fold([]Request{asked, c.join}, Node{}, events, Options{})
			if err != nil {
				t.Fatal(err)
			}
			a, b := r.Evidence.Requests[0], r.Evidence.Requests[1]
			if a.Freshness != c.want || b.Freshness != c.joined {
				t.Errorf("got %s, joined %s; want %s, %s", a.Freshness, b.Freshness, c.want, c.joined)
			}
			// accepted 7.546 ms before the start, first probe 0.2 ms after it
			if a.AskedToFirstProbe == nil || *a.AskedToFirstProbe != 7.746 {
				t.Errorf("got asked to first probe %v, want 7.746", a.AskedToFirstProbe)
			}
			got := -1.0
			if b.AskedToFirstProbe != nil {
				got = *b.AskedToFirstProbe
			}
			if got != c.waited {
				t.Errorf("joined: got asked to first probe %v, want %v", got, c.waited)
			}
		})
	}
	// A watchdog's look is under way before it becomes a job; a clock may be set back.
	early := asked
	early.Accepted = testStart.Add(3100 * time.Millisecond)
	w := network{length: 5, rand: seeded(1)}
	r, err := Fold([]Request{early}, Node{}, w.trace(20, nil), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Evidence.Requests[0].AskedToFirstProbe; got == nil || *got != 100 {
		t.Errorf("probes before the request: got %v to the first after it, want 100", got)
	}
	if want := ", under way already, next probe 100 ms later: after, "; !strings.Contains(strings.Join(strings.Fields(string(Text(r))), " "), want) {
		t.Errorf("no %q in\n%s", want, Text(r))
	}
}

// pingsUpTo is one ping a second, the last at a moment.
func pingsUpTo(last time.Time, answer string) *Pings {
	p := &Pings{From: last.Add(-time.Duration(len(answer)-1) * time.Second), Answer: answer}
	for i := range len(answer) {
		p.TxMS, p.RTTUS = append(p.TxMS, int64(i)*1000), append(p.RTTUS, nil)
	}
	return p
}
