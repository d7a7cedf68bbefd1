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
	// probability of the stretch before the first hop from which on it is
	// spoken of before any other
	likelyFirst = 0.6
	// probability of a link from which on it is spoken of before the others
	// of its stretch
	likelyLink = 0.6
)

// A place is where the loss begins: after hop before, at hop to or
// between. In TTLs; to may be the target's.
type place struct {
	from, to int
	firm     bool    // both ends were asked often enough while packets were lost
	first    float64 // probability that it is before the first hop
	best     int     // the link into this TTL is the likeliest of them, 0: not known
	chance   float64 // its probability
}

// found is what locate found once: a place, if there is one.
type found struct {
	place
	ok bool
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
	if v.found == nil {
		p, ok := v.seek()
		v.found = &found{p, ok}
	}
	return v.found.place, v.found.ok
}

func (v *view) seek() (place, bool) {
	e := v.e
	end := v.last()
	if end < 1 || e.Target.Protocol == "tcp" { // R10: no conclusions from the middle
		return place{}, false
	}
	spans := v.calm()
	t := count(&v.series, spans, 0, math.Inf(1))
	if t.inLost == 0 {
		return place{}, false
	}
	counts := make([]sample, end)
	loss := mix(rates(t))
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
		first, later := count(h, spans, 0, look), count(h, spans, look, math.Inf(1))
		counts[i] = first.and(later)
		if len(e.Shared) > 0 && v.sharedLimit(v.near(h)) {
			continue
		}
		gains[i] = loss.gain(first, loss.wide) + loss.gain(later, loss.own(v.remembered(i, later)))
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
	return place{from: lo, to: hi + 1, firm: firm, first: p[0] / total, best: best + 1, chance: p[best] / total}, true
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

// sharedLimit says that the stream of all traces to a router shows that
// it answers less than the target does, so that it limits its answers.
func (v *view) sharedLimit(a netip.Addr) bool {
	for _, s := range v.e.Shared {
		if s.Addr == a && s.Sent > 0 {
			return worse(s.Sent-s.Answered, s.Sent, v.target.Lost, v.target.Sent) < noticeable
		}
	}
	return false
}

func (v *view) link(p place) *Link {
	at := func(ttl int) LinkEnd {
		end := LinkEnd{TTL: ttl}
		switch {
		case ttl == v.last()+1:
			end.Addr = v.e.Target.Address
		case ttl > 0 && ttl <= len(v.e.Hops):
			end.Addr = v.near(&v.e.Hops[ttl-1].Series)
		}
		return end
	}
	return &Link{From: at(p.from), To: at(p.to)}
}

// near is the router of a hop as it was when packets were lost: who answered
// last in such a stretch, or last before the first of them; where nobody
// did, who answered last of all.
func (v *view) near(s *Series) netip.Addr {
	first := v.firstLoss()
	for i := len(s.Addr) - 1; i >= 0; i-- {
		if a := v.e.who(s, i); a.IsValid() && (s.TxMS[i] < first || !v.calmAt(s.TxMS[i])) {
			return a
		}
	}
	return v.e.latest(s)
}

// and is what two samples of different probes hold together.
func (c sample) and(o sample) sample {
	return sample{c.in + o.in, c.inLost + o.inLost, c.out + o.out, c.outLost + o.outLost}
}

// remembered adds to what a hop answered while the target was clean what
// path memory knows of it (R15), for at most as many probes as a trace has.
func (v *view) remembered(i int, c sample) sample {
	lost, asked, ok := v.usualAt(i)
	if !ok {
		return c
	}
	const most = 20
	if asked > most {
		lost, asked = lost*most/asked, most
	}
	c.out, c.outLost = c.out+asked, c.outLost+lost
	return c
}
