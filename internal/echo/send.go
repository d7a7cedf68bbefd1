package echo

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// mostTries bounds how often a ping is tried that may have failed for
// another's sake.
const mostTries = 8

// flush sends what waits in the queues.
func (e *engine) flush(now time.Time) {
	for _, s := range e.socks {
		if s != nil && len(s.queue) > 0 {
			s.queue = s.queue[:copy(s.queue, s.queue[e.flushOne(s, now):])]
		}
	}
}

// flushOne sends a family's queue and returns how much of it is done with.
func (e *engine) flushOne(s *socket, now time.Time) (done int) {
	tries := 0
	for done < len(s.queue) {
		rest := s.queue[done:]
		k, errno := e.sendBatch(s, rest[:min(len(rest), sendAtOnce)])
		if k > 0 {
			done, tries = done+k, 0
			continue
		}
		switch errno {
		case unix.EINTR:
		case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
			s.triedAt = e.now()
			return done + e.giveUp(rest, now, errno)
		default:
			// The kernel may have told of an ICMP error about a ping before,
			// by refusing this one. That error is in the queue of errors
			// then, and having told it once the kernel does not tell it again.
			more := e.drainErrors(s)
			if tries++; !s.raw && (tries == 1 || more > 0) && tries < mostTries {
				continue
			}
			e.refused(rest[0], errno)
			done, tries = done+1, 0
		}
	}
	return done
}

// sendBatch passes pings to the kernel and says how many it took; if none,
// why. They share the time of sending, which is read right before.
func (e *engine) sendBatch(s *socket, is []int32) (int, unix.Errno) {
	for n, i := range is {
		c := &e.cells.list[i]
		e.out.setName(n, c)
		putRequest(e.out.message(n), s.family, s.id, token{uint32(i), c.nonce}, s.raw && s.family == v4)
	}
	at := e.now()
	wall := e.wall(at)
	k, errno := e.out.send(s.fd, len(is))
	for _, i := range is[:k] {
		c := &e.cells.list[i]
		c.sent, c.wall, c.state = at, wall, waiting
		e.open.add(i, at.Add(c.deadline+grace))
	}
	e.stats.Sent += uint64(k)
	return k, errno
}

// giveUp tells of those that have waited too long for room, and returns how
// many: those asked first are first in the queue.
func (e *engine) giveUp(is []int32, now time.Time, errno unix.Errno) int {
	for n, i := range is {
		c := &e.cells.list[i]
		if now.Sub(c.sent) < patience {
			return n
		}
		e.unsent(i, Unknown, fmt.Errorf("ping %s: no room to send for %s: %w", c.addr(), now.Sub(c.sent).Round(time.Millisecond), errno))
	}
	return len(is)
}

// refused tells of a ping that the kernel would not send.
func (e *engine) refused(i int32, errno unix.Errno) {
	switch errno {
	case unix.ENETUNREACH, unix.EHOSTUNREACH, unix.ENETDOWN,
		unix.EADDRNOTAVAIL, // IPv6: no address to send from that fits
		unix.EACCES,        // a route of type prohibit
		unix.EINVAL:        // a route of type blackhole
		e.cells.list[i].sent = e.now()
		e.unsent(i, NoRoute, nil)
		return
	}
	e.unsent(i, Unknown, fmt.Errorf("ping %s: %w", e.cells.list[i].addr(), errno))
}
