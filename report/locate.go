package report

import (
	"math"
)

// credible is how much of the probability a stretch must hold to be named.
const credible = 0.95

// A place is where the loss begins: after hop before, at hop to or
// between. In TTLs; to may be the target's.
type place struct {
	from, to int
	firm     bool // both ends were asked often enough while packets were lost
}

// locate finds the stretch on which the target's loss begins (rule R2).
//
// For each hop k there is a hypothesis: packets are lost from k on. It
// predicts that hops before k go on as they do while the target is clean
// (a router that limits its answers loses all the time, and is no
// witness), and that hops from k on lose about what the target loses,
// in the same moments. What each hop answered while the target was
// losing is weighed under both, with rates unknown as far as the counts
// leave them unknown (beta-binomial); a hop that never answered says
// nothing. The shortest stretch that holds 95 % of the probability is
// the answer; where that is the whole path, there is none.
//
// A few probes to a hop can so narrow the stretch but hardly decide.
func (v *view) locate() (place, bool) {
	e := v.e
	end := v.end()
	if end < 1 || e.Target.Protocol == "tcp" { // R10: no conclusions from the middle
		return place{}, false
	}
	spans := calm(&v.series)
	t := count(&v.series, spans)
	if t.inLost == 0 {
		return place{}, false
	}
	rate := (float64(t.inLost) + 0.5) / (float64(t.in) + 1)
	weight := float64(t.in) + 1
	counts := make([]sample, end)
	gain := make([]float64, end) // log-likelihood of "lossy" over "as usual", by hop
	for i := range end {
		if v.hops[i].Answered == 0 {
			continue
		}
		c := count(&e.Hops[i].Series, spans)
		counts[i] = c
		usualLost, usualClean := float64(c.outLost)+0.5, float64(c.out-c.outLost)+2
		usual := usualLost / (usualLost + usualClean)
		if c.out == 0 {
			usual = 0 // not known to lose anything of its own
		}
		both := 1 - (1-rate)*(1-usual)
		gain[i] = logBeta(c.inLost, c.in, both*weight, (1-both)*weight) - logBeta(c.inLost, c.in, usualLost, usualClean)
	}
	// Hypothesis k (0-based; end: only the target) gains from all hops ≥ k.
	p := make([]float64, end+1)
	sum, most := 0.0, 0.0
	for k := end - 1; k >= 0; k-- {
		sum += gain[k]
		p[k] = sum
		most = max(most, sum)
	}
	total := 0.0
	best := 0
	for k := range p {
		p[k] = math.Exp(p[k] - most)
		total += p[k]
		if p[k] > p[best] {
			best = k
		}
	}
	lo, hi, mass := best, best, p[best]
	for mass < credible*total {
		if hi == end || lo > 0 && p[lo-1] >= p[hi+1] {
			lo--
			mass += p[lo]
		} else {
			hi++
			mass += p[hi]
		}
	}
	if lo == 0 && hi == end {
		return place{}, false
	}
	firm := (lo == 0 || counts[lo-1].in >= 10) && (hi == end || counts[hi].in >= 10)
	for i := max(0, lo-1); i <= min(hi, end-1); i++ {
		// Several addresses at a TTL: its figures are a mixture.
		firm = firm && len(e.others(&e.Hops[i].Series, e.latest(&e.Hops[i].Series))) == 0
	}
	return place{from: lo, to: hi + 1, firm: firm}, true
}

// logBeta is the logarithm of the probability of one sequence with x
// losses in n when the rate of loss is spread as Beta(a, b).
func logBeta(x, n int, a, b float64) float64 {
	a, b = max(a, 0.01), max(b, 0.01)
	l := func(x float64) float64 { y, _ := math.Lgamma(x); return y }
	fx, fn := float64(x), float64(n)
	return l(fx+a) + l(fn-fx+b) - l(fn+a+b) - l(a) - l(b) + l(a+b)
}

func (v *view) link(p place) *Link {
	at := func(ttl int) LinkEnd {
		end := LinkEnd{TTL: ttl}
		switch {
		case ttl == v.end()+1:
			end.Addr = v.e.Target.Address
		case ttl > 0 && ttl <= len(v.e.Hops):
			end.Addr = v.e.latest(&v.e.Hops[ttl-1].Series)
		}
		return end
	}
	return &Link{From: at(p.from), To: at(p.to)}
}
