package echo

import (
	"net/netip"
	"time"
)

// family is an index: everything there is one of for IPv4 and one for IPv6.
type family uint8

const (
	v4 family = iota
	v6
	families
)

func (f family) String() string { return [...]string{"IPv4", "IPv6"}[f] }

// state is how far a ping has come.
type state uint8

const (
	free    state = iota
	queued        // not taken by the kernel yet
	waiting       // sent
	lost          // told as lost; an answer may still come
	known         // told for the last time, or about to be
)

// cell is one ping. Its index is in the packet, so that no answer has to be
// searched for.
type cell struct {
	to       [16]byte // netip.Addr.As16
	nonce    uint64   // in the packet too; differs from ping to ping
	sent     time.Time
	wall     int64 // realtime clock when it was sent, ns since 1970
	deadline time.Duration
	due      int64 // tick of the wheel that has it; 0: none has
	next     int32 // of the wheel's slot, or of the free cells; -1: none
	prev     int32
	scope    uint32 // interface, of a link-local address
	family   family
	state    state
}

// from says whether a packet came from where the ping went to.
func (c *cell) from(a [16]byte, f family) bool { return c.family == f && c.to == a }

func (c *cell) addr() netip.Addr { return netip.AddrFrom16(c.to).Unmap() }

// cells is a table of pings that grows and never shrinks. Free cells are used
// in the order in which they came free: the longer ago that was, the less
// likely is an ICMP error on its way that quotes too little to tell the
// cell's ping from the one before.
type cells struct {
	list        []cell
	first, last int32 // free ones; -1: none
}

// cellsAtFirst is enough that a small number of targets does not use the same
// few cells again and again.
const cellsAtFirst = 4096

func (t *cells) take() int32 {
	if t.first < 0 {
		t.grow()
	}
	i := t.first
	t.first = t.list[i].next
	if t.first < 0 {
		t.last = -1
	}
	return i
}

func (t *cells) give(i int32) {
	c := &t.list[i]
	c.state, c.next = free, -1
	if t.last < 0 {
		t.first = i
	} else {
		t.list[t.last].next = i
	}
	t.last = i
}

func (t *cells) grow() {
	n := len(t.list)
	more := max(n, cellsAtFirst)
	t.list = append(t.list, make([]cell, more)...)
	t.first, t.last = -1, -1
	for i := n; i < n+more; i++ {
		t.give(int32(i))
	}
}
