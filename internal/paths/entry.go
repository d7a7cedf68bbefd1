package paths

import (
	"net/netip"
	"time"
)

// entry is what is known of the path to one target.
type entry struct {
	target netip.Addr
	hops   []hop   // TTL 1 first; ends where the target answers, or at the last router known
	away   *detour // strangers seen lately; nil: none
	at     int64   // when it was noted last, ms since 1970

	newer, older *entry
}

// sighting is one probe and what became of it.
type sighting struct {
	ttl     uint8
	outcome Outcome
	from    key // self for Reply
	rtt     time.Duration
	at      int64 // ms since 1970
	trouble bool
}

// rules are the settings of a Memory; times in ms.
type rules struct {
	steady int
	settle int64
	stale  int64 // strangers that were not seen again for so long say nothing any more
}

func (e *entry) note(s sighting, r rules) {
	e.at = s.at
	switch {
	case s.outcome == Lost:
		e.lost(s)
	case s.outcome == Unreachable && !e.placed(s):
		return
	default:
		e.answer(s, r)
	}
	if e.away != nil {
		e.reconsider(r)
	}
}

// hop is what is usual at a TTL; nil: the path is not known to go so far.
func (e *entry) hop(ttl uint8) *hop {
	if int(ttl) > len(e.hops) {
		return nil
	}
	return &e.hops[ttl-1]
}

// end is the last hop known, if the target answers there; else nil.
func (e *entry) end() *hop {
	if len(e.hops) == 0 {
		return nil
	}
	if h := &e.hops[len(e.hops)-1]; h.find(self) >= 0 {
		return h
	}
	return nil
}

// placed says whether a router's "unreachable" can be taken as the answer
// of this TTL. The packet may have come no farther than a nearer router,
// which answers so for every TTL from its own on.
func (e *entry) placed(s sighting) bool {
	h := e.hop(s.ttl)
	if h != nil && h.find(s.from) >= 0 {
		return true
	}
	if x := e.away.at(s.ttl); x != nil && x.find(s.from) >= 0 {
		return true
	}
	for ttl := uint8(1); ttl < s.ttl; ttl++ {
		if n := e.hop(ttl); n != nil && n.find(s.from) >= 0 {
			return false
		}
		if x := e.away.at(ttl); x != nil && x.find(s.from) >= 0 {
			return false
		}
	}
	if h == nil {
		return e.end() == nil
	}
	return h.n == 0
}

// lost counts a probe that nobody answered, where it is known whose
// silence that is.
func (e *entry) lost(s sighting) {
	if s.trouble {
		return
	}
	if x := e.away.at(s.ttl); x != nil {
		x.ask(false)
		return
	}
	if h := e.hop(s.ttl); h != nil && e.away.usual(s.ttl) && h.ask(false) {
		e.trim()
	}
}

// answer takes in who answered at a TTL; the table in the package's
// comment has the cases.
func (e *entry) answer(s sighting, r rules) {
	h := e.hop(s.ttl)
	if h != nil {
		if i := h.find(s.from); i >= 0 {
			e.asUsual(h, i, s)
			return
		}
	}
	end := e.end()
	switch {
	case h == nil && end != nil && s.from == self:
		e.behind(s)
	case e.away.strangeAt(s.ttl):
		e.stranger(s)
	case h == nil && end != nil, h != nil && h.n == 0 && end != nil && s.from == self:
		if end.mature(r.steady) {
			e.stranger(s)
		} else {
			e.newcomer(s)
		}
	case h != nil && h.mature(r.steady):
		e.stranger(s)
	case e.away.active() && (h == nil || h.wide == 0):
		e.companion(s)
	default:
		e.newcomer(s)
	}
}

// asUsual counts an answer by a member.
func (e *entry) asUsual(h *hop, i int, s sighting) {
	h.seen(i)
	if h.steady < 255 {
		h.steady++
	}
	dropped := false
	if !s.trouble {
		h.rtt.note(s.rtt)
		dropped = h.ask(true)
	}
	if e.away != nil {
		e.away.back |= 1 << s.ttl
		e.absorb(s.ttl)
	}
	if dropped {
		e.trim()
	}
}

// behind is a reply of the target at a TTL behind the one that it is known
// to answer at. That is news only where a router has taken its place.
func (e *entry) behind(s sighting) {
	last := &e.hops[len(e.hops)-1]
	switch {
	case e.away.strangeIn(uint8(len(e.hops)), s.ttl-1):
		e.companion(s)
	case e.away.at(s.ttl) != nil:
		// A router was seen there, and now the target again: the path has two lengths.
		e.grow(s.ttl)
		e.hop(s.ttl).learn(self)
		e.absorb(s.ttl)
		e.trim()
	case !last.only(self) && int(s.ttl) == len(e.hops)+1:
		e.newcomer(s) // the end of the longer of two equal-cost paths
	}
}

// newcomer learns an address at once.
func (e *entry) newcomer(s sighting) {
	e.grow(s.ttl)
	h := e.hop(s.ttl)
	h.learn(s.from)
	if !s.trouble {
		h.rtt.note(s.rtt)
		h.ask(true)
	}
	e.trim()
}

// grow makes room up to a TTL. It allocates what is needed and no more:
// most paths are learned once and kept for months.
func (e *entry) grow(ttl uint8) {
	if int(ttl) <= len(e.hops) {
		return
	}
	if int(ttl) > cap(e.hops) {
		e.hops = append(make([]hop, 0, ttl), e.hops...)
	}
	had := len(e.hops)
	e.hops = e.hops[:ttl]
	clear(e.hops[had:])
}

// trim cuts what lies behind the end: TTLs at which only the target
// answers because it already does at a lower one, the same of a router that
// says "unreachable" to all of them, and silence.
func (e *entry) trim() {
	n := len(e.hops)
	for n > 0 && e.hops[n-1].n == 0 {
		n--
	}
	if n > 0 && e.hops[n-1].n == 1 {
		end := e.hops[n-1].top()
		for last := n - 1; last > 0; last-- {
			h := &e.hops[last-1]
			if h.only(end) {
				n = last
			} else if h.n > 0 {
				break
			}
		}
	}
	e.hops = e.hops[:n]
	if cap(e.hops)-n >= 4 {
		e.hops = append(make([]hop, 0, n), e.hops...)
	}
}

// length is the lowest TTL at which it is mostly the target that answers,
// or else the lowest at which it ever does; 0: none.
func length(hops []hop) int {
	ever := 0
	for i := range hops {
		if hops[i].top() == self {
			return i + 1
		}
		if ever == 0 && hops[i].find(self) >= 0 {
			ever = i + 1
		}
	}
	return ever
}
