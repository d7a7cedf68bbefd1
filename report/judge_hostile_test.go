package report

import (
	"net/netip"
	"testing"
	"time"
)

// TestWorseFarBelow asks for comparisons whose first term is too small for a
// float64: a hop that loses far less than another is not worse, and one that
// loses far more is, however many probes there were.
func TestWorseFarBelow(t *testing.T) {
	for _, c := range []struct {
		x, n, y, m int
		want       float64
	}{
		{1, 3000, 900, 1800, 1},
		{1, 1800, 900, 1800, 1},
		{1, 300, 9900, 10000, 1},
		{1800, 1800, 1, 1800, 0},
		{9 << 36, 10 << 36, 1 << 36, 10 << 36, 0}, // and at once
	} {
		if got := worse(c.x, c.n, c.y, c.m); got != c.want {
			t.Errorf("worse(%d, %d, %d, %d) = %v, want %v", c.x, c.n, c.y, c.m, got, c.want)
		}
	}
}

// TestStepAtOneMoment has answers of 10 and then 200 ms whose probes all left
// at the same moment, as a report from elsewhere may have them.
func TestStepAtOneMoment(t *testing.T) {
	e := Evidence{Ping: newSeries(), Times: Times{Started: time.Unix(0, 0)}}
	answers := make([]byte, 60)
	for i := range answers {
		us := int64(10_000)
		if i >= 30 {
			us = 200_000
		}
		answers[i] = AnswerReply
		e.Ping.TxMS = append(e.Ping.TxMS, 0)
		e.Ping.RTTUS, e.Ping.LateUS, e.Ping.Addr = append(e.Ping.RTTUS, &us), append(e.Ping.LateUS, nil), append(e.Ping.Addr, nil)
	}
	e.Ping.Answer = string(answers)
	if d := Judge(&e); d.Class != Latency {
		t.Errorf("%s: %s", d.Class, d.Sentence)
	}
}

// TestManyRouters gives a TTL a new router for each probe: no path that
// changed.
func TestManyRouters(t *testing.T) {
	several := func(n int) []seen {
		a := make([]seen, n)
		for i := range a {
			a[i] = seen{ms: float64(i), addr: i}
		}
		return a
	}
	if c, ok := parting(several(mostParted)); !ok || c.j-c.i != mostParted/2 {
		t.Errorf("%d routers: %+v, %v", mostParted, c, ok)
	}
	if c, ok := parting(several(mostParted + 1)); ok {
		t.Errorf("%d routers: %+v", mostParted+1, c)
	}
}

// TestTwiceTheSameTTL has a TTL twice beyond the path, as only a report from
// elsewhere can have it.
func TestTwiceTheSameTTL(t *testing.T) {
	hop := func(n int) Hop {
		h := Hop{TTL: 9, Series: newSeries()}
		for i := range n {
			who := 2 * i / n // the first half of one router, the second of the other
			h.TxMS = append(h.TxMS, float64(i)*1000)
			h.RTTUS, h.LateUS, h.Addr = append(h.RTTUS, nil), append(h.LateUS, nil), append(h.Addr, &who)
			h.Answer += string(AnswerExpired)
		}
		return h
	}
	e := Evidence{Ping: newSeries(), Beyond: []Hop{hop(2), hop(100)}, Addresses: []netip.Addr{netip.MustParseAddr("198.18.0.1"), netip.MustParseAddr("198.18.0.2")}}
	s := look(&e).shift()
	if s == nil || len(s.hops) != 1 || s.at != 49500 {
		t.Errorf("shift %+v", s)
	}
}
