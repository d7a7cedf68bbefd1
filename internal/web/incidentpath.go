package web

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

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
	Before, After string // "–" where it stayed silent
	Changed       bool
	RTTBefore     string
	RTTAfter      string
}

// pathsOf is the path of the first member that has another one now, else of
// the first whose path is known; nil: none is.
func (s *site) pathsOf(h head, inc *report.Incident) *pathView {
	var member *report.Member
	others := 0
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
		row.Before, row.RTTBefore = hopAt(h, member.Before, ttl)
		row.After, row.RTTAfter = hopAt(h, member.After, ttl)
		v.Rows = append(v.Rows, row)
	}
	return v
}

func hopAt(h head, p *report.Path, ttl int) (addrs, rtt string) {
	if p == nil {
		return h.T("inc.path.unknown"), ""
	}
	for _, hop := range p.Hops {
		if hop.TTL != ttl {
			continue
		}
		if hop.RTTUS != nil {
			rtt = millis(float64(*hop.RTTUS) / 1000)
		}
		if len(hop.Addrs) > 0 {
			return joinAddrs(hop.Addrs), rtt
		}
		return h.T("inc.path.silent"), rtt
	}
	return "–", ""
}

func joinAddrs(addrs []netip.Addr) string {
	const most = 4
	var out []string
	for _, a := range addrs[:min(len(addrs), most)] {
		out = append(out, a.String())
	}
	if n := len(addrs) - len(out); n > 0 {
		out = append(out, fmt.Sprintf("+%d", n))
	}
	return strings.Join(out, ", ")
}
