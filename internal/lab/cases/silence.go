package cases

import (
	"fmt"
	"math"
	"net/netip"

	"github.com/mtrq/mtrq/report"
)

func (d *drawing) loopsAt() {
	l := d.line
	l.loopAt, l.loopOf = 1+d.IntN(max(1, l.length()-3)), 2
	if l.length()-l.loopAt > 3 && d.IntN(3) == 0 {
		l.loopOf = 3
	}
	l.loopAt = min(l.loopAt, len(l.routers)-l.loopOf+1)
	for i := range l.loopOf {
		l.routers[l.loopAt-1+i].limit = nil
	}
	d.label.Class = report.RoutingLoop
	d.label.From, d.label.To = l.loopAt, l.loopAt+l.loopOf-1
}

func (d *drawing) loop() {
	d.loopsAt()
	d.line.loops = always
}

// loopBegins is a loop that begins while a trace runs.
func (d *drawing) loopBegins() {
	d.plan.seconds = max(12, d.plan.seconds)
	d.loopsAt()
	from := 2000 + d.Float64()*4000
	d.line.loops = window{from, from + 4000 + d.Float64()*10000}
	if d.line.length()-d.line.loopAt < 2*d.line.loopOf-1 {
		// The TTLs that are asked end before the routers come again.
		d.label.Also = append(d.label.Also, report.RealLoss, report.OwnNetwork)
	}
}

// cut is a target that is gone from the first probe on.
func (d *drawing) cut() {
	d.maybeLimits()
	l := d.line
	l.lossTo, l.loss, l.when = 1+d.IntN(l.length()), 1, always
	l.mute = true
	if !d.plan.known && d.IntN(2) == 0 {
		d.plan.known, d.plan.knownTTL = true, l.length()
	}
	d.label.Class = report.NotProven
	if d.plan.known {
		d.label.Class = report.RealLoss
		d.label.From, d.label.To = l.lossTo-1, l.lossTo
		d.clear(l.lossTo)
		d.label.Enough = l.lossTo > 1
	}
}

func (d *drawing) filtered() {
	d.maybeLimits()
	l := d.line
	l.mute = true
	d.plan.known = false
	d.plan.others = d.IntN(2) == 0
	d.label.Innocent = true
	d.label.Class = report.NotProven
	if d.plan.others || d.plan.knownTTL > 0 {
		d.label.Class = report.TargetFilters
		l.routers[len(l.routers)-1].limit = nil
	}
}

func (d *drawing) unreachable() {
	l := d.line
	l.wall, l.walled = 1+d.IntN(len(l.routers)), always
	l.routers[l.wall-1].limit = nil
	if d.plan.known {
		d.label.Class, d.label.From, d.label.To, d.label.Enough = report.RealLoss, l.wall, l.wall+1, true
		return
	}
	d.label.Class, d.label.Innocent = report.TargetFilters, true
}

func (d *drawing) noRoute() {
	d.plan.seconds = max(10, d.plan.seconds)
	from := 2000 + d.Float64()*3000
	d.line.noRoute = window{from, from + 2000 + d.Float64()*3000}
	d.label.Class, d.label.To, d.label.Enough = report.OwnNetwork, 1, true
}

// paced is a host that answers so many pings a second.
func (d *drawing) paced() {
	d.maybeLimits()
	d.line.pace = &limit{rate: []float64{0.5, 1, 1, 2}[d.IntN(4)], burst: float64(1 + d.IntN(6))}
	d.line.pace.tokens = d.line.pace.burst
	d.label.Innocent = true
	d.label.Class, d.label.Also = report.RateLimitOnly, []report.Class{report.NotProven}
}

// watched is a loss that the watchdog's pings saw: over before the trace, or
// still there.
func (d *drawing) watched() {
	d.plan.seconds = max(5, d.plan.seconds)
	d.maybeLimits()
	end := -float64(500 + d.IntN(3000))
	over := d.IntN(3) > 0
	if !over {
		end = 2000 + d.Float64()*2000
		d.line.lossTo, d.line.loss, d.line.when = 2+d.IntN(d.line.length()-1), 0.2+0.6*d.Float64(), window{math.Inf(-1), end}
	}
	n := 0
	d.plan.watch = d.pings(8, 1, func(ms float64) bool {
		lost := ms < end && ms >= end-5000 && (over || d.Float64() < d.line.loss)
		if lost {
			n++
		}
		return lost
	})
	if n < 2 || !over {
		d.plan.watch = d.pings(8, 1, func(ms float64) bool { return over && ms < end && ms >= end-4000 })
	}
	if over {
		d.label.Class = report.Recovered
	}
}

func (d *drawing) stalled() {
	d.plan.seconds = max(10, d.plan.seconds)
	from := 3000 + d.Float64()*3000
	d.plan.stall = window{from, from + 2500 + d.Float64()*3000}
	d.label.Class, d.label.Innocent = report.MeasurementFault, true
}

func (d *drawing) udp() {
	d.plan.protocol = "udp"
	d.line.flow = d.IntN(64)
	if d.IntN(2) == 0 { // Linux limits "port unreachable" to each peer
		d.line.pace = &limit{rate: 1, burst: 6, tokens: 6}
		d.label.Class, d.label.Innocent = report.NotProven, true
		return
	}
	d.plan.seconds = max(10, d.plan.seconds)
	d.line.lossTo, d.line.loss, d.line.when = 2+d.IntN(d.line.length()-2), 0.3+0.7*d.Float64(), window{2000, 9000}
}

func (d *drawing) tcp() {
	d.plan.protocol = "tcp"
	d.line.flow = d.IntN(64)
	for i := range d.line.routers { // routers need not answer for SYNs
		d.line.routers[i].limit = &limit{share: 0.3 + 0.7*d.Float64(), during: always}
	}
	if d.IntN(3) > 0 {
		d.line.lossTo, d.line.loss, d.line.when = 2+d.IntN(d.line.length()-1), 0.1+0.6*d.Float64(), always
	}
}

// usual is a path with routers that answer few probes, as they always do,
// and loss somewhere in half of the cases.
func (d *drawing) usual() {
	d.remember(func(int) float64 {
		if d.IntN(3) == 0 {
			return d.Float64()
		}
		return 0
	})
	if d.IntN(2) == 0 {
		d.line.lossTo, d.line.loss, d.line.when = 2+d.IntN(d.line.length()-1), 0.2+0.6*d.Float64(), d.spell()
	}
}

// unusual is a path that is another than memory knows.
func (d *drawing) unusual() {
	d.plan.seconds = max(8, d.plan.seconds)
	d.remember(func(int) float64 { return 0 })
	from, to := d.others()
	d.line.reroute = always
	d.label.Class, d.label.Innocent = report.PathChanged, true
	d.label.Truth = fmt.Sprintf("other routers than in memory at TTL %d to %d", from, to)
	if float64(d.plan.seconds)*d.plan.polite < 8 {
		d.label.Also = append(d.label.Also, report.Clean)
	}
}

// remember gives the trace a memory of the path, on which routers hold back
// a share of their answers.
func (d *drawing) remember(shares func(ttl int) float64) {
	d.plan.known, d.plan.knownTTL = true, d.line.length()
	const asked = 40
	p := &report.Path{At: zero.Add(-180e9)}
	for i := range d.line.routers {
		share := shares(i + 1)
		if share > 0 {
			d.line.routers[i].limit = &limit{share: share, during: always}
		}
		answered := 0
		for range asked {
			if d.Float64() >= share {
				answered++
			}
		}
		us := int64(d.line.rtts[i] * 1000)
		h := report.PathHop{TTL: i + 1, Addrs: []netip.Addr{address(i+1, 0)}, RTTUS: &us, Answered: answered, Asked: asked}
		if answered == 0 {
			h.Addrs, h.RTTUS = []netip.Addr{}, nil
		}
		p.Hops = append(p.Hops, h)
	}
	us := int64(d.line.rtts[len(d.line.rtts)-1] * 1000)
	p.Hops = append(p.Hops, report.PathHop{TTL: d.line.length(), Addrs: []netip.Addr{d.line.target}, RTTUS: &us, Answered: asked, Asked: asked})
	d.plan.usual = p
}
