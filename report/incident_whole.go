package report

import (
	"net/netip"
	"slices"
)

// whole is a copy of an incident as files have it: no list is null, and
// addresses are plain (a gateway may well be fe80::1%eth0 to whoever
// pings it; its Target still says so).
func (inc *Incident) whole() *Incident {
	out := *inc
	out.Node.Address, out.Node.Source = plain(inc.Node.Address), plain(inc.Node.Source)
	out.Episodes = list(inc.Episodes)
	out.Members = list(slices.Clone(inc.Members))
	for i := range out.Members {
		out.Members[i].whole()
	}
	if inc.Common != nil {
		c := *inc.Common
		c.From, c.To, c.Suspects = plain(c.From), plain(c.To), plainAll(c.Suspects)
		out.Common = &c
	}
	out.Canaries = list(slices.Clone(inc.Canaries))
	for i := range out.Canaries {
		out.Canaries[i].Addr = plain(out.Canaries[i].Addr)
	}
	out.Host.Opened, out.Host.Closed = inc.Host.Opened.whole(), inc.Host.Closed.whole()
	out.Verdict.Rules = list(inc.Verdict.Rules)
	if l := inc.Verdict.Link; l != nil {
		link := *l
		link.From.Addr, link.To.Addr = plain(l.From.Addr), plain(l.To.Addr)
		out.Verdict.Link = &link
	}
	return &out
}

// whole changes a member that is a copy already.
func (m *Member) whole() {
	m.Address = plain(m.Address)
	m.Pings = *m.Pings.whole()
	m.Burst, m.Dense = m.Burst.whole(), m.Dense.whole()
	m.Before, m.After = m.Before.whole(), m.After.whole()
}

func (p *Pings) whole() *Pings {
	if p == nil {
		return nil
	}
	out := *p
	out.TxMS, out.RTTUS = list(p.TxMS), list(p.RTTUS)
	return &out
}

func (p *Path) whole() *Path {
	if p == nil {
		return nil
	}
	out := *p
	out.Hops = list(slices.Clone(p.Hops))
	for i := range out.Hops {
		out.Hops[i].Addrs = plainAll(out.Hops[i].Addrs)
	}
	return &out
}

func (h *HostState) whole() *HostState {
	if h == nil {
		return nil
	}
	out := *h
	out.Links, out.Routes = list(h.Links), list(h.Routes)
	out.Neighbours, out.Resolvers = list(h.Neighbours), list(h.Resolvers)
	return &out
}

func plainAll(addrs []netip.Addr) []netip.Addr {
	out := make([]netip.Addr, len(addrs))
	for i, a := range addrs {
		out[i] = plain(a)
	}
	return out
}
