package report

import (
	"math"
	"net/netip"
	"time"
)

// How much of the probability a stretch must hold to be named, and to be
// named without doubt.
const (
	credible = 0.95
	sure     = 0.99
	// probes that a hop must have answered before the loss to be the end
	// of a link that is named without doubt
	seenBefore = 5
)

// A place is where the loss begins: after hop before, at hop to or
// between. In TTLs; to may be the target's.
type place struct {
	from, to int
	firm     bool // both ends were asked often enough while packets were lost
}

// locate finds the stretch on which the target's loss begins (rule R2).
//
// For each hop k there is a hypothesis: packets are lost from k on. It
// predicts that a hop before k goes on as it does while the target is
// clean, and that a hop from k on loses what the target loses, in the
// same moments, beside what it loses of its own. How much that is, is
// not known: routers limit their answers as they please, so a hop's own
// rate is left open as far as its answers while the target was clean
// leave it open, and wide open in the first look, when a storm of traces
// may pass the router, and after it in one case of twenty, since limits
// change. A limiting router so is no witness, a silent one says nothing,
// and few probes to a hop narrow the stretch but hardly decide. The
// shortest stretch around the best hypothesis that holds 95 % of the
// probability is the answer; where that is the whole path, there is none.
func (v *view) locate() (place, bool) {
	e := v.e
	end := v.end()
	if end < 1 || e.Target.Protocol == "tcp" { // R10: no conclusions from the middle
		return place{}, false
	}
	spans := calm(&v.series)
	t := count(&v.series, spans, 0, math.Inf(1))
	if t.inLost == 0 {
		return place{}, false
	}
	counts := make([]sample, end)
	loss := rates(t)
	look := math.Inf(1) // ms when the first look was complete
	if f := e.Times.FirstLook; f != nil {
		look = float64(f.Sub(e.Times.Started)) / float64(time.Millisecond)
	}
	gains := make([]float64, end) // log-likelihood of "lossy" over "as usual", by hop
	for i := range end {
		if v.hops[i].Answered == 0 {
			continue
		}
		h := &e.Hops[i].Series
		counts[i] = count(h, spans, 0, math.Inf(1))
		if v.sharedLimit(e.latest(h)) {
			continue
		}
		first, later := count(h, spans, 0, look), count(h, spans, look, math.Inf(1))
		gains[i] = gain(first, wide(), loss) + gain(later, own(later), loss)
	}
	// Hypothesis k (0-based; end: only the target) gains from all hops ≥ k.
	p := make([]float64, end+1)
	sum, most := 0.0, 0.0
	for k := end - 1; k >= 0; k-- {
		sum += gains[k]
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
	// The near end must be a witness: a hop that answered meanwhile.
	for lo > 0 && counts[lo-1].in-counts[lo-1].inLost < enough {
		lo--
	}
	if lo == 0 && hi == end {
		return place{}, false
	}
	firm := mass >= sure*total && (lo == 0 || counts[lo-1].in >= 10) && (hi == end || counts[hi].in >= 10)
	if hi < end && firm {
		// A storm of traces that begins with the loss makes routers limit
		// their answers just then: without doubt is only what answered before.
		before := count(&e.Hops[hi].Series, spans, 0, v.firstLoss())
		firm = before.out >= seenBefore && before.outLost == 0
	}
	for i := max(0, lo-1); i <= min(hi, end-1); i++ {
		// Several addresses at a TTL: its figures are a mixture.
		firm = firm && len(e.others(&e.Hops[i].Series, e.latest(&e.Hops[i].Series))) == 0
	}
	return place{from: lo, to: hi + 1, firm: firm}, true
}

// firstLoss is when the first probe to the target left that was lost, ms.
func (v *view) firstLoss() float64 {
	for i := range len(v.series.Answer) {
		if isLost(v.series.Answer[i]) {
			return v.series.TxMS[i]
		}
	}
	return 0
}

// A weighted is a rate and the logarithm of its probability.
type weighted struct{ rate, logWeight float64 }

// rates are what the target's loss may be while it is losing packets:
// points of the posterior from its counts, within three deviations.
func rates(t sample) []weighted {
	const points = 13
	a, b := float64(t.inLost)+0.5, float64(t.in-t.inLost)+0.5
	mean := a / (a + b)
	dev := math.Sqrt(mean * (1 - mean) / (a + b + 1))
	var out []weighted
	for i := range points {
		p := mean + dev*6*(float64(i)/(points-1)-0.5)
		if p <= 0 || p >= 1 {
			continue
		}
		out = append(out, weighted{p, (a-1)*math.Log(p) + (b-1)*math.Log(1-p)})
	}
	return normal(out)
}

// The rates that a hop's own silence may have, dense towards 0: 0.0004,
// 0.004, 0.01, …, 0.96, each with the part of [0, 1] it stands for.
func grid(prior func(rate float64) float64) []weighted {
	const points = 25
	out := make([]weighted, points)
	for i := range out {
		x := (float64(i) + 0.5) / points
		out[i] = weighted{x * x, math.Log(prior(x*x) * 2 * x / points)}
	}
	return out
}

// Most routers answer nearly all they are asked, the others anything:
// good is the part of the first sort.
func routers(good float64) func(float64) float64 {
	return func(q float64) float64 { return 1 - good + good*50*math.Exp(-50*q) }
}

// wide are a hop's own rates in the first look.
func wide() []weighted { return normal(grid(routers(0.2))) }

// own are a hop's own rates after it, from how it answered while the
// target was clean, unless its limit has changed since.
func own(c sample) []weighted {
	const changed = 0.05
	x, n := float64(c.outLost), float64(c.out)
	w := grid(routers(0.7))
	for i, q := range w {
		w[i].logWeight += x*math.Log(q.rate) + (n-x)*math.Log(1-q.rate)
	}
	w = normal(w)
	for i, q := range normal(grid(func(float64) float64 { return 1 })) {
		w[i].logWeight = math.Log((1-changed)*math.Exp(w[i].logWeight) + changed*math.Exp(q.logWeight))
	}
	return w
}

// sharedLimit says that the stream of all traces to a router shows that
// it answers less than the target does, so that it limits its answers.
func (v *view) sharedLimit(a netip.Addr) bool {
	_, high := wilson(v.target.Lost, v.target.Sent)
	for _, s := range v.e.Shared {
		if s.Addr == a && s.Sent > 0 {
			low, _ := wilson(s.Sent-s.Answered, s.Sent)
			return low > high
		}
	}
	return false
}

func normal(w []weighted) []weighted {
	most, sum := math.Inf(-1), 0.0
	for _, x := range w {
		most = max(most, x.logWeight)
	}
	for _, x := range w {
		sum += math.Exp(x.logWeight - most)
	}
	for i := range w {
		w[i].logWeight -= most + math.Log(sum)
	}
	return w
}

// gain is how much better the answers of a hop are explained by loss at
// the target's rates together with its own than by its own alone, as a
// difference of log-likelihoods.
func gain(c sample, own, loss []weighted) float64 {
	if c.in == 0 {
		return 0
	}
	x, n := float64(c.inLost), float64(c.in)
	likely := func(silence float64) float64 { return x*math.Log(silence) + (n-x)*math.Log(1-silence) }
	var alone, both []float64
	for _, q := range own {
		alone = append(alone, q.logWeight+likely(q.rate))
		for _, p := range loss {
			both = append(both, q.logWeight+p.logWeight+likely(1-(1-p.rate)*(1-q.rate)))
		}
	}
	return logSum(both) - logSum(alone)
}

func logSum(l []float64) float64 {
	most, sum := math.Inf(-1), 0.0
	for _, x := range l {
		most = max(most, x)
	}
	for _, x := range l {
		sum += math.Exp(x - most)
	}
	return most + math.Log(sum)
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
