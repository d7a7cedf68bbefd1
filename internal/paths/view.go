package paths

import (
	"net/netip"
	"time"

	"github.com/mtrq/mtrq/report"
)

// Change is another path than usual.
type Change struct {
	Since time.Time    // when the first of its routers answered
	TTLs  []uint8      // where others answer than usual, lowest first
	Old   *report.Path // the usual one
	New   *report.Path // as far as seen since: a hop that has not answered yet has no addresses, and the target may be missing
}

// Path returns the usual path to a target, as now known: TTL 1 up to the
// target itself, or up to the last router known if the target's own TTL is
// not. False: nothing is known of it.
func (m *Memory) Path(target netip.Addr) (*report.Path, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e := m.entries[target.Unmap()]
	if e == nil || len(e.hops) == 0 {
		return nil, false
	}
	return e.path(e.hops), true
}

// Routers returns the most frequent address of each TTL before the target,
// TTL 1 first and the zero Addr where it is silent; nil: nothing is known.
// It allocates nothing but the slice.
func (m *Memory) Routers(target netip.Addr) []netip.Addr {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e := m.entries[target.Unmap()]
	if e == nil {
		return nil
	}
	hops := e.hops
	if n := length(hops); n > 0 {
		hops = hops[:n-1]
	}
	if len(hops) == 0 {
		return nil
	}
	routers := make([]netip.Addr, len(hops))
	for i := range hops {
		routers[i] = e.addr(hops[i].top())
	}
	return routers
}

// Length returns the TTL at which a target answers, and whether that is
// known.
func (m *Memory) Length(target netip.Addr) (uint8, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e := m.entries[target.Unmap()]
	if e == nil {
		return 0, false
	}
	n := length(e.hops)
	return uint8(n), n > 0
}

// Usual returns how many of the remembered probes with a TTL toward a
// target were answered, and how fast typically (0: unknown), provided that
// router (the target at its own TTL) is known to answer there; asked is 0
// if it is not. The zero router asks for whoever answers. The figures are
// the hop's: where several routers share it, nobody knows which of them a
// lost probe went to.
func (m *Memory) Usual(target netip.Addr, ttl uint8, router netip.Addr) (answered, asked int, rtt time.Duration) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e := m.entries[target.Unmap()]
	if e == nil || ttl < 1 {
		return 0, 0, 0
	}
	h := e.hop(ttl)
	if h == nil {
		return 0, 0, 0
	}
	known := !router.IsValid() || h.find(keyOf(router)) >= 0 || keyOf(router) == keyOf(e.target) && h.find(self) >= 0
	if !known {
		return 0, 0, 0
	}
	return int(h.answered), int(h.asked), time.Duration(h.rtt.typical) * time.Microsecond
}

// Changed returns in what the path that the last rounds found differs from
// the usual one: other routers on at least one hop, or another length. Nil:
// in nothing, or not for sure. It goes back to nil once the usual routers
// answer again, or once the other path has become usual.
func (m *Memory) Changed(target netip.Addr) *Change {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e := m.entries[target.Unmap()]
	if e == nil || !e.changed() {
		return nil
	}
	c := &Change{Old: e.path(e.hops), New: e.path(e.rerouted())}
	since := e.at
	for i := range e.away.strays {
		if x := &e.away.strays[i]; x.strange {
			c.TTLs = append(c.TTLs, x.ttl)
			since = min(since, x.first)
		}
	}
	c.Since = time.UnixMilli(since).UTC()
	return c
}

// Doubtful says that some router was another than usual, but not yet often
// enough to call it a change: another round soon would tell.
func (m *Memory) Doubtful(target netip.Addr) bool {
	m.mu.RLock()
	defer m.mu.RUnlock()
	e := m.entries[target.Unmap()]
	return e != nil && e.away.active() && !e.changed()
}

// path puts hops, up to where the target answers, into the outward form.
func (e *entry) path(hops []hop) *report.Path {
	if n := length(hops); n > 0 {
		hops = hops[:n]
	}
	p := &report.Path{At: time.UnixMilli(e.at).UTC(), Hops: make([]report.PathHop, len(hops))}
	for i := range hops {
		h := &hops[i]
		out := report.PathHop{TTL: i + 1, Addrs: make([]netip.Addr, h.n), Answered: int(h.answered), Asked: int(h.asked)}
		for j := range out.Addrs {
			out.Addrs[j] = e.addr(h.members[j].addr)
		}
		if h.rtt.typical > 0 {
			us := int64(h.rtt.typical)
			out.RTTUS = &us
		}
		p.Hops[i] = out
	}
	return p
}

// addr is the address of a member; invalid: nobody.
func (e *entry) addr(k key) netip.Addr {
	switch k {
	case key{}:
		return netip.Addr{}
	case self:
		return e.target
	}
	return netip.AddrFrom16(k).Unmap()
}
