package archive

import (
	"bytes"
	"encoding/json"
	"math"
	"net/netip"
	"slices"
	"time"
)

// expect makes room for what a file of this size usually holds.
func (b *builder) expect(size int64) {
	const usual = 440 // bytes a line
	n := int(min(size/usual, 1<<20)) + 8
	t := b.t
	t.ids, t.at = slices.Grow(t.ids, n), slices.Grow(t.at, n)
	for _, c := range []*[]int32{&t.lost, &t.sent} {
		*c = slices.Grow(*c, n)
	}
	for _, c := range []*[]uint32{&t.off, &t.node, &t.target, &t.asked, &t.source, &t.reason, &t.event, &t.tags, &t.class, &t.fresh} {
		*c = slices.Grow(*c, n)
	}
	if t.lastDay > 0 {
		t.rtt = slices.Grow(t.rtt, n)
	}
}

// add adds the row of a line; what is no entry is passed over.
func (b *builder) add(line []byte, off uint32) {
	s := &b.line
	if scanLine(line, b.t.lastDay, s) {
		if target, ok := b.address(b.text(s.target)); ok {
			b.addScanned(s, off, target)
			return
		}
	}
	if e, ok := b.t.parse(line); ok {
		b.addEntry(&e, off)
	}
}

// address is the number of a word that is an address or empty. A day has few
// of them, so each is looked at once.
func (b *builder) address(text []byte) (number uint32, ok bool) {
	if number = b.in.number(text); number == 0 {
		return 0, true
	}
	if int(number) >= len(b.addr) {
		b.addr = append(b.addr, make([]bool, int(number)+1-len(b.addr))...)
	}
	if !b.addr[number] {
		_, err := netip.ParseAddr(string(text))
		b.addr[number] = err == nil
	}
	return number, b.addr[number]
}

// text is what a string of the line means; until the next call.
func (b *builder) text(s []byte) []byte {
	if !b.line.escaped || bytes.IndexByte(s, '\\') < 0 {
		return s
	}
	b.raw = appendUnquoted(b.raw[:0], s)
	return b.raw
}

func (b *builder) addScanned(s *scanned, off, target uint32) {
	t := b.t
	if s.report != s.id {
		t.joined = append(t.joined, joined{uint32(len(t.ids)), s.report})
	}
	t.ids, t.at, t.off = append(t.ids, s.id), append(t.at, s.at), append(t.off, off)
	if s.lost < 0 || s.sent < s.lost {
		s.lost, s.sent = -1, -1
	}
	t.lost, t.sent = append(t.lost, s.lost), append(t.sent, s.sent)
	if t.lastDay > 0 {
		t.rtt = append(t.rtt, rttOf(s.min, s.median, s.max, s.avg))
	}
	t.target = append(t.target, target)
	t.asked = append(t.asked, b.in.number(b.text(s.asked)))
	t.node = append(t.node, b.in.number(b.text(s.node)))
	t.source = append(t.source, b.in.number(b.text(s.source)))
	t.reason = append(t.reason, b.in.number(b.text(s.reason)))
	t.event = append(t.event, b.in.number(b.text(s.event)))
	t.tags = append(t.tags, b.in.number(s.tags))
	t.class = append(t.class, b.in.number(b.text(s.verdict)))
	t.fresh = append(t.fresh, b.in.number(b.text(s.fresh)))
}

// addEntry adds the row of an entry that was decoded.
func (b *builder) addEntry(e *Entry, off uint32) {
	t := b.t
	if n, ok := parseName(e.Day, e.File); ok && n.id != e.ID {
		t.joined = append(t.joined, joined{uint32(len(t.ids)), n.id})
	}
	t.ids, t.at, t.off = append(t.ids, e.ID), append(t.at, nanos(e.At)), append(t.off, off)
	t.lost, t.sent = append(t.lost, figure(e.Lost)), append(t.sent, figure(e.Sent))
	if t.lastDay > 0 {
		t.rtt = append(t.rtt, rttOf(figure(e.MinUS), figure(e.MedianUS), figure(e.MaxUS), figure(e.AvgUS)))
	}
	var target, tags []byte
	if e.Target.IsValid() {
		target = e.Target.AppendTo(nil)
	}
	if len(e.Tags) > 0 {
		tags, _ = json.Marshal(e.Tags) // strings only: cannot fail
	}
	number := func(s string) uint32 { return b.in.number([]byte(s)) }
	t.target = append(t.target, b.in.number(target))
	t.asked = append(t.asked, number(e.Asked))
	t.node = append(t.node, number(e.Node))
	t.source = append(t.source, number(e.Source))
	t.reason = append(t.reason, number(e.Reason))
	t.event = append(t.event, number(e.Event))
	t.tags = append(t.tags, b.in.number(tags))
	t.class = append(t.class, number(string(e.Verdict)))
	t.fresh = append(t.fresh, number(string(e.Freshness)))
}

// rttOf fills in the mean where an older mtrq wrote nothing else.
func rttOf(min, median, max, avg int32) rtt {
	or := func(v int32) int32 {
		if v < 0 {
			return avg
		}
		return v
	}
	return rtt{or(min), or(median), or(max)}
}

// figure is a sane figure of an entry, -1 where it is unknown.
func figure[T int | int64](v *T) int32 {
	if v == nil {
		return -1
	}
	return int32(*v)
}

// nanos is a time in ns since 1970, or the nearest that there is.
func nanos(t time.Time) int64 {
	switch year := t.Year(); {
	case year < 1680:
		return math.MinInt64
	case year > 2260:
		return math.MaxInt64
	}
	return t.UnixNano()
}
