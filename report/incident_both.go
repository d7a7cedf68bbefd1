package report

import (
	"slices"
	"time"
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

// fromBehind is R9 with traces from the other end at hand; it says whether
// there was one of the time of the loss.
func (v *incidentView) fromBehind(d *Verdict) bool {
	began := v.inc.Times.Began
	to, _ := v.inc.until()
	for _, r := range v.reverse {
		e := &r.Evidence
		ended := e.Times.Started.Add(time.Minute)
		if e.Times.Ended != nil {
			ended = *e.Times.Ended
		}
		if e.Times.Started.After(to) || ended.Before(began) {
			continue
		}
		w := lookWith(e, Around{Lang: v.lang, bare: true})
		rd := w.judge()
		back := v.lang.counted(rd.Loss, "probe")
		switch {
		case (rd.Class == RealLoss || rd.Class == OwnNetwork) && rd.Link != nil:
			v.tell(d, "reverse.link", back, sideOf(w, rd.Link.From), sideOf(w, rd.Link.To))
		case rd.Class == RealLoss || rd.Class == OwnNetwork:
			v.tell(d, "reverse.lossy", back)
		case w.target.Lost == 0 && w.target.Sent >= someProbes:
			v.tell(d, "reverse.clean", v.lang.count(w.target.Sent, "probe"))
			d.settle(v.lang.Say("reverse.clean.settle"))
		default:
			v.tell(d, "reverse.little", back)
		}
		return true
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
