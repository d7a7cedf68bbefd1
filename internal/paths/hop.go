package paths

import (
	"cmp"
	"net/netip"
	"time"
)

const (
	maxMembers = 4
	window     = 64 // counts are halved when they reach it, so that they follow
	maxIdle    = 8  // windows after which a member that others answered for is forgotten
	wideFor    = 3  // windows for which a hop with too many members stays known as such
)

// key is an address as 16 bytes, IPv4 mapped: half of a netip.Addr, and no
// pointer for the collector to follow. The zero key is nobody.
type key [16]byte

// self is the target's own reply. It is no address (multicast answers
// nothing), for behind address translation a router's answer can bear the
// target's.
var self = key{0xff}

func keyOf(a netip.Addr) key {
	a = a.Unmap()
	if !a.IsValid() || a.IsUnspecified() || a.IsMulticast() {
		return key{}
	}
	return a.As16()
}

// is4 says that it is an IPv4 address.
func (k key) is4() bool { return netip.AddrFrom16(k).Is4In6() }

// member is one of the addresses of a hop.
type member struct {
	addr  key
	count uint8 // answers, as long as is remembered
	idle  uint8 // windows since it answered, of those in which another one did
}

// hop is what is known of one TTL.
type hop struct {
	members  [maxMembers]member // the first n, the most frequent first
	n        uint8
	asked    uint8
	answered uint8
	steady   uint8 // answers in a row by members, since the last new one
	wide     uint8 // windows for which it is taken to have more members than there is room for
	rtt      delay
}

// find returns the place of a member; -1: it is none.
func (h *hop) find(k key) int {
	for i := range h.n {
		if h.members[i].addr == k {
			return int(i)
		}
	}
	return -1
}

// top is the most frequent member; the zero key: none.
func (h *hop) top() key { return h.members[0].addr }

// only says that k is the only member.
func (h *hop) only(k key) bool { return h.n == 1 && h.top() == k }

// mature says that members have answered so often that another address is
// a stranger.
func (h *hop) mature(steady int) bool {
	return h.n > 0 && h.wide == 0 && int(h.steady) >= min(steady*int(h.n), 255)
}

// seen counts an answer of a member.
func (h *hop) seen(i int) {
	h.members[i].idle = 0
	h.members[i].count++
	if h.members[i].count >= window {
		h.halve()
	}
	for ; i > 0 && h.members[i].count > h.members[i-1].count; i-- {
		h.members[i], h.members[i-1] = h.members[i-1], h.members[i]
	}
}

// halve keeps the order, and 1 at 1: how rare a member is matters less
// than that it was seen.
func (h *hop) halve() {
	for i := range h.n {
		h.members[i].count = (h.members[i].count + 1) / 2
	}
}

// learn adds a member; the rarest one makes room.
func (h *hop) learn(k key) {
	h.steady = 0
	if int(h.n) == maxMembers {
		h.n--
		h.wide = wideFor
	}
	h.members[h.n] = member{addr: k}
	h.n++
	h.seen(int(h.n) - 1)
}

// ask counts a probe. It says whether members were forgotten.
func (h *hop) ask(answered bool) (dropped bool) {
	h.asked++
	if answered {
		h.answered++
	}
	if h.asked < window {
		return false
	}
	// The rarer of answers and losses is rounded down: a single one fades.
	if lost := h.asked - h.answered; lost < h.answered {
		h.answered = h.asked/2 - lost/2
	} else {
		h.answered /= 2
	}
	h.asked /= 2
	h.halve()
	if h.wide > 0 {
		h.wide--
	}
	return h.age()
}

// age forgets members for which others have answered for long. While
// nobody answers, nobody is forgotten: a target that is down for a week
// comes back to a known path.
func (h *hop) age() (dropped bool) {
	heard := false
	for i := range h.n {
		heard = heard || h.members[i].idle == 0
	}
	if !heard {
		return false
	}
	kept := uint8(0)
	for i := range h.n {
		mb := h.members[i]
		mb.idle++
		if mb.idle <= maxIdle {
			h.members[kept] = mb
			kept++
		}
	}
	dropped = kept < h.n
	clear(h.members[kept:])
	h.n = kept
	return dropped
}

// delay is a typical round-trip time: it goes an eighth of the way to the
// median of the last three, so that a spike alone does not move it, and
// never by more than a quarter at once. In µs; 0: none yet.
type delay struct {
	typical uint32
	last    [2]uint32 // newest second
}

func (d *delay) note(rtt time.Duration) {
	us := uint32(min(max(rtt.Microseconds(), 1), 1<<31))
	a, b := d.last[0], d.last[1]
	d.last = [2]uint32{b, us}
	switch {
	case b == 0:
		d.typical = us
	case a == 0:
		d.typical = min(b, us) // the first may have waited for an ARP answer
	default:
		mid := max(min(a, b), min(max(a, b), us))
		most := max(int64(d.typical)/4, 1000)
		step := (int64(mid) - int64(d.typical)) / 8
		if step == 0 {
			step = int64(cmp.Compare(mid, d.typical))
		}
		d.typical = uint32(max(int64(d.typical)+min(max(step, -most), most), 1))
	}
}
