package report

import (
	"net/netip"
	"slices"
)

// fromOutside says that a report is a trace from the other end: it went to
// this node, and was not made by it.
func (v *incidentView) fromOutside(r *Report) bool {
	n, t := v.inc.Node, r.Evidence.Target.Address
	if !t.IsValid() || t != plain(n.Address) && t != plain(n.Source) {
		return false
	}
	// A member may be an address of this very node.
	return !slices.ContainsFunc(v.inc.Members, func(m Member) bool { return m.Address == t })
}

// otherEnd is of the losses of an incident.
func (inc *Incident) otherEnd() otherEnd {
	o := otherEnd{node: inc.Node.Name, here: []netip.Addr{inc.Node.Address, inc.Node.Source}, from: inc.Times.Began}
	o.to, _ = inc.until()
	for i := range inc.Members {
		o.there = append(o.there, inc.Members[i].Address)
	}
	return o
}

// fromBehind is R9 with traces from the other end at hand; it says whether
// there was one that counts.
func (v *incidentView) fromBehind(d *Verdict) bool {
	o := v.inc.otherEnd()
	for _, r := range v.reverse {
		if o.refuses(&r.Evidence, v.lang).why == "" {
			o.tell(d, lookWith(&r.Evidence, Around{Lang: v.lang, bare: true}))
			return true
		}
	}
	return false
}

// slowerWhere says on which stretch the time is lost, where a trace does.
func (v *incidentView) slowerWhere(d *Verdict) {
	for _, r := range v.reports {
		if rd := v.verdictOf(r); rd.Class == Latency && rd.Link != nil {
			d.Link = rd.Link
			name := func(l LinkEnd) string {
				return v.sideName(l, plain(l.Addr), l.Addr.IsValid() && l.Addr == r.Evidence.Target.Address)
			}
			v.tell(d, "slower.where", name(rd.Link.From), name(rd.Link.To))
			return
		}
	}
}

// spellsOf brackets when the loss began and ended, from all pings of the
// first member together: the rhythm's, the burst's and the dense ones.
func (v *incidentView) spellsOf(d *Verdict) {
	if len(v.inc.Members) == 0 || v.lost() == 0 {
		return
	}
	m := &v.inc.Members[0]
	zero := v.inc.Times.Began
	type ping struct {
		ms     float64
		answer byte
	}
	var all []ping
	for _, p := range []*Pings{&m.Pings, m.Burst, m.Dense} {
		if p == nil {
			continue
		}
		for i := range len(p.Answer) {
			a := p.Answer[i]
			switch {
			case a == AnswerPending:
				continue
			case pingLost(a):
				a = AnswerLost
			default:
				a = AnswerReply
			}
			all = append(all, ping{float64(p.at(i).Sub(zero).Milliseconds()), a})
		}
	}
	slices.SortStableFunc(all, func(a, b ping) int { return compare(a.ms, b.ms) })
	s := newSeries()
	answers := make([]byte, len(all))
	for i, p := range all {
		s.TxMS = append(s.TxMS, p.ms)
		answers[i] = p.answer
	}
	s.Answer = string(answers)
	d.Spells = spells(&s, calm(&s), zero)
}
