package report

import (
	"fmt"
	"net/netip"
)

// placed says that something names where the loss begins.
func (v *incidentView) placed() bool {
	if c := v.inc.Common; c != nil && c.Chance >= chanceNamed && (c.From.IsValid() || c.To.IsValid()) {
		return true
	}
	r, _ := v.best()
	return r != nil
}

// where says on which stretch the loss begins: by what the paths of the
// lossy targets share and those of clean ones do not (R16), else by the
// best trace (R2).
func (v *incidentView) where(d *Verdict) {
	c := v.inc.Common
	switch {
	case c != nil && c.Chance >= chanceNamed && (c.From.IsValid() || c.To.IsValid()):
		v.byPaths(d, c)
	default:
		if r, rd := v.best(); r != nil {
			v.byTrace(d, r, rd)
			return
		}
		v.tell(d, "inc.nowhere")
		d.settle(v.lang.Say("inc.nowhere.settle"))
	}
}

func (v *incidentView) byPaths(d *Verdict, c *Common) {
	d.rule("R2", "R16")
	from, to := plain(c.From), plain(c.To)
	link := Link{From: LinkEnd{TTL: v.ttlOf(from), Addr: from}, To: LinkEnd{TTL: v.ttlOf(to), Addr: to}}
	// One side may be silent or be known to no path: then the other says
	// where it is. A TTL of 0 means this machine, so a link of which no
	// side has a TTL stays in words.
	switch {
	case from.IsValid() && link.From.TTL == 0 && link.To.TTL > 1:
		link.From.TTL = link.To.TTL - 1
	case link.To.TTL == 0 && (link.From.TTL > 0 || !from.IsValid()):
		link.To.TTL = link.From.TTL + 1
	}
	if link.To.TTL > link.From.TTL && (link.From.TTL > 0 || !from.IsValid()) {
		d.Link = &link
	}
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
	v.tell(d, key, v.sideName(link.From, from, v.target(from)), v.sideName(link.To, to, v.target(to)))
	if c.Behind > 0 {
		v.tell(d, "inc.behind", c.Lossy, v.lang.count(c.Behind, "target"))
		if rest := v.inc.Watched - c.Behind; rest > 0 && c.Lossy <= c.Behind {
			lossy := min(max(0, v.targets()-c.Lossy), rest)
			d.number(Number{Rule: "R16", TTL: link.To.TTL, Lost: c.Lossy, Sent: c.Behind, Against: AgainstRest,
				AgainstLost: lossy, AgainstSent: rest, P: worse(c.Lossy, c.Behind, lossy, rest)})
		}
	}
	if c.Chance < chanceSure {
		v.tell(d, "inc.chance", fmt.Sprintf("%.2f", c.Chance))
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

// sideName is one side of a link, whose TTL may be unknown (0).
func (v *incidentView) sideName(l LinkEnd, a netip.Addr, target bool) string {
	switch {
	case target:
		return v.lang.Say("name.target")
	case a.IsValid() && l.TTL > 0:
		return v.lang.Say("name.hop", l.TTL, a)
	case a.IsValid():
		return a.String()
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
	if traces > 1 {
		d.rule("R16")
		v.tell(d, "inc.narrowed", traces)
	}
	if n, all := v.disagree(link); n > 0 {
		d.atMost(Likely)
		v.tell(d, "inc.disagree", n, all)
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
// all that put it anywhere. Two that share an address, or whose TTLs
// overlap on the same first routers, agree.
func (v *incidentView) disagree(l Link) (n, all int) {
	for _, r := range v.reports {
		d := v.verdictOf(r)
		if !v.places(d) {
			continue
		}
		all++
		o := *d.Link
		same := o.From == l.From || o.To == l.To
		overlap := o.From.TTL < l.To.TTL && l.From.TTL < o.To.TTL
		if !same && !overlap {
			n++
		}
	}
	return n, all
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
