package watch

import (
	"slices"
	"time"

	"github.com/mtrq/mtrq/report"
)

// outcome is what became of a ping.
type outcome uint8

const (
	pending     outcome = iota
	answered            // within its deadline
	late                // after it: no lost packet
	lost                //
	unreachable         // a router says so: lost
	noRoute             // this machine had none: lost
	unknown             // nobody listened: counts as nothing
)

func (o outcome) isLost() bool  { return o == lost || o == unreachable || o == noRoute }
func (o outcome) isKnown() bool { return o != pending && o != unknown }

// letter is how strips and records show it.
func (o outcome) letter() byte {
	return [...]byte{report.AnswerPending, report.AnswerReply, report.AnswerLate, report.AnswerLost,
		report.AnswerUnreachable, report.AnswerNoRoute, report.AnswerPending}[o]
}

// cell is one ping of a history: when it left, in milliseconds since the
// watchdog's start, and outcome and RTT in one word. Ten thousand targets
// have three million of them, so they are small.
type cell struct {
	at   uint32
	word uint32
}

const (
	rttBits = 28 // microseconds: up to 268 s
	rttMask = 1<<rttBits - 1
)

func (c cell) outcome() outcome   { return outcome(c.word >> rttBits) }
func (c cell) rtt() time.Duration { return time.Duration(c.word&rttMask) * time.Microsecond }
func (c cell) hasRTT() bool       { o := c.outcome(); return o == answered || o == late }
func (c *cell) set(o outcome, rtt time.Duration) {
	c.word = uint32(o)<<rttBits | uint32(min(max(rtt.Microseconds(), 0), rttMask))
}

// history is the last pings of a target, oldest first. Cells are numbered
// from its beginning, so that an answer finds its ping.
type history struct {
	cells []cell // a ring once it is full
	limit int
	first uint32 // number of the ping that cells[0] was made for
	next  uint32 // number of the next cell
}

// resize makes room for so many pings. The newest stay and keep their
// numbers: pings under way find them, and troubles that know them by number
// go on.
func (h *history) resize(limit int) {
	n := min(h.len(), limit)
	cells := make([]cell, n)
	for i := range n {
		cells[n-1-i] = *h.back(i)
	}
	h.cells, h.limit, h.first = cells, limit, h.next-uint32(n)
}

// forget drops all pings; the numbers go on.
func (h *history) forget() { h.cells, h.first = h.cells[:0], h.next }

// add begins a cell and returns its number.
func (h *history) add(at uint32) uint32 {
	c := cell{at: at}
	if n := len(h.cells); n < h.limit {
		if n == cap(h.cells) { // append would make room for 512 where 300 are kept
			h.cells = append(make([]cell, 0, min(max(16, 2*n), h.limit)), h.cells...)
		}
		h.cells = append(h.cells, c)
	} else {
		*h.place(h.next) = c
	}
	h.next++
	return h.next - 1
}

// len is how many cells there are.
func (h *history) len() int { return len(h.cells) }

// cell is the one with this number, nil where it has been overwritten.
func (h *history) cell(n uint32) *cell {
	if h.next-n-1 >= uint32(len(h.cells)) {
		return nil
	}
	return h.place(n)
}

func (h *history) place(n uint32) *cell { return &h.cells[int(n-h.first)%h.limit] }

// back is the i-th newest cell, from 0.
func (h *history) back(i int) *cell { return h.place(h.next - 1 - uint32(i)) }

// tally counts lost and known pings that left at from or later.
func (h *history) tally(from uint32) (lost, sent int) {
	for i := range h.len() {
		c := h.back(i)
		if int32(c.at-from) < 0 {
			break
		}
		if c.outcome().isKnown() {
			sent++
		}
		if c.outcome().isLost() {
			lost++
		}
	}
	return lost, sent
}

// since is the number of the first ping that left at from or later.
func (h *history) since(from uint32) uint32 {
	for i := range h.len() {
		if int32(h.back(i).at-from) < 0 {
			return h.next - uint32(i)
		}
	}
	return h.next - uint32(h.len())
}

// between is tally for pings that left up to a moment; none, if that is
// earlier, as after the wall clock was set back.
func (h *history) between(from, to uint32) (lost, sent int) {
	if int32(to-from) < 0 {
		return 0, 0
	}
	l1, s1 := h.tally(from)
	l2, s2 := h.tally(to + 1)
	return l1 - l2, s1 - s2
}

// lastLost is when the last lost ping before a moment left, and when the one
// after it did.
func (h *history) lastLost(before uint32) (at, next uint32, ok bool) {
	next = before
	for i := range h.len() {
		c := h.back(i)
		if int32(c.at-before) >= 0 {
			continue
		}
		if c.outcome().isLost() {
			return c.at, next, true
		}
		next = c.at
	}
	return 0, 0, false
}

// firstLost is when the first lost ping from a moment on left.
func (h *history) firstLost(from uint32) (at uint32, ok bool) {
	for i := range h.len() {
		c := h.back(i)
		if int32(c.at-from) < 0 {
			break
		}
		if c.outcome().isLost() {
			at, ok = c.at, true
		}
	}
	return at, ok
}

// lostOf counts the lost among the newest n known pings.
func (h *history) lostOf(n int) (lost int) { return h.lostSince(n, h.next-uint32(h.len())) }

// lostSince is lostOf from cell number first on.
func (h *history) lostSince(n int, first uint32) (lost int) {
	for i := 0; i < h.len() && n > 0 && int32(h.next-1-uint32(i)-first) >= 0; i++ {
		o := h.back(i).outcome()
		if !o.isKnown() {
			continue
		}
		n--
		if o.isLost() {
			lost++
		}
	}
	return lost
}

// strip is the newest n pings, a letter each, newest last.
func (h *history) strip(n int) string {
	n = min(n, h.len())
	out := make([]byte, n)
	for i := range n {
		out[n-1-i] = h.back(i).outcome().letter()
	}
	return string(out)
}

// usual is what a target's answers are like while it is well.
type usual struct {
	n          int // answers that it rests on
	p50, p95   time.Duration
	peak       time.Duration // the second slowest answer: once may be chance; 0 where there are fewer than two
	jitter     time.Duration // 95th percentile of the difference of two answers in a row
	lost, sent int
}

// usualAfter is how many answers a judgement of latency rests on.
const usualAfter = 300

// look works out what is usual from the whole history. scratch is reused.
func (h *history) look(scratch []time.Duration) (usual, []time.Duration) {
	u := usual{}
	rtts := scratch[:0]
	for i := range h.len() {
		c := h.back(i)
		if c.outcome().isKnown() {
			u.sent++
		}
		if c.outcome().isLost() {
			u.lost++
		}
		if c.hasRTT() {
			rtts = append(rtts, c.rtt())
		}
	}
	u.n = len(rtts)
	if u.n == 0 {
		return u, rtts
	}
	for i := range u.n - 1 {
		rtts = append(rtts, max(rtts[i]-rtts[i+1], rtts[i+1]-rtts[i]))
	}
	diffs := rtts[u.n:]
	slices.Sort(diffs)
	if len(diffs) > 0 {
		u.jitter = diffs[len(diffs)*95/100]
	}
	own := rtts[:u.n]
	slices.Sort(own)
	u.p50, u.p95 = own[u.n/2], own[u.n*95/100]
	if u.n > 1 {
		u.peak = own[u.n-2]
	}
	return u, rtts
}
