package report

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// uplinkNetworks is in how many networks targets and anchors must be
// silent at once for the uplink to be what they share: with fewer it may
// as well be them.
const uplinkNetworks = 3

// uplink says that this node's way out is cut, or that this cannot be
// told from a target that is down.
func (v *incidentView) uplink(d *Verdict) bool {
	if v.inc.Clean > 0 || v.lost() == 0 {
		return false
	}
	q, ok := v.quiet()
	if !ok || q.answered || !v.allAsked(q) {
		return false
	}
	sure := map[netip.Prefix]bool{}
	all := map[netip.Prefix]bool{}
	targets := 0
	for i := range v.inc.Members {
		n, ok := v.inc.Members[i].area()
		if ok {
			all[n] = true
		}
		if q.members[i] {
			targets++
			if ok {
				sure[n] = true
			}
		}
	}
	anchors := 0
	for i := range v.inc.Canaries {
		c := &v.inc.Canaries[i]
		if c.Kind != CanaryAnchor || !c.Known || c.Sent < fewProbes {
			continue
		}
		if !v.anchorSilent(c, q) {
			return false // somebody outside answers
		}
		anchors++
		if n, ok := areaOf(c.Addr); ok {
			all[n], sure[n] = true, true
		}
	}
	gateway := v.gatewayFine()
	if len(sure) >= uplinkNetworks {
		d.Class, d.Rules = UplinkCut, []string{"R14", "R16"}
		d.Grade = Likely
		if byCounts(v.loss) == Certain && gateway {
			d.Grade = Certain
		}
		v.what(d)
		v.tell(d, "inc.uplink", v.silentWords(targets, anchors), len(sure), v.clock(q.from), v.clock(q.to))
		if gateway {
			v.tell(d, "inc.uplink.gateway")
		}
		v.linkOnly(d)
		d.Settle = v.lang.Say("inc.uplink.settle")
		return true
	}
	if len(all) >= uplinkNetworks || v.wayOut(q) || v.placed() {
		return false
	}
	d.Rules = []string{"R6", "R14"}
	v.what(d)
	v.tell(d, "inc.either")
	if gateway {
		v.tell(d, "inc.uplink.gateway")
	}
	d.Settle = v.lang.Say("inc.either.settle", uplinkNetworks)
	return true
}

// allAsked says that each member that was silent in a stretch lost a ping in it.
// Where not, it is shorter than their pings are apart, and chance alone makes a
// moment in which all that were asked lost some.
func (v *incidentView) allAsked(q stretch) bool {
	for i := range q.members {
		p := &v.inc.Members[i].Pings
		asked := false
		for j := 0; j < len(p.Answer) && !asked; j++ {
			at := p.at(j)
			asked = pingLost(p.Answer[j]) && !at.Before(q.from) && at.Before(q.to)
		}
		if !asked {
			return false
		}
	}
	return true
}

// linkOnly names a link where the paths or a trace have one.
func (v *incidentView) linkOnly(d *Verdict) {
	if !v.placed() {
		return
	}
	grade, rules := d.Grade, d.Rules
	v.where(d)
	d.Grade, d.Rules = grade, rules
}

// A stretch is when members were silent together.
type stretch struct {
	from, to time.Time
	members  map[int]bool // who were, by index
	answered bool         // another member answered meanwhile
}

// quiet finds when most members were silent together; of equals, the
// first. ok is false where none ever was.
func (v *incidentView) quiet() (stretch, bool) {
	type edge struct {
		at     time.Time
		member int
		begin  bool
		until  time.Time
	}
	var edges []edge
	for i := range v.inc.Members {
		for _, s := range v.inc.Members[i].silences() {
			edges = append(edges, edge{s[0], i, true, s[1]}, edge{s[1], i, false, s[1]})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int {
		// One that ends when another begins does not overlap with it.
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(btoi(a.begin), btoi(b.begin)), cmp.Compare(a.member, b.member))
	})
	open := make(map[int]time.Time)
	most, at := 0, -1
	for i, e := range edges {
		if e.begin {
			open[e.member] = e.until
		} else {
			delete(open, e.member)
		}
		if len(open) > most {
			most, at = len(open), i
		}
	}
	if at < 0 {
		return stretch{}, false
	}
	q := stretch{from: edges[at].at, members: make(map[int]bool)}
	clear(open)
	for _, e := range edges[:at+1] {
		if e.begin {
			open[e.member] = e.until
		} else {
			delete(open, e.member)
		}
	}
	for i, until := range open {
		q.members[i] = true
		if q.to.IsZero() || until.Before(q.to) {
			q.to = until
		}
	}
	v.cut(&q)
	return q, true
}

// cut ends a stretch where the first of all members was answered by
// whatever ping: those that are several a second see the recovery before the
// rhythm does. Where somebody was answered before all had lost enough, it
// was no silence of all.
func (v *incidentView) cut(q *stretch) {
	first := q.to
	for i := range v.inc.Members {
		m := &v.inc.Members[i]
		for _, p := range []*Pings{&m.Pings, m.Burst, m.Dense} {
			if at, ok := p.answeredIn(*q); ok && at.Before(first) {
				first = at
			}
		}
	}
	if first.Equal(q.to) {
		return
	}
	for i := range q.members {
		lost := 0
		p := &v.inc.Members[i].Pings
		for j := range len(p.Answer) {
			if at := p.at(j); pingLost(p.Answer[j]) && at.Before(first) {
				lost++
			}
		}
		if lost < fewProbes {
			q.answered = true
			return
		}
	}
	q.to = first
}

// silences are the stretches, from the first lost ping up to the next
// answer, in which a member lost all of at least three pings in a row.
// Pings that nobody can say anything about neither end nor make one.
func (m *Member) silences() [][2]time.Time {
	var out [][2]time.Time
	p := &m.Pings
	first, last, n := 0, 0, 0
	for i := 0; i <= len(p.Answer); i++ {
		switch {
		case i < len(p.Answer) && p.Answer[i] == AnswerPending:
		case i < len(p.Answer) && pingLost(p.Answer[i]):
			if n == 0 {
				first = i
			}
			last = i
			n++
		default:
			if n >= fewProbes {
				to := p.at(last).Add(time.Millisecond)
				if i < len(p.Answer) {
					to = p.at(i)
				}
				out = append(out, [2]time.Time{p.at(first), to})
			}
			n = 0
		}
	}
	return out
}

// answeredIn is when the first ping that was answered in a stretch left.
func (p *Pings) answeredIn(q stretch) (time.Time, bool) {
	if p == nil {
		return time.Time{}, false
	}
	for i := range len(p.Answer) {
		if a := p.Answer[i]; a != AnswerPending && !pingLost(a) {
			if at := p.at(i); !at.Before(q.from) && at.Before(q.to) {
				return at, true
			}
		}
	}
	return time.Time{}, false
}

// anchorSilent says whether an anchor can have been silent all through a
// stretch. Of anchors there are only counts since the incident began: it
// must have lost nearly all the pings that fall into the stretch.
func (v *incidentView) anchorSilent(c *Canary, q stretch) bool {
	if c.Lost == c.Sent {
		return true
	}
	whole := v.inc.upTo().Sub(v.inc.Times.Began)
	if whole <= 0 || c.Lost < fewProbes {
		return false
	}
	expected := float64(c.Sent) * float64(q.to.Sub(q.from)) / float64(whole)
	return float64(c.Lost) >= 0.9*expected-1
}

// gatewayFine says that the gateway is known to answer, and did.
func (v *incidentView) gatewayFine() bool {
	for _, c := range v.inc.Canaries {
		if c.Kind == CanaryGateway && c.Known && c.Lost == 0 && c.Sent >= fewProbes {
			return true
		}
	}
	return false
}

// wayOut says that a trace saw a router behind the gateway answer in a
// stretch, or all but the target: that far, at least, the uplink was there.
func (v *incidentView) wayOut(q stretch) bool {
	for _, r := range v.reports {
		if v.verdictOf(r).Class == TargetFilters {
			return true
		}
		e := &r.Evidence
		for i := range e.Hops {
			h := &e.Hops[i]
			for j := range len(h.Answer) {
				at := e.Times.Started.Add(time.Duration(h.TxMS[j] * float64(time.Millisecond)))
				if h.TTL > 1 && h.Answer[j] == AnswerExpired && !at.Before(q.from) && at.Before(q.to) {
					return true
				}
			}
		}
	}
	return false
}

func (m *Member) area() (netip.Prefix, bool) { return areaOf(m.Address) }

// areaOf is the /16 or /32 that an address is in: who is in another one
// is likely somewhere else.
func areaOf(a netip.Addr) (netip.Prefix, bool) {
	a = plain(a)
	bits := 16
	if a.Is6() {
		bits = 32
	}
	p, err := a.Prefix(bits)
	return p, err == nil
}

func (v *incidentView) silentWords(targets, anchors int) string {
	switch {
	case anchors == 0:
		return v.lang.count(targets, "target")
	case targets == 0:
		return v.lang.count(anchors, "anchor")
	}
	return v.lang.Say("and", v.lang.count(targets, "target"), v.lang.count(anchors, "anchor"))
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
