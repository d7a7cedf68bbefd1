package watch

import (
	"slices"
	"time"

	"github.com/mtrq/mtrq/report"
)

const (
	headCells = 1500 // of a trouble: the pings before it, and its beginning
	tailCells = 1500 // and its end; those in between are counted by the minute

	minutesMost = 1440 // buckets; then each holds twice as long
)

// strand is the pings of a trouble: those before it as they were when it
// opened, and those since. A long outage keeps its beginning and its end.
type strand struct {
	first   uint32 // number of head[0]
	head    []cell
	from    uint32 // number of tail[0]
	tail    []cell
	skipped int
	apart   int64 // ms from the first ping that was skipped to tail[0]: may be more than a cell's 49 days
}

// begin copies the history.
func (s *strand) begin(h *history) {
	n := min(h.len(), headCells*2/3)
	s.first = h.next - uint32(n)
	for i := n - 1; i >= 0; i-- {
		s.head = append(s.head, *h.back(i))
	}
}

// put keeps what became of ping n.
func (s *strand) put(n uint32, c cell) {
	i := n - s.first
	if i < headCells {
		s.head = place(s.head, i, c)
		return
	}
	if len(s.tail) == 0 {
		s.from = s.first + headCells // not n: the one before it may be told of later
	}
	if i = n - s.from; int32(i) < 0 {
		return // late, of one that was skipped, or older than all that is kept
	}
	s.tail = place(s.tail, i, c)
	if len(s.tail) > tailCells {
		cut := tailCells / 2
		s.apart += int64(s.tail[cut].at - s.tail[0].at)
		s.tail = append(s.tail[:0], s.tail[cut:]...)
		s.from += uint32(cut)
		s.skipped += cut
	}
}

// place sets cell i and makes room for it; what lies between was not told of
// yet.
func place(cells []cell, i uint32, c cell) []cell {
	for uint32(len(cells)) <= i {
		cells = append(cells, cell{at: c.at})
	}
	cells[i] = c
	return cells
}

// record makes pings of the cells that left at from or later, which is the
// wall clock's fromAt. From one ping to the next it is never more than 24
// days, to the last it may be.
func (s *strand) record(from uint32, fromAt time.Time, rtts bool) report.Pings {
	p := report.Pings{From: fromAt, TxMS: []int64{}, RTTUS: []*int64{}, Skipped: s.skipped}
	var letters []byte
	var tx int64 // of the cell before
	var at uint32
	for k, cells := range [][]cell{s.head, s.tail} {
		for i, c := range cells {
			if k == 0 && int32(c.at-from) < 0 {
				continue
			}
			if len(letters) == 0 {
				at, p.From = c.at, fromAt.Add(time.Duration(int32(c.at-from))*time.Millisecond)
			}
			if k == 1 && i == 0 {
				at += uint32(s.apart) // the skipped are passed over
				tx += s.apart
			}
			// One that waited for its turn may have left after the next was asked
			// for: that one is shown no earlier.
			if step := int32(c.at - at); step > 0 {
				tx, at = tx+int64(step), c.at
			}
			letters = append(letters, c.outcome().letter())
			p.TxMS = append(p.TxMS, tx)
			var us *int64
			if rtts && c.hasRTT() {
				v := c.rtt().Microseconds()
				us = &v
			}
			p.RTTUS = append(p.RTTUS, us)
		}
	}
	p.Answer = string(letters)
	return p
}

// minutes counts pings by the minute: each once, and once more as late where
// its answer came after all.
type minutes struct {
	each    time.Duration // how long a bucket lasts
	buckets []report.Bucket
	rtts    []int64 // µs, of the last bucket
}

func (m *minutes) add(at time.Time, o outcome, rtt time.Duration) {
	if !o.isKnown() {
		return
	}
	if m.each == 0 {
		m.each = time.Minute
	}
	if o == late {
		m.takeBack(at)
		return
	}
	start := at.Truncate(m.each)
	if n := len(m.buckets); n == 0 || m.buckets[n-1].At.Before(start) {
		m.close()
		if n >= minutesMost {
			m.halve()
			start = at.Truncate(m.each)
		}
		if n := len(m.buckets); n == 0 || m.buckets[n-1].At.Before(start) {
			m.buckets = append(m.buckets, report.Bucket{At: start})
		}
	}
	b := &m.buckets[len(m.buckets)-1]
	b.Sent++
	if o.isLost() {
		b.Lost++
	} else {
		m.rtts = append(m.rtts, rtt.Microseconds())
	}
}

// takeBack counts a loss as none. Its time is not an answer's like those of
// the others, and stays out of theirs.
func (m *minutes) takeBack(at time.Time) {
	for i := len(m.buckets) - 1; i >= 0; i-- {
		// Times are rounded to milliseconds anew each time, so that a ping may
		// seem to have left in the bucket after its own.
		if b := &m.buckets[i]; b.Lost > 0 && !b.At.After(at) {
			b.Lost--
			return
		}
	}
}

// close works out the last bucket's RTTs. After halving it may have some.
func (m *minutes) close() {
	if n := len(m.buckets); n > 0 && len(m.rtts) > 0 {
		slices.Sort(m.rtts)
		lo, mid, hi := m.rtts[0], m.rtts[len(m.rtts)/2], m.rtts[len(m.rtts)-1]
		absorb(&m.buckets[n-1], report.Bucket{MinUS: &lo, MedUS: &mid, MaxUS: &hi})
	}
	m.rtts = m.rtts[:0]
}

// snapshot is the buckets as they are now.
func (m *minutes) snapshot() []report.Bucket {
	c := minutes{buckets: slices.Clone(m.buckets), rtts: slices.Clone(m.rtts)}
	c.close()
	return c.buckets
}

// halve lets buckets last twice as long, until there is room for more: an
// outage of days never fills the disk. Two become one where they lie in the
// same stretch of time; those beside a gap may stay alone.
func (m *minutes) halve() {
	for len(m.buckets) >= minutesMost {
		m.each *= 2
		half := m.buckets[:0]
		for _, b := range m.buckets {
			b.At = b.At.Truncate(m.each)
			if n := len(half); n > 0 && !half[n-1].At.Before(b.At) {
				absorb(&half[n-1], b)
				continue
			}
			half = append(half, b)
		}
		m.buckets = half
	}
}

// absorb adds what another bucket has counted.
func absorb(b *report.Bucket, c report.Bucket) {
	b.Lost, b.Sent = b.Lost+c.Lost, b.Sent+c.Sent
	b.MinUS, b.MaxUS = pick(b.MinUS, c.MinUS, false), pick(b.MaxUS, c.MaxUS, true)
	b.MedUS = pick(b.MedUS, c.MedUS, true) // the worse of two medians: nothing is averaged away
}

func pick(a, b *int64, greater bool) *int64 {
	if a == nil || b != nil && (*b > *a) == greater {
		return b
	}
	return a
}
