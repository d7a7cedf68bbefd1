package cases

import (
	"fmt"
	"math"
	"net/netip"

	"github.com/mtrq/mtrq/report"
)

// few is a trace of which the first look is all, or little more.
func (d *drawing) few() {
	d.plan.seconds = d.IntN(3)
	d.maybeLimits()
	if d.IntN(2) == 0 {
		d.line.loss, d.line.lossTo, d.line.when = 0.05+0.6*d.Float64(), 1+d.IntN(d.line.length()), always
	}
}

// someLoss is 5 to 100 % on a link, forward or backward: what a round trip
// loses does not tell.
func (d *drawing) someLoss() {
	d.maybeLimits()
	d.line.lossTo = 2 + d.IntN(d.line.length()-1)
	d.line.loss = []float64{0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1}[d.IntN(7)]
	d.line.when = d.spell()
	if d.line.loss == 1 && math.IsInf(d.line.when.from, -1) && math.IsInf(d.line.when.to, 1) {
		d.line.when.to = 8000
	}
	if d.IntN(2) == 0 {
		d.clear(d.line.lossTo)
	}
}

// lowLoss is 0.2 to 4 %: often too little to be proven.
func (d *drawing) lowLoss() {
	d.maybeLimits()
	d.line.lossTo, d.line.loss, d.line.when = 2+d.IntN(d.line.length()-1), 0.002+0.04*d.Float64()*d.Float64(), always
}

// dark is everything lost for a while.
func (d *drawing) dark() {
	d.maybeLimits()
	d.plan.seconds = max(8, d.plan.seconds)
	from := d.Float64() * float64(d.plan.seconds) * 500
	d.line.lossTo, d.line.loss, d.line.when = 1+d.IntN(d.line.length()), 1, window{from, from + 2000 + d.Float64()*8000}
	d.clear(d.line.lossTo)
}

func (d *drawing) firstLink() {
	d.maybeLimits()
	d.plan.seconds = max(6, d.plan.seconds)
	d.line.routers[0].limit = nil
	d.line.lossTo, d.line.loss, d.line.when = 1, 0.2+0.8*d.Float64(), d.spell()
	if math.IsInf(d.line.when.to, 1) {
		d.line.loss *= 0.9
	}
}

func (d *drawing) lastLink() {
	d.maybeLimits()
	d.line.lossTo, d.line.loss, d.line.when = d.line.length(), 0.1+0.8*d.Float64(), d.spell()
	d.clear(d.line.lossTo)
}

// memberLoss is loss on one of several equal-cost links.
func (d *drawing) memberLoss() {
	d.plan.seconds = max(15, d.plan.seconds)
	at := 2 + d.IntN(d.line.length()-2)
	r := &d.line.routers[at-1]
	for m := 1; m <= 1+d.IntN(3); m++ {
		r.members = append(r.members, address(at, m))
	}
	d.line.lossTo, d.line.member, d.line.loss = at, d.IntN(len(r.members)), []float64{0.3, 0.6, 1}[d.IntN(3)]
	d.line.when = d.spell()
}

// others are routers in place of the usual ones from one TTL up to another,
// which may be one more.
func (d *drawing) others() (from, to int) {
	l := d.line
	from = 2 + d.IntN(l.length()-2)
	to = min(l.length()-1, from+d.IntN(4))
	l.other = append([]router{}, l.routers...)
	for ttl := from; ttl <= to; ttl++ {
		l.other[ttl-1] = router{members: []netip.Addr{address(ttl, 7)}}
		l.routers[ttl-1].limit = nil
	}
	return from, to
}

func (d *drawing) rerouted() {
	d.maybeLimits()
	d.plan.seconds = max(6, d.plan.seconds)
	long := float64(d.plan.seconds) * 1000
	from, to := d.others()
	at := long * (0.2 + 0.6*d.Float64())
	d.line.reroute = window{at, math.Inf(1)}
	if d.IntN(4) == 0 {
		d.line.reroute.to = at + long*0.3
	}
	d.label.Truth = fmt.Sprintf("other routers at TTL %d to %d from %.0f ms to %.0f", from, to, at, d.line.reroute.to)
	d.label.Class = report.PathChanged
	if !d.seen(from, to) {
		d.label.Also = append(d.label.Also, report.Clean, report.RateLimitOnly)
	}
}

// seen says that the routers of a reroute are asked often enough on both
// sides of it to be told from equal-cost ones.
func (d *drawing) seen(from, to int) bool {
	rounds := func(w window) float64 {
		return max(0, min(w.to, float64(d.plan.seconds)*1000+600)-max(w.from, 0)) / 1000 * d.plan.polite
	}
	in := rounds(d.line.reroute)
	out := float64(d.plan.seconds)*d.plan.polite + 3 - in
	return min(in, out)*float64(to-from+1) >= 10
}

// reroutedLoss is a reroute with packets lost on the old way until it.
func (d *drawing) reroutedLoss() {
	d.plan.seconds = max(15, d.plan.seconds)
	long := float64(d.plan.seconds) * 1000
	from, to := d.others()
	at := long * (0.3 + 0.4*d.Float64())
	d.line.reroute = window{at, math.Inf(1)}
	d.line.lossTo, d.line.loss = from+d.IntN(to-from+1), 0.3+0.7*d.Float64()
	d.line.when = window{max(0, at-2000-d.Float64()*6000), at}
}

// slower is a queue on a link.
func (d *drawing) slower() {
	d.maybeLimits()
	d.plan.seconds = max(8, d.plan.seconds)
	l := d.line
	l.delayTo = 1 + d.IntN(l.length())
	l.delay = 30 + 0.9*l.rtts[len(l.rtts)-1] + d.Float64()*120
	long := float64(d.plan.seconds) * 1000
	from := long * (0.15 + 0.4*d.Float64())
	l.slow = window{from, math.Inf(1)}
	if d.IntN(3) == 0 {
		l.slow.to = from + max(4000, long*0.3)
	}
	d.label.Class, d.label.From, d.label.To = report.Latency, l.delayTo-1, l.delayTo
	d.clear(l.delayTo)
	asked := func(w window) float64 { return (min(w.to, long) - max(w.from, 0)) / 1000 * d.plan.polite }
	d.label.Enough = asked(l.slow) >= 8 && float64(d.plan.seconds)*d.plan.polite-asked(l.slow) >= 8
	if answers := (from - 600) / 1000 * 6; answers < 10 || (min(l.slow.to, long)-from)/1000*6 < 14 {
		d.label.Also = append(d.label.Also, report.Clean, report.RateLimitOnly)
		d.label.Enough = false
	}
	d.label.Truth = fmt.Sprintf("%.0f ms more from link %d on, from %.0f ms to %.0f", l.delay, l.delayTo, from, l.slow.to)
}
