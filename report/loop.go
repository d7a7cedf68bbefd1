package report

import (
	"net/netip"
	"slices"
	"strings"
)

// A loop is a stretch of a path on which the same routers come in turn (R7).
type loop struct {
	ttl    int // of the first of them
	cycle  []netip.Addr
	times  int  // TTLs at which the router of a whole turn before answered again
	firm   bool // probes to the target, too, ran out at one of them
	turned int  // so many of those
}

// loop looks for one among the answers that came while the target lost
// packets. A router that answers at two TTLs side by side is a known fault
// of routers, and no loop: a turn has at least two. Two that come again are
// enough, with nothing else between them up to the last that answers.
func (v *view) loop() *loop {
	most := len(v.e.Hops)
	for i := range v.e.Beyond {
		most = max(most, v.e.Beyond[i].TTL)
	}
	addrs := make([]netip.Addr, most+1) // by TTL
	for _, hops := range [][]Hop{v.e.Hops, v.e.Beyond} {
		for i := range hops {
			if ttl := hops[i].TTL; ttl <= most {
				addrs[ttl] = v.expiredAt(&hops[i].Series)
			}
		}
	}
	for most > 0 && !addrs[most].IsValid() {
		most--
	}
	for period := 2; period <= 8 && 2*period <= most; period++ {
		for first := 1; first+2*period-1 <= most; first++ {
			if l := turns(addrs, first, most, period); l != nil {
				v.ownExpired(l)
				return l
			}
		}
	}
	return nil
}

// turns is the loop of a period from one TTL on, if it is one.
func turns(addrs []netip.Addr, first, last, period int) *loop {
	times, one, two := 0, netip.Addr{}, false // two: more than one router came again
	for ttl := first; ttl+period <= last; ttl++ {
		a, b := addrs[ttl], addrs[ttl+period]
		switch {
		case !a.IsValid() || !b.IsValid():
		case a != b:
			return nil
		default:
			times++
			two = two || one.IsValid() && a != one
			one = a
		}
	}
	cycle := addrs[first : first+period]
	other := func(a netip.Addr) bool { return a.IsValid() && a != cycle[0] }
	if times < 2 || !two || !cycle[0].IsValid() || !slices.ContainsFunc(cycle, other) {
		return nil
	}
	return &loop{ttl: first, cycle: slices.Clone(cycle), times: times}
}

// expiredAt is the router whose answers in a series were the most while the
// target lost packets.
func (v *view) expiredAt(s *Series) netip.Addr {
	n := make([]int, len(v.e.Addresses))
	best := -1
	spans := v.calm()
	k := 0
	for i := range len(s.Answer) {
		for k < len(spans) && spans[k].to < s.TxMS[i] {
			k++
		}
		if s.Answer[i] != AnswerExpired || k < len(spans) && s.TxMS[i] >= spans[k].from || !v.e.who(s, i).IsValid() {
			continue
		}
		a := *s.Addr[i]
		n[a]++
		if best < 0 || n[a] > n[best] {
			best = a
		}
	}
	if best < 0 {
		return netip.Addr{}
	}
	return v.e.Addresses[best]
}

// ownExpired counts the probes to the target itself, whose TTL no path uses
// up, that a router of the loop let run out.
func (v *view) ownExpired(l *loop) {
	s := &v.e.Ping
	for i := range len(s.Answer) {
		if s.Answer[i] != AnswerExpired {
			continue
		}
		for _, a := range l.cycle {
			if a.IsValid() && a == v.e.who(s, i) {
				l.turned++
				break
			}
		}
	}
	l.firm = l.turned >= 2 || l.times >= 4
}

// looping is R7.
func (v *view) looping(d *Verdict) bool {
	l := v.loop()
	if l == nil {
		return false
	}
	if v.target.Answered == 0 && d.Sentence == "" {
		v.tell(d, "silent", v.name(), v.lang.count(v.target.Sent, "probe"))
	} else if d.Sentence == "" {
		v.tell(d, "lost", v.name(), v.lang.counted(d.Loss, "probe"), v.when())
	}
	d.Class, d.Grade = RoutingLoop, Likely
	d.rule("R7")
	switch {
	case v.target.Sent < fewProbes:
		d.Grade = Weak
		d.rule("R13")
	case l.firm:
		d.Grade = Certain
	}
	d.Link = &Link{From: LinkEnd{TTL: l.ttl, Addr: l.cycle[0]}, To: LinkEnd{TTL: l.ttl + 1, Addr: l.cycle[1]}}
	var names []string
	for _, a := range l.cycle {
		if a.IsValid() {
			names = append(names, a.String())
		} else {
			names = append(names, v.lang.Say("silent.router"))
		}
	}
	v.tell(d, "loop", l.ttl, strings.Join(names, " → "), v.lang.count(l.times, "time"))
	if l.turned > 0 {
		v.tell(d, "loop.own", v.lang.count(l.turned, "probe"))
	}
	d.Settle = v.lang.Say("loop.settle")
	return true
}
