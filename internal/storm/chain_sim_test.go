package storm

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// chainStart is when the loss of a draw begins; all its times are seconds
// since then.
var chainStart = time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)

const (
	chainDeadline = 1.0 // seconds after which a probe without answer is lost
	chainSeen     = 128 // probes of a look that a watchdog remembers
)

// A chainDraw is one target behind a chain of routers, one link of which
// loses packets for some seconds: what a small node sees.
type chainDraw struct {
	rng    *rand.Rand
	hops   int       // routers; link hops+1 is the target's own line
	bad    int       // the link that loses, by the TTL behind it
	loss   float64   // share of packets lost
	lasts  float64   // seconds
	every  float64   // seconds between two pings
	usual  []float64 // by router: share of probes it answers
	known  []int     // … answers to the probes of path memory …
	memory int       // … of which each got so many

	pings, probes []chainPacket // of the rhythm; of the look, which goes on to be the trace
	began         float64       // when the first lost ping left
}

// A chainPacket ends at a TTL; 0 is the target, which answers at the last, too.
type chainPacket struct {
	at       float64
	ttl      int
	answered bool
}

// newChainDraw makes a draw with so many probes of path memory a hop. ok is
// false where no ping was lost.
func newChainDraw(rng *rand.Rand, memory int) (d *chainDraw, ok bool) {
	d = &chainDraw{rng: rng, hops: 4 + rng.IntN(12), loss: 0.1 + 0.9*rng.Float64(), lasts: 3 + 17*rng.Float64(), every: 1, memory: memory}
	if rng.IntN(2) == 0 {
		d.every = 0.2
	}
	d.bad = 1 + rng.IntN(d.hops+1)
	for ttl := range d.hops {
		u := 0.98
		switch f := rng.Float64(); {
		case ttl == 0:
		case f < 0.05:
			u = 0
		case f < 0.15:
			u = 0.3
		}
		n := 0
		for range memory {
			if rng.Float64() < u {
				n++
			}
		}
		d.usual, d.known = append(d.usual, u), append(d.known, n)
	}
	return d, d.run()
}

// run sends pings, and a trace from the first lost one on: three waves, then
// a round and five probes to the target a second until ten seconds after the
// loss.
func (d *chainDraw) run() bool {
	first := -1.0
	for at := d.every * d.rng.Float64(); at < 60; at += d.every {
		p := d.send(at, 0)
		d.pings = append(d.pings, p)
		if first < 0 && !p.answered {
			first = at
		}
	}
	if d.began = first; first < 0 {
		return false
	}
	send := func(at float64, ttl int) { d.probes = append(d.probes, d.send(at, ttl)) }
	look := first + 0.2
	for wave := range 3 {
		send(look+0.15*float64(wave), 0)
		for ttl := 1; ttl <= d.hops || wave == 0 && ttl == d.hops+1; ttl++ {
			send(look+0.15*float64(wave)+0.0002*float64(ttl), ttl)
		}
	}
	for s := look + 0.6; s < max(d.lasts+10, look+20); s++ {
		for ttl := 1; ttl <= d.hops+1; ttl++ {
			send(s+0.007*float64(ttl), ttl)
		}
		for k := range 5 {
			send(s+0.2*float64(k)+0.003, 0)
		}
	}
	slices.SortFunc(d.probes, func(a, b chainPacket) int {
		if a.at < b.at {
			return -1
		}
		return 1
	})
	return true
}

func (d *chainDraw) send(at float64, ttl int) chainPacket {
	p := chainPacket{at, ttl, true}
	end := ttl
	if ttl == 0 {
		end = d.hops + 1
	}
	if at >= 0 && at < d.lasts && end >= d.bad && d.rng.Float64() < d.loss {
		p.answered = false
	} else if ttl > 0 && ttl <= d.hops && d.rng.Float64() >= d.usual[ttl-1] {
		p.answered = false
	}
	return p
}

// router at a TTL; not valid where it never answers.
func (d *chainDraw) router(ttl int) netip.Addr {
	if d.usual[ttl-1] == 0 {
		return netip.Addr{}
	}
	return routerAddr(ttl)
}

// evidence is what the watchdog has at a time: all that is known by then, an
// answer at once, silence after the deadline.
func (d *chainDraw) evidence(now float64) (e Evidence) {
	e.Target = targetAddr(1)
	for ttl := 1; ttl <= d.hops; ttl++ {
		e.Path = append(e.Path, d.router(ttl))
	}
	known := func(p chainPacket) bool {
		return p.at >= d.began && p.at <= now && (p.answered || p.at+chainDeadline <= now)
	}
	probes := d.probes[:min(len(d.probes), chainSeen)]
	hops := make([]HopCount, d.hops)
	for _, p := range slices.Concat(d.pings, probes) {
		if !known(p) || p.ttl > d.hops {
			continue
		}
		sent, lost := &e.Sent, &e.Lost
		if p.ttl > 0 {
			sent, lost = &hops[p.ttl-1].Sent, &hops[p.ttl-1].Lost
		}
		*sent++
		if !p.answered {
			*lost++
		}
	}
	for i, h := range hops {
		if h.Sent > 0 {
			e.Hops = append(e.Hops, HopCount{TTL: i + 1, Addr: e.Path[i], Lost: h.Lost, Sent: h.Sent, UsualAnswered: d.known[i], UsualAsked: d.memory})
		}
	}
	return e
}

// neighbour is a router on the way that is watched, too, up to a time.
func (d *chainDraw) neighbour(ttl int, e *Evidence, until float64) Evidence {
	n := Evidence{Target: e.Path[ttl-1], Path: e.Path[:ttl-1]}
	for at := d.every * d.rng.Float64(); at <= until; at += d.every {
		if at < d.began {
			continue
		}
		n.Sent++
		if at < d.lasts && ttl >= d.bad && d.rng.Float64() < d.loss {
			n.Lost++
		}
	}
	return n
}

// explain is what the watchdog finds at a time; watched is the TTL of a
// router that is watched, too, or 0. It is nil where too little is lost for
// an incident.
func (d *chainDraw) explain(now float64, watched int) *report.Common {
	e := d.evidence(now)
	if e.Lost < 3 {
		return nil
	}
	all, lossy := []Evidence{e}, []int{0}
	if watched > 1 && e.Path[watched-1].IsValid() {
		all = append(all, d.neighbour(watched, &e, now))
		if all[1].Lost >= 3 {
			lossy = append(lossy, 1)
		}
	}
	return Explain(all, lossy, Options{})[0].Place
}

// stretch is by TTL what is named.
func (d *chainDraw) stretch(c *report.Common) (from, to int) {
	to = d.hops + 1
	for ttl := d.hops; ttl >= 1; ttl-- {
		switch a := d.router(ttl); {
		case !a.IsValid():
		case a == c.From:
			from = ttl
		case a == c.To:
			to = ttl
		}
	}
	return from, to
}

func (d *chainDraw) time(at float64) time.Time {
	return chainStart.Add(time.Duration(at * float64(time.Second)))
}

// incident is the closed incident of a draw.
func (d *chainDraw) incident(c *report.Common) *report.Incident {
	id := ulid.MustParse("01KAR1ABTB5H2ZJ0Q4V7W8X9YZ")
	recovered := d.time(d.lasts)
	m := report.Member{Target: targetAddr(1).String(), Address: targetAddr(1), Trigger: report.TriggerLoss, Began: d.time(d.began), Noticed: d.time(d.began + 0.2), Opened: d.time(d.began + 1.2), Recovered: &recovered, Reports: []ulid.ULID{id}}
	m.Pings.From = chainStart
	var answers strings.Builder
	for _, p := range d.pings {
		m.Pings.TxMS, m.Pings.RTTUS = append(m.Pings.TxMS, int64(p.at*1000)), append(m.Pings.RTTUS, nil)
		in := p.at >= d.began && p.at < d.lasts
		if in {
			m.Sent++
		}
		if p.answered {
			answers.WriteByte(report.AnswerReply)
			continue
		}
		answers.WriteByte(report.AnswerLost)
		if in {
			m.Lost++
		}
	}
	m.Pings.Answer = answers.String()
	m.Before = d.path()
	return &report.Incident{
		Schema: report.IncidentSchema, ID: id, State: report.IncidentClosed, Trigger: report.TriggerLoss, At: d.time(120), Members: []report.Member{m}, Affected: 1, Watched: 2, Clean: 1,
		Times: report.IncidentTimes{Began: m.Began, Noticed: m.Noticed, Opened: m.Opened, Recovered: &recovered}, Common: c,
	}
}

// path is what path memory knows.
func (d *chainDraw) path() *report.Path {
	if d.memory == 0 {
		return nil
	}
	p := &report.Path{At: d.time(-3)}
	for ttl := 1; ttl <= d.hops; ttl++ {
		h := report.PathHop{TTL: ttl, Addrs: []netip.Addr{}, Answered: d.known[ttl-1], Asked: d.memory}
		if h.Answered > 0 {
			h.Addrs = append(h.Addrs, d.router(ttl))
		}
		p.Hops = append(p.Hops, h)
	}
	p.Hops = append(p.Hops, report.PathHop{TTL: d.hops + 1, Addrs: []netip.Addr{targetAddr(1)}, Answered: d.memory, Asked: d.memory})
	return p
}

// trace is the report of a draw.
func (d *chainDraw) trace() (*report.Report, error) {
	start := d.probes[0].at
	target := &report.Target{Asked: targetAddr(1).String(), Address: targetAddr(1), Protocol: "icmp", Size: 64, Interval: 1000, MaxTTL: 30}
	events := []report.Event{{E: report.EventStart, At: d.time(start), Schema: 1, Node: "hk1", Target: target}}
	if p := d.path(); p != nil {
		events = append(events, report.Event{E: report.EventUsual, Path: p})
	}
	looked := false
	for n, p := range d.probes {
		e := report.Event{E: report.EventProbe, N: n, TTL: p.ttl, MS: 1000 * (p.at - start), DeadlineMS: 1000 * chainDeadline, Kind: report.KindLost}
		if !looked && e.MS > 550 {
			looked = true
			events = append(events, report.Event{E: report.EventPhase, MS: 501, Phase: report.PhaseFirstLook}, report.Event{E: report.EventPhase, MS: 502, Phase: report.PhaseLongLook})
		}
		if p.answered {
			us := int64(1000 * (p.ttl + 1))
			e.US, e.Kind, e.Addr = &us, report.KindReply, targetAddr(1)
			if p.ttl > 0 && p.ttl <= d.hops {
				e.Kind, e.Addr = report.KindExpired, d.router(p.ttl)
			}
		}
		events = append(events, e)
	}
	events = append(events, report.Event{E: report.EventEnd, MS: events[len(events)-1].MS + 1000, Ended: report.EndedComplete})
	id := ulid.MustParse("01KAR1ABTB5H2ZJ0Q4V7W8X9YZ")
	return report.Fold([]report.Request{{ID: id, Accepted: d.time(start), Source: "watchdog"}}, report.Node{Name: "hk1"}, events, report.Options{})
}
