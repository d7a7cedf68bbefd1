package report

import (
	"net/netip"
	"strings"
)

// silent is R5, R6 and R7: the target answered nothing.
func (v *view) silent(d *Verdict) {
	e := v.e
	n := v.target.Sent
	if n == 0 {
		v.tell(d, "silent.none", v.name())
		return
	}
	v.tell(d, "silent", v.name(), v.lang.count(n, "probe"))
	if v.looping(d) {
		return
	}
	if n < fewProbes {
		d.rule("R13")
		d.Settle = v.lang.Say("settle.more", v.lang.count(someProbes-n, "more"))
		return
	}
	for _, o := range e.Others {
		if o.Answered {
			v.filters(d, o)
			return
		}
	}
	last := v.lastRouter()
	if last == 0 {
		d.rule("R6")
		v.tell(d, "silent.all")
		d.Settle = v.lang.Say("silent.all.settle")
		v.knownLoss(d, n)
		return
	}
	k := e.Target.KnownTTL
	label := v.endName(LinkEnd{TTL: last, Addr: e.latest(&e.Hops[last-1].Series)})
	if k > 1 && last >= k-1 {
		d.rule("R5")
		v.tell(d, "silent.before", label)
		if !e.Target.Known {
			d.Class = TargetFilters
		}
	} else {
		d.rule("R6")
		v.tell(d, "silent.behind", label)
	}
	d.Settle = v.lang.Say("silent.settle")
	v.knownLoss(d, n)
	if d.Class != RealLoss {
		return
	}
	d.Link = &Link{From: LinkEnd{TTL: last, Addr: e.latest(&e.Hops[last-1].Series)}, To: LinkEnd{TTL: last + 1}}
	if k == last+1 {
		d.Link.To.Addr = e.Target.Address
	} else if u := v.usualHop(last + 1); u != nil && len(u.Addrs) > 0 {
		// Path memory knows who used to answer next.
		d.rule("R15")
		d.Link.To.Addr = u.Addrs[0]
		v.tell(d, "silent.next", v.endName(d.Link.To))
	}
}

// filters is R5: the target answers another protocol.
func (v *view) filters(d *Verdict, o Other) {
	d.Class = TargetFilters
	d.rule("R5")
	proto := strings.ToUpper(Printable(v.e.Target.Protocol))
	if v.e.Target.Known {
		d.Grade = Weak
		v.tell(d, "filters.now", o.name(v.lang), proto)
	} else {
		v.tell(d, "filters", o.name(v.lang), proto)
		if v.target.Sent >= someProbes {
			d.Grade = Likely
		}
	}
	d.Settle = v.lang.Say("filters.settle", o.name(v.lang))
}

// knownLoss makes a loss of the silence of a target that used to answer.
func (v *view) knownLoss(d *Verdict, n int) {
	if !v.e.Target.Known {
		v.tell(d, "known.not")
		return
	}
	d.Class = RealLoss
	if n >= someProbes {
		d.Grade = Likely
	}
	v.tell(d, "known")
}

// lastRouter is the highest TTL that answered; 0: none.
func (v *view) lastRouter() int {
	for i := len(v.hops) - 1; i >= 0; i-- {
		if v.e.latest(&v.e.Hops[i].Series).IsValid() || v.e.Foreign != nil && v.hops[i].Answered > 0 {
			return v.e.Hops[i].TTL
		}
	}
	return 0
}

// unreachable: a router says so.
func (v *view) unreachable(d *Verdict) {
	e := v.e
	who, ttl, times := v.whoTurnedBack()
	own := who == e.Node.Source && who.IsValid()
	said := v.endName(LinkEnd{TTL: ttl, Addr: who})
	switch {
	case own:
		said = v.lang.Say("name.self", who)
	case ttl == 0:
		said = who.String()
	}
	settle := v.lang.Say("unreachable.settle")
	if e.Foreign != nil && ttl == 1 {
		settle = v.lang.Say("own.gateway.settle")
	}
	if e.Foreign != nil && who.IsValid() && who == e.Target.Address {
		v.tell(d, "unreachable.self", v.name(), v.lang.of(times, v.target.Sent, "probe"))
		settle = v.lang.Say("paced.settle")
	} else {
		v.tell(d, "unreachable", v.name(), v.lang.count(v.target.Sent, "probe"), said, v.lang.count(times, "time"))
	}
	if v.target.Sent < fewProbes {
		d.rule("R6", "R13")
		if e.Foreign == nil { // tracert asks no more where one has said so
			settle = v.lang.Say("settle.more", v.lang.count(someProbes-v.target.Sent, "more"))
		}
		d.Settle = settle
		return
	}
	if v.looping(d) {
		return
	}
	d.rule("R6")
	d.Settle = settle
	if v.target.Sent >= someProbes {
		d.Grade = Likely
	}
	d.Class = TargetFilters
	for _, o := range e.Others {
		if o.Answered {
			d.Rules = []string{"R5"}
			v.tell(d, "unreachable.other", o.name(v.lang), strings.ToUpper(Printable(e.Target.Protocol)))
			return
		}
	}
	if own {
		// R14: nobody on this machine's own network answers for it.
		d.Class = OwnNetwork
		d.rule("R14")
		d.Link = &Link{To: LinkEnd{TTL: 1}}
		v.tell(d, "unreachable.own")
		d.Settle = v.lang.Say("own.gateway.settle")
		return
	}
	if !e.Target.Known {
		v.tell(d, "known.not")
		return
	}
	d.Class = RealLoss
	v.tell(d, "known")
	if ttl > 0 {
		d.Link = &Link{From: LinkEnd{TTL: ttl, Addr: who}, To: LinkEnd{TTL: ttl + 1}}
	}
}

// whoTurnedBack is the router that said "unreachable" most often of the
// target's own probes, or, where none of them came so far, of those for the
// hops, the lowest TTL at which it answered (0: none), and how often.
func (v *view) whoTurnedBack() (who netip.Addr, ttl, times int) {
	if f := v.e.Foreign; f != nil {
		return f.turnedBack()
	}
	if who, times = v.refused(v.toTarget()); times == 0 {
		all := append(seriesOf(v.e.Hops), seriesOf(v.e.Beyond)...)
		who, times = v.refused(all)
	}
	for i := range v.e.Hops {
		h := &v.e.Hops[i]
		for j := range len(h.Answer) {
			if a := h.Answer[j]; (a == AnswerExpired || a == AnswerUnreachable) && v.e.who(&h.Series, j) == who {
				return who, h.TTL, times
			}
		}
	}
	return who, 0, times
}

// refused is who said "unreachable" most often in some series, and how often.
func (v *view) refused(in []*Series) (who netip.Addr, times int) {
	said := make(map[netip.Addr]int)
	for _, s := range in {
		for i := range len(s.Answer) {
			if s.Answer[i] == AnswerUnreachable {
				said[v.e.who(s, i)]++
			}
		}
	}
	for _, a := range append([]netip.Addr{{}}, v.e.Addresses...) {
		if said[a] > times {
			who, times = a, said[a]
		}
	}
	return who, times
}
