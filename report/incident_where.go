package report

import (
	"net/netip"
	"slices"
)

// placed says that something names where the loss begins.
func (v *incidentView) placed() bool {
	if v.pathsSay() {
		return true
	}
	r, _ := v.best()
	return r != nil
}

// pathsSay says that the paths of lossy and clean targets name a place.
func (v *incidentView) pathsSay() bool {
	c := v.inc.Common
	return c != nil && c.Chance >= chanceNamed && (c.From.IsValid() || c.To.IsValid())
}

// where says on which stretch the loss begins: by what the paths of the
// lossy targets share and those of clean ones do not (R16), else by the
// best trace (R2).
//
// Both at once are two readings of nearly the same probes. What the paths
// say of one lossy target rests on the first probes of its own trace, so
// the trace, which has more, is followed, unless the paths of clean targets
// cut its stretch. What they say of several targets rests on more probes
// than one trace has. It is widened where most traces put the loss elsewhere.
// Where the two contradict each other nothing is certain.
func (v *incidentView) where(d *Verdict) {
	c := v.inc.Common
	r, rd := v.best()
	switch paths := v.pathsSay(); {
	case paths && r != nil:
		v.byBoth(d, c, r, rd)
	case paths:
		v.byPaths(d, c, v.pathLink(c))
	case r != nil:
		v.byTrace(d, r, rd)
	default:
		v.tell(d, "inc.nowhere")
		d.settle(v.lang.Say("inc.nowhere.settle"))
	}
}

// byBoth weighs what the paths say against the best trace.
func (v *incidentView) byBoth(d *Verdict, c *Common, r *Report, rd Verdict) {
	link := v.pathLink(c)
	if link == nil {
		v.byPaths(d, c, nil) // nothing to compare: no path of ours has it
		return
	}
	if c.Lossy == 1 && len(v.inc.Members) == 1 && rd.Grade != Weak && !inside(*link, *rd.Link) {
		if rd.Grade == Certain && elsewhere(*rd.Link, *link) {
			rd.Grade = Likely
		}
		v.byTrace(d, r, rd)
		return
	}
	n, all := v.disagree(*link, false) // a weak one does not count against the paths of all
	if n == 0 || n == 1 && all == 1 && touch(*link, *rd.Link) {
		// Which of one router's two links it is, many targets know better than one trace.
		v.byPaths(d, c, link)
		return
	}
	if n > 1 && 2*n > all && (link.From.TTL == 0 || sameRouters(r, r, link.From)) {
		link = hull(*link, *rd.Link)
	}
	doubted := *c
	doubted.Chance = min(c.Chance, chanceDoubted)
	v.byPaths(d, &doubted, link)
	v.othersSay(d, n, all)
}

// othersSay tells that n of all traces that name a place name another.
func (v *incidentView) othersSay(d *Verdict, n, all int) {
	if all == 1 {
		v.tell(d, "inc.disagree.one")
		return
	}
	v.tell(d, "inc.disagree", n, all)
}

// chanceDoubted is the most that a place is named with which traces contradict.
const chanceDoubted = 0.95

// pathLink is the stretch that the paths name; nil where no path knows how
// far away it is.
func (v *incidentView) pathLink(c *Common) *Link {
	from, to := plain(c.From), plain(c.To)
	link := Link{From: LinkEnd{TTL: v.ttlOf(from), Addr: from}, To: LinkEnd{TTL: v.ttlOf(to), Addr: to}}
	if link.To.TTL == 0 {
		link.To.TTL = v.lengthTo(to)
	}
	// One side may be silent or be known to no path: then the other says
	// where it is. A TTL of 0 means this machine, so a link of which no
	// side has a TTL stays in words.
	switch {
	case from.IsValid() && link.From.TTL == 0 && link.To.TTL > 1:
		link.From.TTL = link.To.TTL - 1
	case link.To.TTL == 0 && (link.From.TTL > 0 || !from.IsValid()):
		link.To = v.afterSilence(link.From)
	}
	if link.To.TTL > link.From.TTL && (link.From.TTL > 0 || !from.IsValid()) {
		return &link
	}
	return nil
}

// afterSilence is the next hop behind one that answers on the paths of the
// members: several silent ones in a row cannot be told apart. It has an address
// where it is the same router for all.
func (v *incidentView) afterSilence(from LinkEnd) LinkEnd {
	end := LinkEnd{TTL: from.TTL + 1}
	for i := range v.inc.Members {
		p := v.inc.Members[i].Before
		if p == nil || len(p.Hops) == 0 || from.Addr.IsValid() && !slices.Contains(p.at(from.TTL), from.Addr) {
			continue
		}
		ttl := from.TTL + 1
		for ttl <= p.Hops[len(p.Hops)-1].TTL && len(p.at(ttl)) == 0 {
			ttl++
		}
		to := LinkEnd{TTL: ttl}
		if a := p.at(ttl); len(a) == 1 {
			to.Addr = plain(a[0])
		}
		switch {
		case ttl > end.TTL:
			end = to
		case ttl == end.TTL && i > 0 && to.Addr != end.Addr:
			end.Addr = netip.Addr{}
		}
	}
	return end
}

// at are the routers of a path at a TTL.
func (p *Path) at(ttl int) []netip.Addr {
	for _, h := range p.Hops {
		if h.TTL == ttl {
			return h.Addrs
		}
	}
	return nil
}

// byPaths names what the paths say. link may be nil, or wider than that.
func (v *incidentView) byPaths(d *Verdict, c *Common, link *Link) {
	d.rule("R2", "R16")
	named := Link{From: LinkEnd{Addr: plain(c.From)}, To: LinkEnd{Addr: plain(c.To)}}
	if link != nil {
		d.Link, named = link, *link
	} else {
		named.From.TTL, named.To.TTL = v.ttlOf(named.From.Addr), v.ttlOf(named.To.Addr)
	}
	from, to := plain(named.From.Addr), plain(named.To.Addr)
	key := "begins"
	switch {
	case c.Chance >= chanceSure:
	case c.Chance >= chanceLikely:
		d.atMost(Likely)
		key = "begins.probably"
	default:
		d.atMost(Weak)
		key = "begins.maybe"
	}
	v.tell(d, key, v.sideName(named.From, from, v.target(from)), v.sideName(named.To, to, v.target(to)))
	if c.Behind > 0 {
		v.tell(d, "inc.behind", c.Lossy, v.lang.count(c.Behind, "target"))
		if rest := v.inc.Watched - c.Behind; rest > 0 && c.Lossy <= c.Behind {
			lossy := min(max(0, v.targets()-c.Lossy), rest)
			d.number(Number{Rule: "R16", TTL: named.To.TTL, Lost: c.Lossy, Sent: c.Behind, Against: AgainstRest,
				AgainstLost: lossy, AgainstSent: rest, P: worse(c.Lossy, c.Behind, lossy, rest)})
		}
	}
	if c.Chance < chanceSure {
		v.tell(d, "inc.chance", probability(c.Chance))
	}
}

// target says that an address is that of a member, so that the loss
// begins on the last stretch.
func (v *incidentView) target(a netip.Addr) bool {
	for i := range v.inc.Members {
		if a.IsValid() && v.inc.Members[i].Address == a {
			return true
		}
	}
	return false
}

// lengthTo is the TTL at which a member should answer, one behind the last
// router that its path or trace knows; 0: it is no member, or neither is
// known.
func (v *incidentView) lengthTo(a netip.Addr) int {
	if !v.target(a) {
		return 0
	}
	longest := 0
	for i := range v.inc.Members {
		if m := &v.inc.Members[i]; m.Address == a && m.Before != nil {
			longest = max(longest, m.Before.length())
		}
	}
	for _, r := range v.reports {
		if longest == 0 && r.Evidence.Target.Address == a {
			longest = max(0, look(&r.Evidence).lastRouter())
		}
	}
	if longest == 0 {
		return 0
	}
	return longest + 1
}

// sideName is one side of a link, whose TTL may be unknown (0).
func (v *incidentView) sideName(l LinkEnd, a netip.Addr, target bool) string {
	switch {
	case target:
		return v.lang.Say("name.target")
	case a.IsValid() && l.TTL > 0:
		return v.lang.Say("name.hop", l.TTL, a)
	case a.IsValid():
		return a.String()
	case l.TTL > 0 && slices.ContainsFunc(v.inc.Members, func(m Member) bool { return m.Before != nil && len(m.Before.at(l.TTL)) > 0 }):
		return v.lang.Say("name.hop.several", l.TTL)
	case l.TTL > 0:
		return v.lang.Say("name.hop.silent", l.TTL)
	}
	return v.lang.Say("name.machine")
}

// best is the report that names most closely where the loss begins, and
// its verdict; nil: none names it.
func (v *incidentView) best() (*Report, Verdict) {
	if v.chosen != nil {
		return v.chosen, v.chosenVerdict
	}
	rank := func(d Verdict) int { return map[Grade]int{Certain: 2, Likely: 1}[d.Grade] }
	for _, r := range v.reports {
		d := v.verdictOf(r)
		if !v.places(d) {
			continue
		}
		wide, was := d.Link.To.TTL-d.Link.From.TTL, 0
		if v.chosen != nil {
			was = v.chosenVerdict.Link.To.TTL - v.chosenVerdict.Link.From.TTL
		}
		if v.chosen == nil || rank(d) > rank(v.chosenVerdict) || rank(d) == rank(v.chosenVerdict) && wide < was {
			v.chosen, v.chosenVerdict = r, d
		}
	}
	return v.chosen, v.chosenVerdict
}

// places says that a trace's verdict says where packets are lost. One that
// blames the stretch before the gateway says nothing where the watchdog's
// own pings to the gateway were all answered meanwhile: then the gateway
// limits what it answers to traces.
func (v *incidentView) places(d Verdict) bool {
	return d.Link != nil && (d.Class == RealLoss || d.Class == OwnNetwork && !v.gatewayFine())
}

func (v *incidentView) byTrace(d *Verdict, r *Report, rd Verdict) {
	link := *rd.Link
	narrow, traces := v.narrowed(r, link)
	d.Link = &narrow
	for _, rule := range rd.Rules {
		if rule != "R13" && len(d.Rules) < 10 { // R13 speaks of the trace's own counts
			d.rule(rule)
		}
	}
	d.Numbers = rd.Numbers
	key := "begins"
	if rd.Grade != Certain {
		d.atMost(Likely)
		key = "begins.probably"
	}
	name := func(l LinkEnd) (string, bool) {
		a := plain(l.Addr)
		target := a.IsValid() && a == r.Evidence.Target.Address
		return v.sideName(l, a, target), target
	}
	from, _ := name(narrow.From)
	to, target := name(narrow.To)
	v.tell(d, key, from, to)
	if target {
		v.tell(d, "begins.target")
	}
	if l := rd.Likeliest; l != nil && narrow.To.TTL-narrow.From.TTL > 1 && inside(Link{l.From, l.To}, narrow) {
		d.Likeliest = l
		from, _ := name(l.From)
		to, _ := name(l.To)
		v.tell(d, "begins.likeliest", from, to, probability(l.Chance))
	}
	if traces > 1 {
		d.rule("R16")
		v.tell(d, "inc.narrowed", traces)
	}
	if n, all := v.disagree(link, true); n > 0 {
		d.atMost(Likely)
		v.othersSay(d, n, all)
	}
	if rd.Class == OwnNetwork && narrow.To.TTL == 1 {
		d.Class = OwnNetwork
		d.rule("R14")
		v.tell(d, "own.gateway")
		d.Settle = v.lang.Say("own.gateway.settle")
	}
}

// narrowed is what is common to the stretches that the traces of one loss
// name, as far as they go over the same routers (R16): two traces that say
// "between hop 3 and 6" and "between hop 2 and 4" mean 3 to 4.
func (v *incidentView) narrowed(r *Report, l Link) (Link, int) {
	n := 1
	for _, o := range v.reports {
		d := v.verdictOf(o)
		if o == r || !v.places(d) || d.Grade == Weak {
			continue
		}
		k := *d.Link
		from, to := l.From, l.To
		if k.From.TTL > from.TTL && sameRouters(r, o, k.From) {
			from = k.From
		}
		if k.To.TTL < to.TTL && sameRouters(r, o, k.To) {
			to = k.To
		}
		if from.TTL < to.TTL && (from != l.From || to != l.To) {
			l = Link{From: from, To: to}
			n++
		}
	}
	return l, n
}

// sameRouters says that the paths of two reports have the same router at
// one side of a link.
func sameRouters(r, o *Report, l LinkEnd) bool {
	if l.TTL < 1 || l.TTL > len(r.Evidence.Hops) || l.TTL > len(o.Evidence.Hops) || !l.Addr.IsValid() {
		return false
	}
	return r.Evidence.latest(&r.Evidence.Hops[l.TTL-1].Series) == l.Addr && o.Evidence.latest(&o.Evidence.Hops[l.TTL-1].Series) == l.Addr
}

// disagree counts the traces that put the loss where a link is not, of
// all that put it anywhere, the weak ones among them or not. Two that share
// an address, or whose TTLs overlap on the same first routers, agree.
func (v *incidentView) disagree(l Link, weak bool) (n, all int) {
	for _, r := range v.reports {
		d := v.verdictOf(r)
		if !v.places(d) || d.Grade == Weak && !weak {
			continue
		}
		all++
		if elsewhere(*d.Link, l) {
			n++
		}
	}
	return n, all
}

// elsewhere says that two stretches have nothing in common.
func elsewhere(a, b Link) bool {
	same := a.From.is(b.From) || a.To.is(b.To)
	return !same && !(a.From.TTL < b.To.TTL && b.From.TTL < a.To.TTL)
}

// inside says that the first stretch is no wider than the second, and on it.
func inside(a, b Link) bool {
	return a.From.TTL >= b.From.TTL && a.To.TTL <= b.To.TTL
}

// touch says that one stretch begins at the router at which the other ends.
func touch(a, b Link) bool { return a.To.is(b.From) || b.To.is(a.From) }

// is tells whether two ends are the same router, which may be at another TTL
// on another path; of silent ones only the TTL is known.
func (l LinkEnd) is(o LinkEnd) bool {
	if l.Addr.IsValid() && o.Addr.IsValid() {
		return plain(l.Addr) == plain(o.Addr)
	}
	return l == o
}

// hull is the stretch that holds both.
func hull(a, b Link) *Link {
	if b.From.TTL < a.From.TTL {
		a.From = b.From
	}
	if b.To.TTL > a.To.TTL {
		a.To = b.To
	}
	return &a
}

func addrWords(l Lang, addrs []netip.Addr) string {
	switch len(addrs) {
	case 0:
		return l.Say("addr.none")
	case 1:
		return addrs[0].String()
	}
	return l.Say("addr.several", addrs[0], len(addrs)-1)
}
