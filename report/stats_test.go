package report

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func series(answers string, rttUS ...int64) Series {
	s := newSeries()
	s.Answer = answers
	for i := range answers {
		s.TxMS = append(s.TxMS, float64(i)*100)
		s.LateUS, s.Addr = append(s.LateUS, nil), append(s.Addr, nil)
		var rtt *int64
		if answers[i] == AnswerReply || answers[i] == AnswerExpired || answers[i] == AnswerUnreachable {
			rtt, rttUS = &rttUS[0], rttUS[1:]
		}
		s.RTTUS = append(s.RTTUS, rtt)
	}
	return s
}

func TestStats(t *testing.T) {
	us := func(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
	at := func(n int64) *time.Duration { d := us(n); return &d }
	for _, c := range []struct {
		name string
		s    Series
		want Stats
	}{
		{"never asked", series(""), Stats{}},
		{"silent", series("---"), Stats{Sent: 3, Lost: 3}},
		{"under way", series("-??"), Stats{Sent: 1, Lost: 1, Pending: 2}},
		{"one answer has no deviation", series("e", 412), Stats{Sent: 1, Answered: 1,
			RTT: &RTTStats{Last: us(412), Avg: us(412), Best: us(412), Worst: us(412), P50: us(412), P95: us(412), P99: us(412)}}},
		// 2, 4, 4, 4, 5, 5, 7, 9: squares sum to 32, of a sample sqrt(32/7).
		{"known deviation", series("ee-eeeleee", 2000, 4000, 4000, 4000, 5000, 5000, 7000, 9000), Stats{Sent: 10, Answered: 9, Lost: 1, Late: 1,
			RTT: &RTTStats{Last: us(9000), Avg: us(5000), Best: us(2000), Worst: us(9000), StDev: at(2138), Jitter: at(1000), P50: us(4000), P95: us(9000), P99: us(9000)}}},
		{"a router that turns back has answered", series("un", 800), Stats{Sent: 2, Answered: 1, Lost: 1,
			RTT: &RTTStats{Last: us(800), Avg: us(800), Best: us(800), Worst: us(800), P50: us(800), P95: us(800), P99: us(800)}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := Hop{Series: c.s}
			got := h.Stats()
			if got.RTT != nil && got.RTT.StDev != nil {
				*got.RTT.StDev = got.RTT.StDev.Truncate(time.Microsecond)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("got +, want -:\n%s", diff)
			}
		})
	}
	if l := (Stats{}).Loss(); l != nil {
		t.Errorf("no probes: got loss %v, want nil", *l)
	}
	if l := (Stats{}).Interval(); l != nil {
		t.Errorf("no probes: got interval %+v, want nil", *l)
	}
}

// Values from Wilson's formula as R's prop.test(correct=FALSE) gives it.
func TestWilson(t *testing.T) {
	for _, c := range []struct {
		x, n      int
		low, high float64
	}{
		{0, 3, 0, 0.5615}, {1, 10, 0.0179, 0.4042}, {3, 10, 0.1078, 0.6032}, {10, 10, 0.7225, 1}, {0, 100, 0, 0.0370}, {30, 100, 0.2189, 0.3958}, {1, 1, 0.2065, 1},
	} {
		low, high := wilson(c.x, c.n)
		if math.Abs(low-c.low) > 5e-5 || math.Abs(high-c.high) > 5e-5 {
			t.Errorf("%d of %d: got %.4f to %.4f, want %.4f to %.4f", c.x, c.n, low, high, c.low, c.high)
		}
	}
}

func TestCalm(t *testing.T) {
	rep := func(s string, n int) string {
		out := ""
		for range n {
			out += s
		}
		return out
	}
	long := rep("r", 60)
	for _, c := range []struct {
		name, answers string
		want          []bool // calm at the first, the middle and the last probe
	}{
		{"no loss", long, []bool{true, true, true}},
		{"all lost", rep("-", 60), []bool{false, false, false}},
		{"a burst", long + rep("-", 10) + long, []bool{true, false, true}},
		{"at random", rep(rep("r", 19)+"-", 8), []bool{false, false, false}},
		{"one of many says nothing of when", long + "-" + long, []bool{false, false, false}},
		{"half of them for a while", long + rep("r-", 20) + long, []bool{true, false, true}},
		{"two bursts", rep("-", 10) + long + rep("-", 10), []bool{false, true, false}},
		{"ends in loss", long + long + rep("-", 10), []bool{true, true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSeries()
			s.Answer = c.answers
			for i := range c.answers {
				s.TxMS = append(s.TxMS, float64(i)*200)
			}
			spans := calm(&s)
			var got []bool
			for _, ms := range []float64{0, s.TxMS[len(s.TxMS)/2], s.TxMS[len(s.TxMS)-1]} {
				in := false
				for _, sp := range spans {
					in = in || ms >= sp.from && ms <= sp.to
				}
				got = append(got, in)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("got %v of %v, want %v", got, spans, c.want)
			}
		})
	}
}
