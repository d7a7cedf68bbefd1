package echo

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// mostPackets bounds one poll: more than that is a flood, and the rest of it is in doubt.
	mostPackets = 1 << 18
	mostErrors  = 1000
)

// drain reads all that a socket has.
func (e *engine) drain(s *socket) {
	for packets, errs := 0, 0; packets < mostPackets && errs < mostErrors; {
		n, errno := e.in.receive(s.fd, 0)
		switch errno {
		case 0:
			e.take(s, n)
			packets += n
		case unix.EAGAIN:
			return
		case unix.EINTR:
		default:
			// An ICMP error about a ping, told beside the queue of errors; it is told once.
			errs++
		}
	}
	s.doubtUpTo(e.now()) // what is not read yet may be anybody's answer
}

// take looks at packets that were read.
func (e *engine) take(s *socket, n int) {
	now := e.now()
	for k := range n {
		name, data, c, ok := e.in.received(k)
		if ok {
			ok = e.packet(s, name, data, c.stamp, now)
		}
		if !ok {
			e.stats.Foreign++
		}
	}
}

// packet says whether it belongs to a ping.
func (e *engine) packet(s *socket, from [16]byte, data []byte, stamp int64, now time.Time) bool {
	m, ok := readMessage(data, s.family, s.raw)
	if !ok {
		return false
	}
	if t, ok := m.reply(s.family, s.id); ok {
		i, ok := e.find(t, from, s.family)
		if ok {
			e.answered(i, stamp, now)
		}
		return ok
	}
	if !s.raw || !isRefusal(s.family, m.kind, m.code) {
		return false
	}
	to, icmp, ok := m.quoted(s.family)
	return ok && e.refusal(s, to, icmp, netip.AddrFrom16(from).Unmap(), stamp, now)
}

// drainErrors reads all ICMP errors that a datagram socket has, and says how
// many they were.
func (e *engine) drainErrors(s *socket) (count int) {
	if s.raw {
		return 0
	}
	for count < mostPackets {
		n, errno := e.in.receive(s.fd, unix.MSG_ERRQUEUE)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return count
		}
		count += n
		now := e.now()
		for k := range n {
			to, icmp, c, ok := e.in.received(k)
			if !c.isErr || !isRefusal(s.family, c.err.kind, c.err.code) {
				continue // of this machine: that the packet is too big
			}
			if !ok || !e.refusal(s, to, icmp, c.err.from, c.stamp, now) {
				e.stats.Foreign++
			}
		}
	}
	return count
}

// find is the ping that a token names, sent to that address.
func (e *engine) find(t token, to [16]byte, f family) (int32, bool) {
	if t.cell >= uint32(len(e.cells.list)) {
		return 0, false
	}
	c := &e.cells.list[t.cell]
	return int32(t.cell), (c.state == waiting || c.state == lost) && c.nonce == t.nonce && c.from(to, f)
}

// findSeq is the ping with a sequence number to that address, the one sent
// last if there are more.
func (e *engine) findSeq(seq uint16, to [16]byte, f family) (at int32, ok bool) {
	for i := int(seq); i < len(e.cells.list); i += seqMask + 1 {
		c := &e.cells.list[i]
		if c.state == waiting && c.from(to, f) && (!ok || c.sent.After(e.cells.list[at].sent)) {
			at, ok = int32(i), true
		}
	}
	return at, ok
}

// answered tells of an answer. Where its ping was not told as lost yet, though
// it should have been, that comes first.
func (e *engine) answered(i int32, stamp int64, now time.Time) {
	c := &e.cells.list[i]
	rtt, ok := e.roundTrip(c, stamp, now)
	n := news{cell: i, outcome: Reply, sent: c.sent, rtt: rtt, from: c.addr()}
	switch {
	case c.state == lost:
		e.late.remove(i)
		n.outcome = Late
	case !ok:
		e.open.remove(i)
		n = news{cell: i, outcome: Unknown, sent: c.sent}
	default:
		e.open.remove(i)
		if rtt > c.deadline {
			e.tell(news{cell: i, outcome: Lost, sent: c.sent}, false)
			n.outcome = Late
		}
	}
	e.tell(n, true)
}

// refusal tells of an ICMP error and says whether it is about a ping. One
// that comes after the deadline changes nothing.
func (e *engine) refusal(s *socket, to [16]byte, icmp []byte, from netip.Addr, stamp int64, now time.Time) bool {
	q, ok := readQuote(icmp, s.family, s.id)
	if !ok {
		return false
	}
	i, ok := e.findSeq(q.seq, to, s.family)
	if q.full {
		i, ok = e.find(q.token, to, s.family)
	}
	if !ok {
		return false
	}
	c := &e.cells.list[i]
	if rtt, ok := e.roundTrip(c, stamp, now); c.state == waiting && ok && rtt <= c.deadline {
		e.open.remove(i)
		e.tell(news{cell: i, outcome: Unreachable, sent: c.sent, rtt: rtt, from: from}, true)
	}
	return true
}

func (e *engine) roundTrip(c *cell, stamp int64, now time.Time) (time.Duration, bool) {
	elapsed := now.Sub(c.sent)
	step := time.Duration(e.wall(now)-c.wall) - elapsed
	return roundTrip(c.wall, stamp, elapsed, step, c.deadline)
}
