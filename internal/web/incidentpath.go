package web

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/mtrq/mtrq/report"
)

// pathView is the way to a member before the incident and after it.
type pathView struct {
	Target  string
	Before  *stamp
	After   *stamp
	Rows    []pathRow
	Changed int
	Others  int // further members whose path changed
}

type pathRow struct {
	TTL           int
	Before, After pathHop
	Changed       bool
}

// pathHop is who answered at one TTL of a path.
type pathHop struct {
	Addrs []hopAddr
	Else  string // where nobody did: "silent", "not known"; or how many more did: "+2"
	RTT   string
}

// pathsOf is the path of the first member that has another one now, else of
// the first whose path is known; nil: none is.
func (s *site) pathsOf(h head, inc *report.Incident, n report.Names) *pathView {
	member, others := memberOfPath(inc)
	if member == nil {
		return nil
	}
	v := &pathView{Target: clean(member.Target), Others: others}
	diff := report.PathChanges(member.Before, member.After)
	v.Changed = len(diff)
	last := 0
	for _, p := range []*report.Path{member.Before, member.After} {
		if p != nil && len(p.Hops) > 0 {
			last = max(last, p.Hops[len(p.Hops)-1].TTL)
		}
	}
	if b := member.Before; b != nil {
		at := s.clock(b.At)
		v.Before = &at
	}
	if a := member.After; a != nil {
		at := s.clock(a.At)
		v.After = &at
	}
	for ttl := 1; ttl <= last; ttl++ {
		row := pathRow{TTL: ttl, Changed: slices.ContainsFunc(diff, func(c report.HopChange) bool { return c.TTL == ttl })}
		row.Before, row.After = hopAt(h, member.Before, ttl, n), hopAt(h, member.After, ttl, n)
		v.Rows = append(v.Rows, row)
	}
	return v
}

// memberOfPath is the member whose path is shown; others: how many more have
// another path now.
func memberOfPath(inc *report.Incident) (member *report.Member, others int) {
	for i := range inc.Members {
		m := &inc.Members[i]
		changed := len(report.PathChanges(m.Before, m.After)) > 0
		switch {
		case changed && (member == nil || len(report.PathChanges(member.Before, member.After)) == 0):
			member = m
		case changed:
			others++
		case member == nil && (m.Before != nil || m.After != nil):
			member = m
		}
	}
	return member, others
}

func hopAt(h head, p *report.Path, ttl int, n report.Names) (out pathHop) {
	if p == nil {
		return pathHop{Else: h.T("inc.path.unknown")}
	}
	for _, hop := range p.Hops {
		if hop.TTL != ttl {
			continue
		}
		if hop.RTTUS != nil {
			out.RTT = millis(float64(*hop.RTTUS) / 1000)
		}
		for _, a := range hop.Addrs[:min(len(hop.Addrs), hopAddrsMost)] {
			out.Addrs = append(out.Addrs, hopAddr{Addr: a.String(), Who: whoOf(n, a)})
		}
		switch more := len(hop.Addrs) - len(out.Addrs); {
		case more > 0:
			out.Else = fmt.Sprintf("+%d", more)
		case len(out.Addrs) == 0:
			out.Else = h.T("inc.path.silent")
		}
		return out
	}
	return pathHop{Else: "–"}
}

// hopAddrsMost is how many addresses of one hop a path shows.
const hopAddrsMost = 4

// whoRow is an address with what is known of it.
type whoRow struct {
	Addr string
	Who  who
}

func whoRows(n report.Names, addrs []netip.Addr) []whoRow {
	var out []whoRow
	for _, a := range addrs {
		if w := whoOf(n, a); w.Known() {
			out = append(out, whoRow{a.String(), w})
		}
	}
	return out
}

// placesOf are the routers that the sentences of an incident speak of.
func placesOf(inc *report.Incident, l *report.Link) []netip.Addr {
	var list addrList
	switch c := inc.Common; {
	case commonOf(inc) != nil:
		list.add(c.From, c.To)
		list.add(c.Suspects[:min(len(c.Suspects), suspectsMost)]...)
	case l != nil:
		list.add(l.From.Addr, l.To.Addr)
	}
	return list.all
}

// incidentAddresses are the routers that the page of an incident names. They
// are known without judging it: of its link, the one as of writing.
func incidentAddresses(inc *report.Incident) []netip.Addr {
	var list addrList
	list.add(placesOf(inc, inc.Verdict.Link)...)
	for _, c := range inc.Canaries {
		list.add(c.Addr)
	}
	if m, _ := memberOfPath(inc); m != nil {
		for _, p := range []*report.Path{m.Before, m.After} {
			if p == nil {
				continue
			}
			for _, hop := range p.Hops {
				list.add(hop.Addrs[:min(len(hop.Addrs), hopAddrsMost)]...)
			}
		}
	}
	return list.all
}
