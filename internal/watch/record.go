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
	if i := n - s.first; i < headCells {
		s.head = place(s.head, i, c)
		return
	}
	if len(s.tail) == 0 {
		s.from = n
	}
	i := n - s.from
	if int32(i) < 0 {
		return // late, of one that was skipped
	}
	s.tail = place(s.tail, i, c)
	if len(s.tail) > tailCells {
		cut := tailCells / 2
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

// record makes pings of the cells that left at from or later.
func (s *strand) record(from uint32, at func(uint32) time.Time, rtts bool) report.Pings {
	p := report.Pings{TxMS: []int64{}, RTTUS: []*int64{}, Skipped: s.skipped}
	var letters []byte
	var zero uint32
	for _, cells := range [][]cell{s.head, s.tail} {
		for _, c := range cells {
			if int32(c.at-from) < 0 {
				continue
			}
			if len(letters) == 0 {
				zero, p.From = c.at, at(c.at)
			}
			letters = append(letters, c.outcome().letter())
			p.TxMS = append(p.TxMS, int64(int32(c.at-zero)))
			var us *int64
			if rtts && c.hasRTT() {
				v := c.rtt().Microseconds()
				us = &v
			}
			p.RTTUS = append(p.RTTUS, us)
		}
	}
	if len(letters) == 0 {
		p.From = at(from)
	}
	p.Answer = string(letters)
	return p
}

// minutes counts pings by the minute.
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
	start := at.Truncate(m.each)
	if n := len(m.buckets); n == 0 || m.buckets[n-1].At.Before(start) {
		m.close()
		if n == minutesMost {
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
	} else if o == answered || o == late {
		m.rtts = append(m.rtts, rtt.Microseconds())
	}
}

// close works out the last bucket's RTTs.
func (m *minutes) close() {
	if n := len(m.buckets); n > 0 && len(m.rtts) > 0 {
		slices.Sort(m.rtts)
		lo, mid, hi := m.rtts[0], m.rtts[len(m.rtts)/2], m.rtts[len(m.rtts)-1]
		m.buckets[n-1].MinUS, m.buckets[n-1].MedUS, m.buckets[n-1].MaxUS = &lo, &mid, &hi
	}
	m.rtts = m.rtts[:0]
}

// snapshot is the buckets as they are now.
func (m *minutes) snapshot() []report.Bucket {
	c := minutes{buckets: slices.Clone(m.buckets), rtts: slices.Clone(m.rtts)}
	c.close()
	return c.buckets
}

// halve makes one bucket of two: an outage of days never fills the disk.
func (m *minutes) halve() {
	m.each *= 2
	half := m.buckets[:0]
	for i := 0; i < len(m.buckets); i += 2 {
		b := m.buckets[i]
		if i+1 < len(m.buckets) {
			c := m.buckets[i+1]
			b.Lost, b.Sent = b.Lost+c.Lost, b.Sent+c.Sent
			b.MinUS, b.MaxUS = pick(b.MinUS, c.MinUS, false), pick(b.MaxUS, c.MaxUS, true)
			b.MedUS = pick(b.MedUS, c.MedUS, true) // the worse of two medians: nothing is averaged away
		}
		half = append(half, b)
	}
	m.buckets = half
}

func pick(a, b *int64, greater bool) *int64 {
	if a == nil || b != nil && (*b > *a) == greater {
		return b
	}
	return a
}
