package report

import (
	"net/netip"
	"slices"
)

// maxForeignSeries is the most probes of a hop that are laid out for the
// rules; the figures that are shown and counted stay those of the text.
const maxForeignSeries = 3000

// Report makes a report of a foreign trace, so that Judge, Explain and Table
// say of it what its counts carry. Its probes stand evenly in the order of
// sending, since the text does not say when they were lost; Evidence.Foreign
// keeps the rules that need times from reading anything into that. It is not
// for the archive.
func (f *Foreign) Report() *Report {
	e := Evidence{Schema: Schema, Ended: EndedComplete, Foreign: f}
	e.Node.Name = f.Source
	e.Target = Target{Asked: f.Target, Address: f.Address, Protocol: f.protocol(), Size: f.Size}
	if f.Target == "" && f.Address.IsValid() {
		e.Target.Asked = f.Address.String()
	}
	index := make(map[netip.Addr]int)
	at := func(a netip.Addr) *int {
		if !a.IsValid() {
			return nil
		}
		i, ok := index[a]
		if !ok {
			i = len(e.Addresses)
			index[a], e.Addresses = i, append(e.Addresses, a)
		}
		return &i
	}
	last := len(f.Hops)
	reached := f.reached()
	for i := range f.Hops {
		h := &f.Hops[i]
		answer := byte(AnswerExpired)
		switch {
		case h.Turned:
			answer = AnswerUnreachable
		case reached && i == last-1:
			answer = AnswerReply
		}
		var who []*int
		for _, x := range h.Hosts {
			who = append(who, at(x.Addr))
		}
		if len(who) > 0 && who[0] == nil {
			who = nil // the line has a name alone: an address below it is another router's
		}
		e.Hops = append(e.Hops, Hop{TTL: h.TTL, Series: h.series(answer, who)})
	}
	switch {
	case reached:
		ttl := f.Hops[last-1].TTL
		e.Target.TTL = &ttl
	default:
		// What ran into silence at the end, or was turned back there, went for
		// the target, too; behind a router that merely answers nobody asked.
		e.Ping = newSeries()
		h := &f.Hops[last-1]
		switch {
		case f.turns():
			gone := ForeignHop{Sent: h.Sent, Lost: h.Sent}
			e.Ping = gone.series(AnswerLost, nil)
		case h.Turned || h.Lost == h.Sent:
			e.Ping = h.series(AnswerUnreachable, nil)
		}
		if len(h.Hosts) > 0 && h.Lost == h.Sent && !h.any {
			e.Target.KnownTTL = h.TTL // a line of its own, though it never answered
		}
	}
	// No storm of first looks made its routers limit their answers.
	e.Times.FirstLook = &e.Times.Started
	e.Target.State = e.state()
	r := &Report{Evidence: e}
	r.Evidence.Verdict = Judge(&r.Evidence)
	return r
}

// protocol is what the probes most likely were: the default of the program.
func (f *Foreign) protocol() string {
	switch {
	case f.Protocol != "":
		return f.Protocol
	case f.Program == ForeignTraceroute:
		return "udp"
	}
	return "icmp"
}

// series lays the counts out evenly.
func (h *ForeignHop) series(answer byte, who []*int) Series {
	n, lost := h.Sent, h.Lost
	if n > maxForeignSeries {
		lost = lost * maxForeignSeries / n
		if lost == 0 && h.Lost > 0 {
			lost = 1
		}
		n = maxForeignSeries
	}
	s := newSeries()
	answers := make([]byte, n)
	var rtt *int64
	if h.RTT != nil {
		us := h.RTT.P50.Microseconds()
		rtt = &us
	}
	for i := range n {
		answers[i] = AnswerLost
		s.TxMS = append(s.TxMS, float64(i)*1000)
		s.LateUS = append(s.LateUS, nil)
		if (i+1)*lost/n > i*lost/n {
			s.RTTUS, s.Addr = append(s.RTTUS, nil), append(s.Addr, nil)
			continue
		}
		answers[i] = answer
		s.RTTUS = append(s.RTTUS, rtt)
		if len(who) > 0 {
			// The one of the line is the last that answered.
			later := n - lost - 1 - (i - i*lost/n)
			s.Addr = append(s.Addr, who[later%len(who)])
		} else {
			s.Addr = append(s.Addr, nil)
		}
	}
	s.Answer = string(answers)
	return s
}

// stats are the counts of the text.
func (h *ForeignHop) stats() Stats {
	return Stats{Sent: h.Sent, Answered: h.Sent - h.Lost, Lost: h.Lost, RTT: h.RTT}
}

// countedOnly puts the counts of the text in place of those of the layout, and
// takes from the rules what they would see in its order.
func (v *view) countedOnly(f *Foreign) {
	for i := range v.hops {
		v.hops[i] = f.Hops[i].stats()
	}
	if n := len(f.Hops); n > 0 && v.target.Sent > 0 {
		t := f.Hops[n-1].stats()
		if v.end() < 0 {
			t = Stats{Sent: f.Hops[n-1].Sent, Lost: f.Hops[n-1].Sent}
		}
		v.target = t
	}
	if v.target.Lost > 0 {
		v.spans = []span{}
	}
	v.shiftless = true
}

// foreignHost is how a text names the router of a hop; "": it does not.
func (v *view) foreignHost(ttl int) string {
	if f := v.e.Foreign; f != nil && ttl >= 1 && ttl <= len(f.Hops) && len(f.Hops[ttl-1].Hosts) > 0 {
		return f.Hops[ttl-1].Hosts[0].String()
	}
	return ""
}

// uncertain says of a foreign text what its counts leave open.
func (v *view) uncertain(d *Verdict) {
	f := v.e.Foreign
	if f == nil {
		return
	}
	if v.target.Sent == 0 {
		v.openEnd(d)
	}
	if d.Class == Clean || d.Class == RateLimitOnly {
		v.farther(d)
	}
	d.atMost(Likely)
	v.tell(d, "foreign.counts")
	if f.Assumed {
		v.tell(d, "foreign.assumed")
	}
	if f.Protocol == "" && v.target.Lost > 0 {
		v.tell(d, "foreign.protocol", map[string]string{"udp": "UDP", "icmp": "ICMP"}[f.protocol()])
	}
	if d.Class == RealLoss || d.Class == RateLimitOnly || d.Class == NotProven {
		d.settle(v.lang.Say("settle.reverse"))
	}
}

// openEnd says of a text in which nothing is counted at the target why that is.
func (v *view) openEnd(d *Verdict) {
	f := v.e.Foreign
	h := f.lastHop()
	before := v.lang.Say("name.machine")
	if n := v.lastRouter(); n > 0 {
		before = v.endName(LinkEnd{TTL: n, Addr: v.e.latest(&v.e.Hops[n-1].Series)})
	}
	d.Sentence, d.Rules = "", []string{}
	switch {
	case h.unsent:
		d.Class, d.Grade = MeasurementFault, Likely
		d.rule("R12")
		v.tell(d, "foreign.unsent", h.TTL)
		d.Settle = v.lang.Say("foreign.unsent.settle")
	case h.Sent == 0:
		d.rule("R6")
		v.tell(d, "foreign.waiting", v.name(), before)
		d.Settle = v.lang.Say("silent.settle")
	default:
		v.tell(d, "foreign.short", before, v.name())
		d.Settle = v.lang.Say("foreign.short.settle")
	}
}

// turnedBack is the router that said "unreachable" at the end of a text, by the
// first hop at which it answered, and how often. The text may have names alone.
func (f *Foreign) turnedBack() (who netip.Addr, ttl, times int) {
	h := f.lastHop()
	ttl, times = h.TTL, h.Sent-h.Lost
	if len(h.Hosts) == 0 {
		return who, ttl, times
	}
	for i := range f.Hops {
		if slices.ContainsFunc(f.Hops[i].Hosts, h.Hosts[0].same) {
			ttl = f.Hops[i].TTL
			break
		}
	}
	return h.Hosts[0].Addr, ttl, times
}
