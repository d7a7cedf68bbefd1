package paths

import "slices"

// detour is what was seen of another path than the usual one. Few targets
// have one at a time, and it holds only the TTLs that differ: when the
// first router behind this machine changes, thousands have one at once.
type detour struct {
	strays []stray // in order of TTL
	back   uint64  // bit by TTL: a usual address answered there since the detour began
	sure   bool    // there were enough strangers
	held   int64   // since when; ms since 1970
}

// stray is one TTL of a detour.
type stray struct {
	hop
	ttl     uint8
	run     uint8 // strangers in a row
	strange bool  // else a companion: it tells of the other path, but not that there is one
	first   int64 // ms since 1970
	last    int64
}

// at is the stray of a TTL, or nil.
func (d *detour) at(ttl uint8) *stray {
	if d == nil {
		return nil
	}
	for i := range d.strays {
		if d.strays[i].ttl == ttl {
			return &d.strays[i]
		}
	}
	return nil
}

func (d *detour) strangeAt(ttl uint8) bool { return d.strangeIn(ttl, ttl) }

// strangeIn says whether there are strangers at TTL from to to.
func (d *detour) strangeIn(from, to uint8) bool {
	if d == nil {
		return false
	}
	return slices.ContainsFunc(d.strays, func(x stray) bool { return x.strange && from <= x.ttl && x.ttl <= to })
}

// active says whether there are strangers at all.
func (d *detour) active() bool { return d.strangeIn(1, maxTTL) }

// usual says that a probe with this TTL takes the usual path: it ends
// before the first stranger, or a usual router has answered there since.
func (d *detour) usual(ttl uint8) bool {
	return !d.strangeIn(1, ttl) || d.back&(1<<ttl) != 0
}

// stranger takes in an answer that says that the path is another one.
func (e *entry) stranger(s sighting) {
	x := e.stray(s)
	x.strange = true
	if x.run < 255 {
		x.run++
	}
	e.away.back &^= 1 << s.ttl
}

// companion takes in an answer that nothing usual contradicts, while
// strangers say that the path is another one.
func (e *entry) companion(s sighting) { e.stray(s) }

// stray finds or makes the stray of a TTL, and counts an answer there.
func (e *entry) stray(s sighting) *stray {
	if e.away == nil {
		e.away = &detour{}
	}
	x := e.away.at(s.ttl)
	if x == nil {
		i := 0
		for i < len(e.away.strays) && e.away.strays[i].ttl < s.ttl {
			i++
		}
		e.away.strays = slices.Insert(e.away.strays, i, stray{ttl: s.ttl, first: s.at})
		x = &e.away.strays[i]
	}
	if i := x.find(s.from); i >= 0 {
		x.seen(i)
	} else {
		x.learn(s.from)
	}
	if !s.trouble {
		x.rtt.note(s.rtt)
		x.ask(true)
	}
	x.last = s.at
	return x
}

// absorb makes the strangers of a TTL members: a usual address answered
// there after them, so both are on the way. With the last of the strangers
// their companions go the same way, and the detour ends.
func (e *entry) absorb(ttl uint8) {
	d := e.away
	d.strays = slices.DeleteFunc(d.strays, func(x stray) bool {
		if x.ttl == ttl {
			e.merge(&x)
		}
		return x.ttl == ttl
	})
	if d.active() {
		return
	}
	for i := range d.strays {
		e.merge(&d.strays[i])
	}
	e.away = nil
	e.trim()
}

// merge adds what a stray knows to the usual hop. What lies behind the
// usual end is forgotten.
func (e *entry) merge(x *stray) {
	h := e.hop(x.ttl)
	if h == nil {
		return
	}
	for _, mb := range x.members[:x.n] {
		if h.find(mb.addr) < 0 {
			h.learn(mb.addr)
		}
	}
	if h.asked+x.asked < window {
		h.asked += x.asked
		h.answered += x.answered
	}
	if h.rtt.typical == 0 {
		h.rtt = x.rtt
	}
}

// reconsider says after each sighting what the strangers amount to.
func (e *entry) reconsider(r rules) {
	d := e.away
	for i := range d.strays {
		d.strays[i].last = min(d.strays[i].last, e.at) // the clock was set back
	}
	// Strangers that neither come back nor give way to the usual routers have fallen silent: nobody knows any more.
	d.strays = slices.DeleteFunc(d.strays, func(x stray) bool { return x.strange && e.at-x.last > r.stale })
	switch {
	case !d.active():
		e.away = nil
	case !e.enough():
		d.sure = false
	case !d.sure || e.at < d.held:
		d.sure, d.held = true, e.at
	case slices.ContainsFunc(d.strays, func(x stray) bool { return x.strange && x.last-d.held >= r.settle }):
		e.accept()
	}
}

// enough says whether there are two strangers in a row at one TTL, or at
// two between which no other router is known.
func (e *entry) enough() bool {
	before := uint8(0)
	for i := range e.away.strays {
		x := &e.away.strays[i]
		if !x.strange {
			continue
		}
		if x.run >= 2 || before > 0 && e.silent(before+1, x.ttl-1) {
			return true
		}
		before = x.ttl
	}
	return false
}

// silent says that no address is known at TTL from to to.
func (e *entry) silent(from, to uint8) bool {
	for ttl := from; ttl <= to; ttl++ {
		if h := e.hop(ttl); h != nil && h.n > 0 {
			return false
		}
	}
	return true
}

func (e *entry) changed() bool { return e.away != nil && e.away.sure }

// accept makes the other path the usual one. Where nothing was seen of its
// end, the target is still expected where it was: better a length to be
// proved wrong than to ask blindly.
func (e *entry) accept() {
	hops := e.rerouted()
	if n := length(e.hops); n > 0 && length(hops) == 0 && !e.away.strangeIn(uint8(n), maxTTL) {
		for len(hops) < n {
			hops = append(hops, hop{})
		}
		hops[n-1] = e.hops[n-1]
		hops[n-1].steady = 0
	}
	e.hops, e.away = append(make([]hop, 0, len(hops)), hops...), nil
	e.trim()
}

// rerouted is the path as the strangers have it. Before the first of them
// it is the usual one; behind, a usual router is on it only if it has
// answered since.
func (e *entry) rerouted() []hop {
	d := e.away
	top := len(e.hops)
	if n := len(d.strays); n > 0 {
		top = max(top, int(d.strays[n-1].ttl))
	}
	hops := make([]hop, 0, top)
	known := 0 // hops up to the last one that is
	for ttl := uint8(1); int(ttl) <= top; ttl++ {
		h := hop{}
		if x := d.at(ttl); x != nil {
			h = x.hop
			h.steady, h.wide = 0, 0
		} else if u := e.hop(ttl); u != nil && d.usual(ttl) {
			h = *u
		}
		hops = append(hops, h)
		if h.n > 0 {
			known = len(hops)
		}
		if h.top() == self {
			break
		}
	}
	return hops[:known]
}
