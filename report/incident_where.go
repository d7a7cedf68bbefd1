package report

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
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
		d.Sentence += " Where it begins cannot be told from what is at hand, there or on the way back."
		d.settle("a trace while it lasts, and the trace from the other end")
	}
}

func (v *incidentView) byPaths(d *Verdict, c *Common) {
	d.Rules = append(d.Rules, "R2", "R16")
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
	begins := "begins"
	switch {
	case c.Chance >= chanceSure:
	case c.Chance >= chanceLikely:
		d.atMost(Likely)
		begins = "probably begins"
	default:
		d.atMost(Weak)
		begins = "may begin"
	}
	d.Sentence += fmt.Sprintf(" It %s between %s and %s, there or on the way back", begins, sideName(link.From, from, v.target(from)), sideName(link.To, to, v.target(to)))
	if c.Behind > 0 {
		d.Sentence += fmt.Sprintf(": %s of %s whose known path goes there %s in trouble", strconv.Itoa(c.Lossy), plural(c.Behind, "target"), isAre(c.Lossy))
	}
	d.Sentence += "."
	if c.Chance < chanceSure {
		d.Sentence += fmt.Sprintf(" Probability %.2f.", c.Chance)
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
func sideName(l LinkEnd, a netip.Addr, target bool) string {
	switch {
	case target:
		return "the target"
	case a.IsValid() && l.TTL > 0:
		return fmt.Sprintf("hop %d (%s)", l.TTL, a)
	case a.IsValid():
		return a.String()
	case l.TTL > 0:
		return fmt.Sprintf("hop %d (silent)", l.TTL)
	}
	return "this machine"
}

// best is the report that names most closely where the loss begins, and
// its verdict; nil: none names it.
func (v *incidentView) best() (*Report, Verdict) {
	var best *Report
	var verdict Verdict
	rank := func(d Verdict) int { return map[Grade]int{Certain: 2, Likely: 1}[d.Grade] }
	for _, r := range v.reports {
		d := r.verdict()
		if d.Class != RealLoss || d.Link == nil {
			continue
		}
		wide, was := d.Link.To.TTL-d.Link.From.TTL, 0
		if best != nil {
			was = verdict.Link.To.TTL - verdict.Link.From.TTL
		}
		if best == nil || rank(d) > rank(verdict) || rank(d) == rank(verdict) && wide < was {
			best, verdict = r, d
		}
	}
	return best, verdict
}

func (v *incidentView) byTrace(d *Verdict, r *Report, rd Verdict) {
	link := *rd.Link
	d.Link = &link
	for _, rule := range rd.Rules {
		if rule != "R13" && len(d.Rules) < 8 { // R13 speaks of the trace's own counts
			d.Rules = append(d.Rules, rule)
		}
	}
	begins := "begins"
	if rd.Grade != Certain {
		d.atMost(Likely)
		begins = "probably begins"
	}
	name := func(l LinkEnd) (string, bool) {
		a := plain(l.Addr)
		target := a.IsValid() && a == r.Evidence.Target.Address
		return sideName(l, a, target), target
	}
	from, _ := name(link.From)
	to, target := name(link.To)
	d.Sentence += fmt.Sprintf(" It %s between %s and %s, there or on the way back", begins, from, to)
	if target {
		d.Sentence += ", or at the target itself"
	}
	d.Sentence += "."
	if n, all := v.disagree(link); n > 0 {
		d.atMost(Likely)
		d.Sentence += fmt.Sprintf(" %d of the %d traces that name a place name another.", n, all)
	}
}

// disagree counts the traces that put the loss where a link is not, of
// all that put it anywhere. Two that share an address, or whose TTLs
// overlap on the same first routers, agree.
func (v *incidentView) disagree(l Link) (n, all int) {
	for _, r := range v.reports {
		d := r.verdict()
		if d.Class != RealLoss || d.Link == nil {
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

// pathWords says which routers of a member's path are others now.
func (v *incidentView) pathWords(m *Member, diff []hopChange) string {
	const most = 3
	var parts []string
	for i, c := range diff {
		if i == most {
			break
		}
		parts = append(parts, fmt.Sprintf("hop %d was %s, is %s", c.ttl, addrWords(c.before), addrWords(c.after)))
	}
	s := "The path to " + m.name() + " changed: " + strings.Join(parts, "; ")
	if n := len(diff) - most; n > 0 {
		s += fmt.Sprintf("; and %s more", plural(n, "hop"))
	}
	return s + "."
}

func addrWords(addrs []netip.Addr) string {
	switch len(addrs) {
	case 0:
		return "not there"
	case 1:
		return addrs[0].String()
	}
	return fmt.Sprintf("%s (or %d more)", addrs[0], len(addrs)-1)
}
