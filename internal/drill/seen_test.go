package drill

import (
	"slices"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

var zero = time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)

// after is a moment so many milliseconds after the loss began.
func after(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }

func TestSpanOf(t *testing.T) {
	events := []lab.Event{
		{At: after(-5), Text: "loss link=17 forward 30%"},
		{At: after(0), Text: "loss link=1 forward 100%"},
		{At: after(9000), Text: "end of: loss link=17 forward 30%"},
		{At: after(10000), Text: "end of: loss link=1 forward 100%"},
	}
	for n, want := range []span{{}, {after(0), time.Time{}}, {after(0), time.Time{}}, {after(0), after(10000)}} {
		if got := spanOf(events[:n+1], change(1)+" "); got != want {
			t.Errorf("after %d events: got %v, want %v", n+1, got, want)
		}
	}
}

func TestSentDuring(t *testing.T) {
	trace := func(ms int, ttl uint8) lab.Record {
		return lab.Record{Arrived: after(ms), Target: 3, Protocol: lab.ICMP, TTL: ttl, Size: 64}
	}
	pinged := func(ms int, f lab.Fate) lab.Record {
		return lab.Record{Arrived: after(ms), Target: 3, Protocol: lab.ICMP, TTL: 64, Size: 64, Fate: f}
	}
	learn := trace(20, 2)
	learn.Size = learnSize
	elsewhere := trace(30, 1)
	elsewhere.Target = -1
	records := []lab.Record{
		pinged(-900, lab.Answered), trace(-10, 1), // before it
		learn, elsewhere, // no part of a trace
		pinged(100, lab.LostForward), pinged(609, lab.LostForward), trace(610, 1), trace(611, 3), trace(612, 1), trace(613, 2), trace(614, 5), pinged(615, lab.LostForward),
		pinged(1100, lab.Answered), pinged(2100, lab.LostBackward), trace(10001, 4),
	}
	when := func(target int) span {
		if target == 3 {
			return span{after(0), after(10000)}
		}
		return span{}
	}
	for name, tt := range map[string]struct {
		length int
		whole  time.Time
	}{
		"the target asked beyond its TTL": {4, after(614)},
		"one hop was never asked":         {6, time.Time{}},
	} {
		t.Run(name, func(t *testing.T) {
			got := sentDuring(slices.Values(records), when, func(int) int { return tt.length })
			if len(got) != 1 || got[3] == nil {
				t.Fatalf("got %v, want target 3 alone", got)
			}
			s := got[3]
			if s.firstLost != after(100) || s.trace != after(610) || s.whole != tt.whole {
				t.Errorf("got %v, %v, %v; want %v, %v, %v", s.firstLost, s.trace, s.whole, after(100), after(610), tt.whole)
			}
			if want := []ping{{after(100), true}, {after(1100), false}, {after(2100), true}}; !slices.Equal(s.pings, want) {
				t.Errorf("pings: got %v, want %v", s.pings, want)
			}
		})
	}
}

func TestDue(t *testing.T) {
	pings := func(strip string) *sent {
		s := &sent{}
		for _, c := range strip {
			s.pings = append(s.pings, ping{lost: c == 'x'})
		}
		return s
	}
	for name, tt := range map[string]struct {
		s    *sent
		want bool
	}{
		"never pinged":         {nil, true},
		"hardly pinged":        {pings("...."), true},
		"all lost":             {pings("xxxxxxxxxx"), true},
		"four together":        {pings(".........x.x.xx........"), true},
		"four of twelve":       {pings("x...x...x..x"), true},
		"four of thirteen":     {pings("x...x...x...x"), false},
		"three":                {pings("..x..x..x......................"), false},
		"many, far apart":      {pings("x.....x.....x.....x.....x.....x"), false},
		"four after a stretch": {pings("x.............xxxx"), true},
	} {
		t.Run(name, func(t *testing.T) {
			if got := tt.s.due(); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
