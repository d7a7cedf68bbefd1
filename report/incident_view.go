package report

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// An incidentView is what verdict, text and picture of an incident have
// in common, worked out once.
type incidentView struct {
	inc     *Incident
	reports []*Report

	loss  *Loss  // lost of sent of all members; nil: no ping's fate is known
	other sample // pings of bursts and dense series: in and inLost

	lang    Lang
	reverse []*Report // traces from the other end

	verdicts      map[*Report]Verdict // by today's rules in this language, once they are asked for
	chosen        *Report             // best, once it is asked for
	chosenVerdict Verdict
}

func lookAt(inc *Incident, reports []*Report) *incidentView {
	v := &incidentView{inc: inc, lang: English, verdicts: make(map[*Report]Verdict)}
	for _, r := range reports {
		switch {
		case r == nil:
		case v.fromOutside(r):
			v.reverse = append(v.reverse, r)
		default:
			v.reports = append(v.reports, r)
		}
	}
	slices.SortStableFunc(v.reports, func(a, b *Report) int {
		return a.Evidence.Times.Started.Compare(b.Evidence.Times.Started)
	})
	lost, sent := 0, 0
	for i := range inc.Members {
		m := &inc.Members[i]
		lost, sent = lost+m.Lost, sent+m.Sent
		for _, p := range []*Pings{m.Burst, m.Dense} {
			l, n := p.tally()
			v.other.inLost, v.other.in = v.other.inLost+l, v.other.in+n
		}
	}
	v.loss = Stats{Lost: lost, Sent: sent}.Interval()
	return v
}

// tally counts pings whose fate is known, and those lost.
func (p *Pings) tally() (lost, sent int) {
	if p == nil {
		return 0, 0
	}
	for i := range len(p.Answer) {
		switch {
		case p.Answer[i] == AnswerPending:
		case pingLost(p.Answer[i]):
			lost++
			sent++
		default:
			sent++
		}
	}
	return lost, sent
}

// pingLost says that the target did not answer a ping: a router's
// "unreachable" is no answer of the target.
func pingLost(a byte) bool {
	return a == AnswerLost || a == AnswerNoRoute || a == AnswerUnreachable
}

// at is when ping i left.
func (p *Pings) at(i int) time.Time {
	return p.From.Add(time.Duration(p.TxMS[i]) * time.Millisecond)
}

// upTo is how far the knowledge of an incident goes: when it was over,
// else when it was written.
func (inc *Incident) upTo() time.Time {
	if c := inc.Times.Closed; c != nil {
		return *c
	}
	return inc.At
}

// until is when the trouble ended: with the first ping of the clean end,
// else with the last that was lost; ok is false while it lasts.
func (inc *Incident) until() (t time.Time, ok bool) {
	switch {
	case inc.Times.Recovered != nil:
		return *inc.Times.Recovered, true
	case inc.State == IncidentClosed && inc.Times.LastLoss != nil:
		return *inc.Times.LastLoss, true
	}
	return inc.upTo(), false
}

// reportsOf are the reports of a member: those that it names, else those
// of its address.
func (v *incidentView) reportsOf(m *Member) []*Report {
	var named, same []*Report
	for _, r := range v.reports {
		e := &r.Evidence
		asked := func(q Request) bool { return slices.Contains(m.Reports, q.ID) }
		switch {
		case slices.Contains(m.Reports, e.ID) || slices.ContainsFunc(e.Requests, asked):
			named = append(named, r)
		case m.Address.IsValid() && e.Target.Address == m.Address:
			same = append(same, r)
		}
	}
	if len(named) > 0 {
		return named
	}
	return same
}

// verdictOf is a report's verdict in the language of this one. The stored one
// is not asked: nobody has checked what another node wrote there.
func (v *incidentView) verdictOf(r *Report) Verdict {
	d, ok := v.verdicts[r]
	if !ok {
		d = JudgeIn(&r.Evidence, v.lang)
		v.verdicts[r] = d
	}
	return d
}

// ttlOf is the TTL at which an address is a router on the way: what most
// paths say; 0: none knows it.
func (v *incidentView) ttlOf(a netip.Addr) int {
	if !a.IsValid() {
		return 0
	}
	said := make(map[int]int)
	for i := range v.inc.Members {
		for _, p := range []*Path{v.inc.Members[i].Before, v.inc.Members[i].After} {
			if p == nil {
				continue
			}
			for _, h := range p.Hops {
				if slices.Contains(h.Addrs, a) {
					said[h.TTL]++
				}
			}
		}
	}
	if len(said) == 0 {
		for _, r := range v.reports {
			for i := range r.Evidence.Hops {
				h := &r.Evidence.Hops[i]
				if r.Evidence.latest(&h.Series) == a {
					said[h.TTL]++
				}
			}
		}
	}
	best := 0
	for ttl, n := range said {
		if n > said[best] || n == said[best] && ttl < best {
			best = ttl
		}
	}
	return best
}

// A hopChange is a TTL at which other routers answer than before.
type hopChange struct {
	ttl           int
	before, after []netip.Addr // none: silent, or the path is shorter
	firm          bool         // both answered, and the old one was known well
}

// changes are the TTLs at which two paths differ. A router that is one of
// several usual ones is no change, nor is one that is silent in the one
// and answers in the other: routers answer at their leisure.
func changes(before, after *Path) []hopChange {
	if before == nil || after == nil {
		return nil
	}
	at := func(p *Path, ttl int) *PathHop {
		i, ok := slices.BinarySearchFunc(p.Hops, ttl, func(h PathHop, ttl int) int { return cmp.Compare(h.TTL, ttl) })
		if !ok {
			return &PathHop{TTL: ttl}
		}
		return &p.Hops[i]
	}
	var out []hopChange
	for ttl := 1; ttl <= max(before.length(), after.length()); ttl++ {
		b, a := at(before, ttl), at(after, ttl)
		longer := ttl > before.length() && len(a.Addrs) > 0 || ttl > after.length() && len(b.Addrs) > 0
		if !longer && (len(b.Addrs) == 0 || len(a.Addrs) == 0) {
			continue
		}
		if slices.ContainsFunc(a.Addrs, func(x netip.Addr) bool { return slices.Contains(b.Addrs, x) }) {
			continue
		}
		out = append(out, hopChange{ttl, b.Addrs, a.Addrs, len(b.Addrs) > 0 && len(a.Addrs) > 0 && b.Answered >= enough})
	}
	return out
}

// length is the last TTL at which something answered.
func (p *Path) length() int {
	for i := len(p.Hops) - 1; i >= 0; i-- {
		if len(p.Hops[i].Addrs) > 0 {
			return p.Hops[i].TTL
		}
	}
	return 0
}

// moved is the first member whose path differs before and after.
func (v *incidentView) moved() (*Member, []hopChange) {
	for i := range v.inc.Members {
		m := &v.inc.Members[i]
		if c := changes(m.Before, m.After); len(c) > 0 {
			return m, c
		}
	}
	return nil, nil
}

// rtts are the round-trip times of a member's answers that left from one
// moment up to another.
func (m *Member) rtts(from, to time.Time) []time.Duration {
	var out []time.Duration
	for _, p := range []*Pings{&m.Pings, m.Dense} {
		if p == nil {
			continue
		}
		for i := range len(p.Answer) {
			if at := p.at(i); p.RTTUS[i] != nil && !at.Before(from) && at.Before(to) {
				out = append(out, time.Duration(*p.RTTUS[i])*time.Microsecond)
			}
		}
	}
	return out
}
