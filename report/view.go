package report

import (
	"net/netip"
	"strings"
)

// A view is what text, mtr's object and verdict have in common: the
// figures of every hop and of the target, worked out once.
type view struct {
	e       *Evidence
	hops    []Stats
	limited []bool // by hop: its losses are its own limit on answers
	series  Series // to the target
	target  Stats

	lang    Lang
	told    []string // the keys of the verdict's sentences, in order
	usual   *Path    // nil: unknown
	reverse *Report  // nil: not at hand

	spans     []span // calm of series, once it is asked for
	shifted   *shift
	shiftless bool // the shift was sought
	found     *found
}

func look(e *Evidence) *view { return lookWith(e, Around{}) }

func lookWith(e *Evidence, a Around) *view {
	v := &view{e: e, hops: make([]Stats, len(e.Hops)), series: e.TargetSeries(), lang: a.Lang, usual: e.Usual, reverse: a.Reverse}
	if v.lang == "" {
		v.lang = English
	}
	stats := (*Series).stats
	if a.bare {
		stats = (*Series).counts
	}
	v.target = stats(&v.series, theTarget)
	for i := range e.Hops {
		v.hops[i] = stats(&e.Hops[i].Series, anybody)
	}
	if e.Foreign != nil {
		v.countedOnly(e.Foreign)
	}
	v.limited = v.limits()
	return v
}

// calm are the stretches in which the target was clean.
func (v *view) calm() []span {
	if v.spans == nil {
		v.spans = calm(&v.series)
		if v.spans == nil {
			v.spans = []span{}
		}
	}
	return v.spans
}

// end is the index of the target's own hop; -1: it answered at no TTL.
func (v *view) end() int {
	if v.e.Target.TTL == nil {
		return -1
	}
	return len(v.e.Hops) - 1
}

// last is the index of the target's own hop or, where it answered at no
// TTL, the one behind the last router that did; -1: none did either.
func (v *view) last() int {
	if end := v.end(); end >= 0 {
		return end
	}
	if n := v.lastRouter(); n > 0 {
		return n
	}
	return -1
}

// A row is a line of the table.
type row struct {
	ttl     int // 0: the target, at no known TTL
	addr    netip.Addr
	hop     *Hop // nil with ttl 0
	stats   Stats
	asked   int // probes at this very TTL
	limited bool
}

// rows are the hops up to the target; where it answered at no TTL, up to
// the first silent hop behind the last that answered (as mtr has it),
// and then the target in a row of its own: "???" never hides it.
func (v *view) rows() []row {
	e := v.e
	end := v.end()
	n := len(e.Hops)
	if end < 0 {
		n = 0
		for i, s := range v.hops {
			if s.Answered > 0 {
				n = i + 1
			}
		}
		if !v.walled() {
			n = min(n+1, len(e.Hops))
		}
	}
	var rows []row
	for i := range n {
		h := &e.Hops[i]
		r := row{ttl: h.TTL, addr: e.latest(&h.Series), hop: h, stats: v.hops[i], asked: len(h.Answer), limited: v.limited[i]}
		if i == end {
			r.stats = v.target
			r.addr = e.Target.Address
		}
		rows = append(rows, r)
	}
	if end < 0 && (len(e.Ping.Answer) > 0 || n > 0) {
		rows = append(rows, row{addr: e.Target.Address, stats: v.target})
	}
	return rows
}

// walled says that the last hop is a router that turned probes back.
func (v *view) walled() bool {
	n := len(v.e.Hops)
	return n > 0 && strings.IndexByte(v.e.Hops[n-1].Answer, AnswerUnreachable) >= 0
}

// latest is who answered last in a series, in time or late; the zero
// Addr: nobody did.
func (e *Evidence) latest(s *Series) netip.Addr {
	for i := len(s.Addr) - 1; i >= 0; i-- {
		if a := e.who(s, i); a.IsValid() {
			return a
		}
	}
	return netip.Addr{}
}

// others are the addresses that answered in a series beside one, in the
// order of appearance: equal-cost paths, or a path that changed.
func (e *Evidence) others(s *Series, beside netip.Addr) []netip.Addr {
	var out []netip.Addr
	seen := make([]bool, len(e.Addresses))
	for i := range s.Addr {
		a := e.who(s, i)
		if !a.IsValid() || a == beside || seen[*s.Addr[i]] {
			continue
		}
		seen[*s.Addr[i]] = true
		out = append(out, a)
	}
	return out
}
