package report

import (
	"fmt"
	"strings"
	"time"
)

// pings is point 4.
func (w *ticketWriter) pings(p *TicketPoint) {
	if w.ping.Sent == 0 {
		p.fact(w.l.Say("ticket.ping.lost"), w.l.Say("ticket.none"))
		return
	}
	p.fact(w.l.Say("ticket.ping.lost"), w.l.counted(w.ping.Interval(), "ping"))
	if d := w.dense; d.Sent > 0 {
		in := w.from.Location()
		p.fact(w.l.Say("ticket.ping.dense"), w.l.Say("ticket.ping.dense.of", d.from.In(in).Format("15:04:05"), d.to.In(in).Format("15:04:05 ")+w.zone(), w.l.counted(d.Interval(), "ping")))
	}
	if t := w.ping.RTT; t != nil {
		p.fact(w.l.Say("ticket.ping.rtt"), fmt.Sprintf("%s / %s / %s ms", msText(t.Best), msText(t.Avg), msText(t.Worst)))
	}
	if w.member != nil {
		if n := w.member.Pings.Skipped; n > 0 {
			p.fact(w.l.Say("ticket.ping.skipped"), w.l.Say("ticket.ping.skipped.of", w.l.count(n, "ping")))
		}
		if s := w.strip(); s != "" {
			p.block(w.l.Say("ticket.ping.strip", w.zone()), s)
		}
	}
}

// plainPings are the pings of a report: its own where its probes are pings,
// else those of an ICMP trace to the same target that ran meanwhile.
func (w *ticketWriter) plainPings(e *Evidence) Stats {
	from, to := e.ran()
	for _, r := range append([]*Report{w.in.Report}, w.in.Others...) {
		o := &r.Evidence
		first, last := o.ran()
		if o.Target.Protocol == "icmp" && o.Target.Address == e.Target.Address && !first.After(to) && !last.Before(from) {
			return o.Ping.stats(theTarget)
		}
	}
	return Stats{}
}

// dense are pings of an incident beside those of the rhythm, several a second
// and through sockets of their own, from its opening on.
type dense struct {
	Stats
	from, to time.Time // when the first and the last left
}

func denseOf(m *Member) (d dense) {
	if m.Dense == nil {
		return d
	}
	d.Lost, d.Sent = m.Dense.tally()
	if n := len(m.Dense.TxMS); n > 0 {
		d.from, d.to = m.Dense.at(0), m.Dense.at(n-1)
	}
	return d
}

// pinged is how many pings of the same time there are, of either kind.
func (w *ticketWriter) pinged() int { return w.ping.Sent + w.dense.Sent }

// strip is a character a ping around the trouble, 60 a line.
func (w *ticketWriter) strip() string {
	const most, line = 600, 60
	m := w.member
	var b strings.Builder
	n := 0
	for i := range len(m.Pings.Answer) {
		at := m.Pings.at(i)
		if at.Before(m.Began.Add(-30*time.Second)) || at.After(w.in.Incident.upTo().Add(30*time.Second)) {
			continue
		}
		if n == most {
			b.WriteString("…")
			break
		}
		if n%line == 0 {
			if n > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(at.In(w.from.Location()).Format("15:04:05") + " ")
		}
		c := byte('!')
		switch a := m.Pings.Answer[i]; {
		case a == AnswerPending:
			c = '?'
		case pingLost(a):
			c = '.'
		}
		b.WriteByte(c)
		n++
	}
	return b.String()
}

// baseline is point 5.
func (w *ticketWriter) baseline(p *TicketPoint) {
	var before, after string
	if m := w.member; m != nil {
		if u := m.Usual; u != nil && u.Sent > 0 {
			before = w.l.Say("ticket.usual", w.l.of(u.Lost, u.Sent, "ping"), msText(usec(u.P50US)), msText(usec(u.P95US)))
		}
		if s := w.recovered(); s.Sent > 0 {
			after = w.l.Say("ticket.lost", w.l.of(s.Lost, s.Sent, "ping"))
			if s.RTT != nil {
				after += w.l.Say("comma") + msText(s.RTT.P50) + " ms"
			}
		}
	}
	row := func(key, pings string, other bool) { // a trace or a path stands in blocks below
		if pings == "" && !other {
			pings = w.l.Say("ticket.none")
		}
		if pings != "" {
			p.fact(w.l.Say(key), pings)
		}
	}
	row("ticket.before", before, w.in.Before != nil || w.member != nil && w.member.Before != nil)
	row("ticket.after", after, w.in.After != nil || w.member != nil && w.member.After != nil)
	for _, b := range []struct {
		key string
		r   *Report
	}{{"ticket.before.trace", w.in.Before}, {"ticket.after.trace", w.in.After}} {
		if b.r != nil {
			p.block(w.l.Say(b.key, w.probes(b.r)), w.table(b.r))
		}
	}
	if m := w.member; m != nil && w.in.Before == nil && m.Before != nil {
		key := "ticket.before.path"
		if m.Before.At.After(m.Began) {
			key = "ticket.before.path.look" // the first look asked it, too
		}
		p.block(w.l.Say(key, w.local(m.Before.At)), w.path(m.Before))
	}
	if m := w.member; m != nil && w.in.After == nil && m.After != nil {
		p.block(w.l.Say("ticket.after.path", w.local(m.After.At)), w.path(m.After))
	}
}

// recovered are the pings behind the trouble.
func (w *ticketWriter) recovered() Stats {
	m := w.member
	if m.Recovered == nil {
		return Stats{}
	}
	var s Stats
	for i := range len(m.Pings.Answer) {
		if m.Pings.at(i).Before(*m.Recovered) || m.Pings.Answer[i] == AnswerPending {
			continue
		}
		s.Sent++
		if pingLost(m.Pings.Answer[i]) {
			s.Lost++
		}
	}
	s.Answered = s.Sent - s.Lost
	s.RTT = rttStats(m.rtts(*m.Recovered, m.Recovered.Add(24*time.Hour)))
	return s
}

func (w *ticketWriter) path(p *Path) string {
	var b strings.Builder
	for _, h := range p.Hops {
		who := "???"
		if len(h.Addrs) > 0 {
			who = h.Addrs[0].String()
		}
		as := "-"
		if len(h.Addrs) > 0 {
			as = w.opts.Names.asNumber(h.Addrs[0])
		}
		rtt := "-"
		if h.RTTUS != nil {
			rtt = msText(usec(*h.RTTUS)) + " ms"
		}
		fmt.Fprintf(&b, "%3d  %-11s %-40s %d/%d  %s\n", h.TTL, as, who, h.Answered, h.Asked, rtt)
	}
	return b.String()
}
