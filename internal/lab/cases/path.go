package cases

import (
	"math"
	"math/rand/v2"
	"net/netip"

	"github.com/mtrq/mtrq/report"
)

// A window is a stretch of time, ms since the trace's start.
type window struct{ from, to float64 }

var (
	always = window{math.Inf(-1), math.Inf(1)}
	never  = window{math.Inf(1), math.Inf(1)}
)

func (w window) has(ms float64) bool { return ms >= w.from && ms < w.to }

// A limit is how a router holds its own answers back.
type limit struct {
	share  float64 // of them, at random
	during window
	rate   float64 // answers a second, of a bucket; 0: no bucket
	burst  float64

	tokens, last float64
}

// holds says whether an answer that is due at ms is not given.
func (l *limit) holds(ms float64, r *rand.Rand) bool {
	if l == nil {
		return false
	}
	if l.share > 0 && l.during.has(ms) && r.Float64() < l.share {
		return true
	}
	if l.rate == 0 {
		return false
	}
	l.tokens = min(l.burst, l.tokens+(ms-l.last)*l.rate/1000)
	l.last = ms
	if l.tokens < 1 {
		return true
	}
	l.tokens--
	return false
}

// A router is what stands at a TTL: one address, or several that share the
// load.
type router struct {
	members []netip.Addr
	limit   *limit
	slow    float64 // ms that its own answers take longer
}

// A line is what a simulated trace goes over. Loss on the way takes what
// goes beyond; a limit takes only a router's own answer.
type line struct {
	routers []router // TTL 1 …
	target  netip.Addr
	mute    bool
	pace    *limit // of the target's own answers
	rtts    []float64

	loss   float64 // on the link into lossTo
	lossTo int
	when   window
	member int // of routers[lossTo-1]: only packets over it are lost; -1: all
	flow   int // packets go over routers by this; -1: each another way

	delay   float64 // ms more from the link into delayTo on
	delayTo int
	slow    window

	reroute window // the routers are others meanwhile
	other   []router

	loopAt, loopOf int // from this TTL on packets go round over so many routers
	loops          window

	wall    int // this router says "unreachable" instead of forwarding
	walled  window
	noRoute window

	rand *rand.Rand
}

func (l *line) length() int { return len(l.routers) + 1 }

// routersAt are the routers that a packet meets at a moment.
func (l *line) routersAt(ms float64) []router {
	if l.reroute.has(ms) && l.other != nil {
		return l.other
	}
	return l.routers
}

// A fate is what became of a probe.
type fate struct {
	kind report.Kind
	addr netip.Addr
	us   int64
	// byLine: it was lost on the way, not held back by who should have answered.
	byLine bool
}

// send is what becomes of a probe with a TTL (0: to the target itself).
func (l *line) send(ttl int, ms float64) fate {
	lost := fate{kind: report.KindLost}
	if l.noRoute.has(ms) {
		return fate{kind: report.KindNoRoute, byLine: true}
	}
	hops := l.routersAt(ms)
	length := len(hops) + 1
	reach := ttl
	if ttl == 0 {
		reach = 64
	}
	flow := l.flow
	if flow < 0 {
		flow = l.rand.IntN(1 << 16)
	}
	for at := 1; at <= reach; at++ {
		if l.lossTo == min(at, length) && at <= length && l.when.has(ms) {
			mine := l.member < 0 || at < length && l.pick(&hops[at-1], flow) == l.member
			if mine && l.rand.Float64() < l.loss {
				lost.byLine = true
				return lost
			}
		}
		where := at
		if l.loopAt > 0 && l.loops.has(ms) && at >= l.loopAt {
			where = l.loopAt + (at-l.loopAt)%l.loopOf
			if at == reach {
				f := l.answer(&hops[where-1], flow, at, ms, report.KindExpired)
				f.byLine = f.kind == report.KindLost || ttl == 0
				return f
			}
			continue
		}
		if at == length {
			return l.arrive(ms)
		}
		if at == reach {
			return l.answer(&hops[at-1], flow, at, ms, report.KindExpired)
		}
		if l.wall == at && l.walled.has(ms) {
			f := l.answer(&hops[at-1], flow, at, ms, report.KindUnreachable)
			f.byLine = true
			return f
		}
	}
	return lost
}

func (l *line) pick(r *router, flow int) int { return flow % len(r.members) }

func (l *line) answer(r *router, flow, at int, ms float64, kind report.Kind) fate {
	if r.limit.holds(ms, l.rand) {
		return fate{kind: report.KindLost}
	}
	return fate{kind: kind, addr: r.members[l.pick(r, flow)], us: l.time(at, ms, r.slow)}
}

func (l *line) arrive(ms float64) fate {
	if l.mute || l.pace.holds(ms, l.rand) {
		return fate{kind: report.KindLost}
	}
	return fate{kind: report.KindReply, addr: l.target, us: l.time(l.length(), ms, 0)}
}

// time is a round-trip time, µs: what the links take, a little noise, and
// now and then a queue.
func (l *line) time(at int, ms, own float64) int64 {
	at = min(at, len(l.rtts))
	t := l.rtts[at-1] + own*l.rand.Float64() + l.rand.ExpFloat64()*0.15
	if l.rand.IntN(50) == 0 {
		t += l.rand.Float64() * 15
	}
	if l.delayTo > 0 && at >= l.delayTo && l.slow.has(ms) {
		t += l.delay * (0.9 + 0.2*l.rand.Float64())
	}
	return int64(t * 1000)
}
