package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// mtr-packet numbers its probes 33000, 33001, … up to 65535 and then again
// from the start. It matches an ICMP error that quotes a TCP packet by the
// source port alone, which is the sequence number, against *all* its probes:
// so the answer to a TCP probe of one process would end an ICMP probe of
// another that happens to have that number. And it looks a UDP answer up by
// its destination port first: it drops it where that is the number of any
// probe under way. Therefore each number is used once in a process's life,
// TCP has processes and a range of numbers of its own, and all others begin
// after it. Numbers are passed over by probes that cannot be sent.
const (
	firstSequence = 33000
	lastSequence  = 65535

	tcpLanes    = 4    // processes for TCP at a time
	tcpLaneSize = 2000 // sequence numbers of each: one a probe, and one for each local port in use
	tcpLife     = 1200 // probes of a TCP process

	otherFirst = firstSequence + tcpLanes*tcpLaneSize
	otherLife  = lastSequence - otherFirst - 15 // some may be passed over
)

const (
	slotBits = 10 // 1,024 probes in flight is what mtr-packet holds
	slots    = 1 << slotBits

	// A margin, as mtr-packet forgets a probe a moment after we think so;
	// and a part of it that only watch pings may use.
	maxInFlight      = 960
	maxInFlightWatch = 1000
	// TCP takes a socket and a system call a turn for each probe in flight.
	maxInFlightTCP = 200
)

const (
	greetTimeout = 5 * time.Second // to the last answer of check-support
	wordTimeout  = 3 * time.Second // to the last word on a probe, mtr-packet's own being 1 s
	leaveTimeout = 5 * time.Second // to the end after stdin was closed
	idleTimeout  = 30 * time.Second
	maxGarbage   = 10 // lines that are no answers
)

// process is one mtr-packet. It belongs to the scheduler's loop, except for
// what its reader and starter use: cmd, stdout, errs, claim.
type process struct {
	tcp      bool
	lane     int // of TCP
	features Features
	cmd      *exec.Cmd
	stdin    *os.File
	rawIn    syscall.RawConn
	stdout   *os.File
	errs     *tail
	claim    int // socket that holds the ICMP id

	pend       []byte    // lines not written yet
	stuckSince time.Time // since when stdin is full; zero: it is not
	batch      []*Handle // in pend, not told OnSent

	flight   [slots]*Handle
	gen      [slots]uint32 // of the token in each slot
	free     []uint16
	inFlight int
	hasty    int     // of those, of classes that are not calm
	oldest   *Handle // by time of sending
	newest   *Handle

	// It is asked for a sign of life while it has probes: see beat.
	beatAt   time.Time // the sign asked for and not given yet; zero: none
	lastBeat time.Time
	aliveAt  time.Time // it was running then, or later
	hurry    bool      // a deadline waits for it
	stall    stall

	begun    time.Time
	used     int // probes and passed-over numbers since begun
	life     int // how many there may be
	garbage  int
	idle     time.Time // since when nothing is in flight
	leaving  bool      // gets no more probes
	leaveBy  time.Time // killed then
	closed   bool      // stdin
	killed   bool
	killedBy error // why, for its probes
}

// orphans takes out all probes of a process that has ended.
func (p *process) orphans() (hs []*Handle) {
	for p.oldest != nil {
		h := p.oldest
		p.done(h, time.Time{})
		hs = append(hs, h)
	}
	p.pend, p.batch = nil, nil
	return hs
}

// limit is how many probes of a class may be in flight.
func (p *process) limit(c Class) int {
	switch {
	case p.tcp:
		return maxInFlightTCP
	case c == Watch:
		return maxInFlightWatch
	}
	return maxInFlight
}

// takes says whether a probe of this class can be written to it now.
func (p *process) takes(c Class) bool {
	return !p.leaving && !p.killed && p.stuckSince.IsZero() && p.inFlight < p.limit(c) && p.used < p.life
}

// put queues a probe to be written with the next flush.
func (p *process) put(h *Handle, source netip.Addr, skip map[uint16]bool) {
	for skip[uint16(p.nextSequence())] && p.used < p.life {
		p.pend = appendBurn(p.pend, p.features)
		p.used++
	}
	slot := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	p.gen[slot] = p.gen[slot]%(1<<20) + 1
	p.flight[slot] = h
	p.inFlight++
	p.used++
	if !h.req.Class.calm() {
		p.hasty++
	}
	h.proc, h.slot = p, slot
	h.older, h.newer = p.newest, nil
	if p.newest != nil {
		p.newest.newer = h
	} else {
		p.oldest = h
	}
	p.newest = h
	p.pend = appendProbe(p.pend, p.gen[slot]<<slotBits|uint32(slot), &h.req.Spec, source)
	p.batch = append(p.batch, h)
}

func (p *process) nextSequence() int {
	if p.tcp {
		return 0 // unknown: ports in use are passed over
	}
	return otherFirst + p.used
}

// find is the probe of a token, or nil.
func (p *process) find(token uint32) *Handle {
	slot := token & (slots - 1)
	if h := p.flight[slot]; h != nil && p.gen[slot] == token>>slotBits {
		return h
	}
	return nil
}

// done takes a probe out after mtr-packet's last word on it.
func (p *process) done(h *Handle, now time.Time) {
	p.flight[h.slot] = nil
	p.free = append(p.free, h.slot)
	p.inFlight--
	if !h.req.Class.calm() {
		p.hasty--
	}
	if p.inFlight == 0 {
		p.idle = now
	}
	if h.older != nil {
		h.older.newer = h.newer
	} else {
		p.oldest = h.newer
	}
	if h.newer != nil {
		h.newer.older = h.older
	} else {
		p.newest = h.older
	}
	h.older, h.newer, h.proc = nil, nil, nil
}

// beat asks for a sign of life. That a probe was not answered in time is
// known only of a process that was running when the time was over: the answer
// to one that was kept from running waits in its socket.
func (p *process) beat(now time.Time) {
	gap := beatGap
	if p.hurry {
		gap = beatHurry
	}
	if p.inFlight == 0 || p.closed || p.killed || !p.beatAt.IsZero() || !p.stuckSince.IsZero() || now.Sub(p.lastBeat) < gap {
		return
	}
	p.pend = append(p.pend, beatLine...)
	p.beatAt, p.lastBeat, p.hurry = now, now, false
}

const (
	beatLine  = "2 check-support feature version\n"
	beatGap   = 50 * time.Millisecond
	beatHurry = 5 * time.Millisecond
)

// heard notes what an answer says of the process itself: it was running at
// since or later, and not between a sign of life asked for and given.
func (p *process) heard(at, since time.Time) {
	if since.After(p.aliveAt) {
		p.aliveAt = since
	}
	if late := at.Sub(p.beatAt); !p.beatAt.IsZero() && late > stallLeast {
		p.stall = stall{end: at, length: late}
	}
}

// flush writes what is queued, as far as the pipe takes it, without blocking.
func (p *process) flush(now time.Time) error {
	var n int
	var werr error
	err := p.rawIn.Write(func(fd uintptr) bool {
		n, werr = unix.Write(int(fd), p.pend)
		return true
	})
	if err == nil {
		err = werr
	}
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) {
		n, err = 0, nil
	}
	if err != nil {
		return fmt.Errorf("write to mtr-packet: %w", err)
	}
	p.pend = append(p.pend[:0], p.pend[n:]...)
	switch {
	case len(p.pend) == 0:
		p.stuckSince = time.Time{}
	case n > 0 || p.stuckSince.IsZero():
		p.stuckSince = now
	}
	return nil
}

// hung says in words why the process has to be given up, or nothing. Before
// stallEnd nobody listened to it.
func (p *process) hung(now time.Time, wordTimeout time.Duration, stallEnd time.Time) string {
	silentSince := func(t time.Time) bool {
		if t.Before(stallEnd) {
			t = stallEnd
		}
		return now.Sub(t) > wordTimeout
	}
	switch {
	case p.garbage > maxGarbage:
		return "it writes lines that are no answers"
	case !p.stuckSince.IsZero() && silentSince(p.stuckSince):
		return "it does not read its commands"
	case !p.beatAt.IsZero() && silentSince(p.beatAt):
		return "it gives no sign of life"
	case p.oldest != nil && !p.oldest.sent.IsZero() && silentSince(p.oldest.sent):
		return "it gave no last word on a probe"
	case p.leaving && now.After(p.leaveBy):
		return "it does not end"
	}
	return ""
}

// leave gives the process no more probes; it ends by itself after the last
// word on those it has.
func (p *process) leave(now time.Time) {
	if !p.leaving {
		p.leaving = true
		p.leaveBy = now.Add(leaveTimeout)
	}
}

// kill ends the process; its reader tells when it has ended.
func (p *process) kill(why error) {
	if p.killed {
		return
	}
	p.killed, p.killedBy = true, why
	_ = p.cmd.Process.Kill() // it may have ended: its reader tells
}
