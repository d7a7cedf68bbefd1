package report

import (
	"math"
	"slices"
	"strings"
	"time"
)

// Stats are the figures of a hop or of the target, as mtr defines them
// where mtr has them.
type Stats struct {
	Sent     int // probes whose fate is known: Answered + Lost
	Answered int
	Lost     int // no answer at all
	Late     int // of Answered: after the deadline, which loses no packet; mtr waits longer, too
	Pending  int // under way when the trace was cut short, or still; not in Sent

	RTT *RTTStats // nil: nothing answered
}

// RTTStats are the figures of the round-trip times of a series.
type RTTStats struct {
	Last, Avg, Best, Worst time.Duration

	// StDev is that of a sample (n−1), as mtr's; Jitter the mean of the
	// differences between an answer and the next one (mtr's Javg, but
	// divided by the number of differences, not of answers). Both are nil
	// for fewer than two answers, where mtr says 0.0.
	StDev, Jitter *time.Duration

	P50, P95, P99 time.Duration // nearest rank
}

// Loss is the lost part of Sent in percent; nil when nothing was sent.
func (s Stats) Loss() *float64 {
	if s.Sent == 0 {
		return nil
	}
	l := 100 * float64(s.Lost) / float64(s.Sent)
	return &l
}

// Interval is Lost of Sent with its confidence interval, rounded outward to a
// tenth of a percent; nil when nothing was sent.
func (s Stats) Interval() *Loss {
	if s.Sent == 0 {
		return nil
	}
	l := &Loss{Lost: s.Lost, Sent: s.Sent}
	low, high := exact(s.Lost, s.Sent)
	l.Low, l.High = math.Floor(1000*low)/10, math.Ceil(1000*high)/10 // outward: what is shown is never narrower
	return l
}

// Stats are the figures of a hop: whoever answered its probes counts.
func (h *Hop) Stats() Stats { return h.stats(anybody) }

// anybody says of an answer that somebody gave it, theTarget that the target
// did.
func anybody(a byte) bool {
	return a == AnswerReply || a == AnswerExpired || a == AnswerUnreachable
}
func theTarget(a byte) bool { return a == AnswerReply }

// counts are stats without round-trip times: all that a verdict needs.
func (s *Series) counts(answered func(byte) bool) Stats {
	n := func(a byte) int { return strings.Count(s.Answer, string(rune(a))) }
	st := Stats{Late: n(AnswerLate), Pending: n(AnswerPending)}
	st.Answered = st.Late
	for _, a := range []byte{AnswerReply, AnswerExpired, AnswerUnreachable} {
		if answered(a) {
			st.Answered += n(a)
		}
	}
	st.Sent = len(s.Answer) - st.Pending
	st.Lost = st.Sent - st.Answered
	return st
}

// stats takes for answered what the caller says is an answer, and what
// came late.
func (s *Series) stats(answered func(byte) bool) Stats {
	var st Stats
	var rtts []time.Duration
	for i := range len(s.Answer) {
		switch a := s.Answer[i]; {
		case a == AnswerPending:
			st.Pending++
			continue
		case answered(a):
			st.Answered++
			if i < len(s.RTTUS) && s.RTTUS[i] != nil {
				rtts = append(rtts, time.Duration(*s.RTTUS[i])*time.Microsecond)
			}
		case a == AnswerLate:
			st.Answered++
			st.Late++
			if i < len(s.LateUS) && s.LateUS[i] != nil {
				rtts = append(rtts, time.Duration(*s.LateUS[i])*time.Microsecond)
			}
		default:
			st.Lost++
		}
		st.Sent++
	}
	st.RTT = rttStats(rtts)
	return st
}

// rttStats takes the times in order of sending.
func rttStats(rtts []time.Duration) *RTTStats {
	n := len(rtts)
	if n == 0 {
		return nil
	}
	t := &RTTStats{Last: rtts[n-1]}
	var sum, diffs float64
	for i, d := range rtts {
		sum += float64(d)
		if i > 0 {
			diffs += math.Abs(float64(d - rtts[i-1]))
		}
	}
	avg := sum / float64(n)
	t.Avg = time.Duration(math.Round(avg))
	if n > 1 {
		var squares float64
		for _, d := range rtts {
			squares += (float64(d) - avg) * (float64(d) - avg)
		}
		dev := time.Duration(math.Round(math.Sqrt(squares / float64(n-1))))
		jitter := time.Duration(math.Round(diffs / float64(n-1)))
		t.StDev, t.Jitter = &dev, &jitter
	}
	sorted := slices.Sorted(slices.Values(rtts))
	rank := func(p float64) time.Duration { return sorted[max(0, int(math.Ceil(p*float64(n)))-1)] }
	t.Best, t.Worst = sorted[0], sorted[n-1]
	t.P50, t.P95, t.P99 = rank(0.50), rank(0.95), rank(0.99)
	return t
}

// wilson is the 95 % Wilson score interval of a proportion x/n, n > 0
// (E. B. Wilson, JASA 22, 1927). Unlike the usual normal interval it is
// honest for few samples and at 0 and n: 0 of 3 is 0 to 56 %. Cheaper than
// the exact one, it only compares hops; what is printed is exact.
func wilson(x, n int) (low, high float64) {
	const z = 1.959963984540054
	p, m := float64(x)/float64(n), float64(n)
	centre := p + z*z/(2*m)
	spread := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	low, high = (centre-spread)/(1+z*z/m), (centre+spread)/(1+z*z/m)
	if x == 0 {
		low = 0
	}
	if x == n {
		high = 1
	}
	return max(0, low), min(1, high)
}

func round3(x float64) float64 { return math.Round(x*1000) / 1000 }

func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}
