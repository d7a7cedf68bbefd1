package report

import (
	"net/netip"
	"strings"
	"time"
)

// check says what the carrier of the profile will ask for.
func (w *ticketWriter) check(t *Ticket) {
	who := w.p.Name(w.l)
	miss := func(key string, args ...any) { t.Missing = append(t.Missing, w.l.Say(key, args...)) }
	hint := func(key string, args ...any) { t.Hints = append(t.Hints, w.l.Say(key, args...)) }
	switch w.verdict.Class {
	case RealLoss, RoutingLoop, Latency, PathChanged, TargetFilters, UplinkCut:
	case Recovered:
		hint("need.recovered")
	default:
		miss("need.fault", w.l.Say("class."+string(w.verdict.Class)))
	}
	w.checkTraces(who, miss)
	if !w.target.IsValid() {
		miss("need.dest")
	}
	if w.p.Ping > 0 && w.ping.Sent < w.p.Ping {
		miss("need.ping", who, w.p.Ping, w.ping.Sent)
	} else if w.ping.Sent == 0 {
		hint("need.noping")
	}
	if !w.sourceAddr().IsValid() {
		if w.p.Public {
			miss("need.public", who)
		} else {
			hint("need.public", who)
		}
	}
	if w.p.Private && !w.localAddr().IsValid() {
		miss("need.private", who)
	}
	if strings.TrimSpace(w.own.Circuit) == "" && w.p.Circuit {
		miss("need.circuit", who)
	}
	if strings.TrimSpace(w.own.Contact) == "" {
		hint("need.contact")
	}
	if c := w.clock(); c == nil || !c.Synced {
		hint("need.clock")
	}
	if w.opts.Names.as(w.target) == "-" {
		hint("need.as")
	}
	if !w.control() {
		hint("need.control")
	}
	if w.in.Before == nil && (w.member == nil || w.member.Usual == nil) {
		hint("need.before")
	}
	if w.in.After == nil && (w.member == nil || w.recovered().Sent == 0) {
		hint("need.after")
	}
}

// checkTraces is of the trace, the one from the other end and the TCP one.
func (w *ticketWriter) checkTraces(who string, miss func(string, ...any)) {
	r := w.in.Report
	if r == nil {
		miss("need.trace")
	} else if n := r.Evidence.TargetStats().Sent; n < w.p.Packets {
		miss("need.packets", who, w.p.Packets, n)
	}
	if w.p.Both && w.in.Reverse == nil && w.in.ReverseText == nil {
		miss("need.both", who, w.backTo())
	}
	w.checkReverse(miss)
	if !w.p.TCP {
		return
	}
	tcp := r != nil && r.Evidence.Target.Protocol == "tcp"
	icmp := r != nil && r.Evidence.Target.Protocol == "icmp"
	for _, o := range w.in.Others {
		tcp = tcp || o.Evidence.Target.Protocol == "tcp"
		icmp = icmp || o.Evidence.Target.Protocol == "icmp"
	}
	if !tcp {
		miss("need.tcp", who, w.destination())
	}
	if !icmp {
		miss("need.icmp", who)
	}
}

// checkReverse looks whether what is there of the other direction is of this
// source and of this time.
func (w *ticketWriter) checkReverse(miss func(string, ...any)) {
	var to netip.Addr
	var e *Evidence
	switch {
	case w.in.Reverse != nil:
		e = &w.in.Reverse.Evidence
		to = e.Target.Address
	case w.in.ReverseText != nil && !w.in.ReverseText.Assumed:
		to = w.in.ReverseText.Address
	}
	source := w.sourceAddr()
	if to.IsValid() && source.IsValid() && to != source && to != w.localAddr() {
		miss("need.reverse.to", to, source)
	}
	if e == nil {
		return
	}
	const apart = 15 * time.Minute
	ended := e.Times.Started
	if e.Times.Ended != nil {
		ended = *e.Times.Ended
	}
	if ended.Before(w.from.Add(-apart)) || !w.to.IsZero() && e.Times.Started.After(w.to.Add(apart)) {
		miss("need.reverse.time", e.Times.Started.Format(ticketTime))
	}
}

// backTo is where the trace from the other end must go.
func (w *ticketWriter) backTo() string {
	if a := w.sourceAddr(); a.IsValid() {
		return a.String()
	}
	return w.l.Say("need.here")
}

// chat is the whole in a few lines, for a messenger.
func (w *ticketWriter) chat() string {
	circuit := short(Printable(strings.TrimSpace(w.own.Circuit)), 200)
	if circuit == "" {
		circuit = w.l.Say("ticket.unknown")
	}
	to := w.open
	const format = "2006-01-02 15:04:05"
	if !w.to.IsZero() {
		to = w.to.In(beijingZone()).Format(format)
	}
	loss := "-"
	if l, what := w.loss(); l != nil {
		loss = w.l.counted(l, what)
	}
	both := w.l.Say("chat.one")
	if w.in.Reverse != nil || w.in.ReverseText != nil {
		both = w.l.Say("chat.both")
	}
	s := w.l.Say("chat", circuit, w.known(w.sourceAddr()), w.destination(), w.from.In(beijingZone()).Format(format), to, loss)
	if l := w.verdict.Link; l != nil && l.To.Addr.IsValid() {
		from := w.l.Say("name.machine")
		if l.From.Addr.IsValid() {
			from = l.From.Addr.String()
		}
		s = w.l.join(s, w.l.Say("chat.link", from, l.To.Addr.String()))
	}
	return w.l.join(s, both)
}
