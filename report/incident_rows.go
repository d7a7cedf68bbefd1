package report

import (
	"fmt"
	"slices"
	"time"
)

// A tick is one ping in a row, or all that fall on the same pixels.
type tick struct {
	x, wide                   float64
	sent, lost, late, unknown int
	rtts                      []int64 // µs
	minUS, medUS, maxUS       int64   // set where sent > lost and any time is known
	timed                     bool
}

// row draws the pings of a member: an answer is a dot at its round-trip
// time (of many the median, with a bar from the least to the greatest),
// and loss a mark of full height.
func (p *picture) row(m *Member, first bool) {
	tall, least := float64(otherTall), 5.0
	if first {
		tall, least = firstTall, 2
	}
	all, top := p.scaleOf(&m.Pings, m.Meter, least)
	p.rowLabel(m, first, all, top)
	p.pings(&m.Pings, m.Meter, tall, least)
	p.y += tall + rowGap
	if first {
		p.side("its burst: lost %d of %d", m.Burst)
		p.side("several a second: lost %d of %d", m.Dense)
	}
}

// side is a low row of pings that went through sockets of their own; name
// has verbs for lost and sent.
func (p *picture) side(name string, s *Pings) {
	lost, sent := s.tally()
	if sent == 0 {
		return
	}
	p.beside("", p.say(name, lost, sent))
	p.pings(s, nil, sideTall, 2)
	p.y += sideTall + rowGap
}

// scaleOf gives all round-trip times of a series that are known, µs in
// order of size, and the top of its scale, ms.
func (p *canvas) scaleOf(s *Pings, meter []Bucket, least float64) (all []int64, top float64) {
	return scale(p.ticks(s, meter, int((p.right-p.left)/least)))
}

func scale(ticks []tick) (all []int64, top float64) {
	for i := range ticks {
		all = append(all, ticks[i].rtts...)
		if t := &ticks[i]; t.timed && len(t.rtts) == 0 {
			all = append(all, t.minUS, t.medUS, t.maxUS)
		}
	}
	slices.Sort(all)
	top = 1
	if n := len(all); n > 0 {
		// A straggler must not press all others to the ground: it stands at the top edge, and the label has its figure.
		top = niceUp(min(1.2*float64(all[n-1]), 2.5*float64(all[min(n-1, n*95/100)])) / 1000)
	}
	return all, top
}

// pings draws a series in a row as tall as that, ticks at least so wide.
func (p *canvas) pings(s *Pings, meter []Bucket, tall, least float64) {
	ticks := p.ticks(s, meter, int((p.right-p.left)/least))
	_, top := scale(ticks)
	y, bottom := p.y, p.y+tall
	at := func(us int64) float64 { return bottom - 3 - (tall-6)*min(1, float64(us)/1000/top) }
	fmt.Fprintf(&p.b, `<path d="M%s %sH%sM%s %sH%s" stroke="%s" stroke-width="0.6" fill="none"/>`+"\n", num(p.left), num(bottom), num(p.right), num(p.left), num(y), num(p.right), inkGrid)
	var loss, marks brush
	for i := range ticks {
		t := &ticks[i]
		if t.lost > 0 {
			loss.add(filled(rampOf(t.lost, t.sent)), box(t.x, y, t.wide, tall))
		}
		if t.unknown > 0 && t.sent == 0 {
			loss.add(filled(inkMute), box(t.x, bottom-5, t.wide, 5))
		}
		if !t.timed {
			continue
		}
		dot, mid := 3.0, t.x+min(t.wide, 4)/2
		if tall < firstTall {
			dot = 2.4
		}
		if t.maxUS > t.minUS {
			marks.add(stroked(inkSpread, 1.6), "M"+num(mid)+" "+num(at(t.maxUS))+"V"+num(max(at(t.minUS), at(t.maxUS)+1)))
		}
		if t.late > 0 {
			marks.add(filled(inkLate), diamond(mid, max(y+3, at(t.maxUS))))
			if t.late == len(t.rtts) {
				continue
			}
		}
		marks.add(stroked(inkAnswer, dot), line(mid-dot/2, at(t.medUS), dot))
	}
	loss.draw(&p.b)
	marks.draw(&p.b)
}

func (p *picture) rowLabel(m *Member, first bool, all []int64, top float64) {
	lost := p.say("pings unknown")
	if m.Sent > 0 {
		lost = p.say("lost %d of %d", m.Lost, m.Sent)
	}
	fmt.Fprintf(&p.b, `<g><title>%s</title>`, escaped4XML(short(m.name()+memberWords(m), maxSaid)))
	lines := []string{lost}
	if n := len(all); first && n > 0 {
		lines = append(lines, p.say("RTT p50 %s ms", msText(usec(all[(n-1)/2]))), p.say("max %s ms", msText(usec(all[n-1]))), p.say("scale 0 to %s ms", num(top)))
	}
	p.beside(Printable(m.Target), lines...)
	p.b.WriteString("</g>\n")
}

// ticks are the pings of the window. Where they are more than fit, those
// that fall on the same pixels become one, whose counts are sums.
func (p *canvas) ticks(s *Pings, meter []Bucket, most int) []tick {
	first, last := len(s.Answer), -1
	for i := range len(s.Answer) {
		if p.inside(s.at(i)) {
			first, last = min(first, i), i
		}
	}
	n, gap := max(0, last-first+1), s.gap()
	if n <= most && gap == 0 {
		out := make([]tick, 0, n)
		for i := first; i <= last; i++ {
			t := tick{x: p.x(s.at(i)), wide: 5}
			if i < last {
				t.wide = p.x(s.at(i+1)) - t.x
			} else if i > first {
				t.wide = out[len(out)-1].wide
			}
			// A ping stands for its own second, not for a silence before the next.
			t.wide = min(max(t.wide, 1.5), 14, p.right-t.x)
			t.add(s.Answer[i], s.RTTUS[i])
			t.close()
			out = append(out, t)
		}
		return out
	}
	wide := (p.right - p.left) / float64(most)
	out := make([]tick, most)
	place := func(at time.Time) int { return min(most-1, int((p.x(at)-p.left)/wide)) }
	for i := first; i <= last; i++ {
		out[place(s.at(i))].add(s.Answer[i], s.RTTUS[i])
	}
	if gap > 0 {
		p.fillGap(out, place, meter, s.at(gap-1).Add(time.Second), s.at(gap))
	}
	for i := range out {
		out[i].x, out[i].wide = p.left+float64(i)*wide, wide
		out[i].close()
	}
	return out
}

// fillGap fills the ticks of a gap, in which no ping was kept by itself, by
// the minutes. What they do not say either is unknown, and no blank: a
// blank would say that nothing was lost.
func (p *canvas) fillGap(out []tick, place func(time.Time) int, meter []Bucket, from, to time.Time) {
	if !p.inside(from) || !p.inside(to) {
		return
	}
	first, last := place(from), place(to)
	for i := range meter {
		b := &meter[i]
		if !b.At.Before(to) || !b.At.Add(time.Minute).After(from) {
			continue
		}
		// A minute fills its width: each part of it lost as large a share.
		for k := max(first, place(b.At)); k < last && k <= place(b.At.Add(time.Minute-time.Millisecond)); k++ {
			out[k].addMinute(b)
		}
	}
	for k := first; k < last; k++ {
		if out[k].sent == 0 {
			out[k].unknown++
		}
	}
}

func (t *tick) add(answer byte, rtt *int64) {
	if answer == AnswerPending {
		t.unknown++
		return
	}
	t.sent++
	switch {
	case pingLost(answer):
		t.lost++
		return
	case answer == AnswerLate:
		t.late++
	}
	if rtt != nil {
		t.rtts = append(t.rtts, *rtt)
	}
}

func (t *tick) addMinute(b *Bucket) {
	t.sent, t.lost = t.sent+b.Sent, t.lost+b.Lost
	if b.MinUS == nil || b.MedUS == nil || b.MaxUS == nil {
		return
	}
	if !t.timed {
		t.minUS, t.medUS, t.maxUS, t.timed = *b.MinUS, *b.MedUS, *b.MaxUS, true
		return
	}
	t.minUS, t.medUS, t.maxUS = min(t.minUS, *b.MinUS), max(t.medUS, *b.MedUS), max(t.maxUS, *b.MaxUS)
}

// close works out the figures of a tick that is complete.
func (t *tick) close() {
	if len(t.rtts) == 0 {
		return
	}
	sorted := slices.Sorted(slices.Values(t.rtts))
	low, mid, high := sorted[0], sorted[(len(sorted)-1)/2], sorted[len(sorted)-1]
	if t.timed {
		low, mid, high = min(low, t.minUS), max(mid, t.medUS), max(high, t.maxUS)
	}
	t.minUS, t.medUS, t.maxUS, t.timed = low, mid, high, true
}

// middle is a name or an address for a narrow column: its beginning and
// its end, which both tell it from others.
func middle(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	tail := n/2 - 1
	return string(r[:n-tail-1]) + "…" + string(r[len(r)-tail:])
}
