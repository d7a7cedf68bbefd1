package chart

import (
	"fmt"
	"time"

	"github.com/mtrq/mtrq/report"
)

// Status draws cells as a strip of blocks, the oldest first: how well it
// went in each. A block is as dark as its worst measurement lost, and as
// high: a full block lost everything.
func Status(id, title, desc string, cells []Cell, wide float64) []byte {
	const tall, least = 26.0, 5.0
	s := sheet{wide: wide, tall: tall, stretch: true}
	if len(cells) == 0 {
		return s.finish(id, title, desc)
	}
	step := wide / float64(len(cells))
	gap := min(2, step/4)
	var b brush
	for i := range cells {
		c, x := &cells[i], float64(i)*step
		switch {
		case c.Blank():
			b.add(fill(inkNone), box(x, 0, step-gap, tall))
		case c.Worst == nil:
			b.add(fill(inkMute), box(x, 0, step-gap, tall))
		default:
			b.add(fill(inkClean), box(x, 0, step-gap, tall))
			if *c.Worst > 0 {
				h := least + (tall-least)*min(1, *c.Worst/100)
				b.add(fill(colourOf(*c.Worst)), box(x, tall-h, step-gap, h))
			}
		}
	}
	b.draw(&s)
	for i := range cells {
		s.point(&cells[i], float64(i)*step, 0, step, tall)
	}
	return s.finish(id, title, desc)
}

// point lets a cell be pointed at, and lead somewhere.
func (s *sheet) point(c *Cell, x, y, wide, tall float64) {
	if c.Title == "" && c.URL == "" {
		return
	}
	if c.URL != "" {
		s.linked = true
		// Who reads with the keyboard has the lists below the picture: a
		// stop at each of hundreds of cells would be in the way.
		fmt.Fprintf(&s.b, `<a href="%s" tabindex="-1">`, escaped(c.URL))
	}
	fmt.Fprintf(&s.b, `<rect x="%s" y="%s" width="%s" height="%s" fill="#000" fill-opacity="0">`, num(x), num(y), num(wide), num(tall))
	if c.Title != "" {
		fmt.Fprintf(&s.b, `<title>%s</title>`, escaped(c.Title))
	}
	s.b.WriteString("</rect>")
	if c.URL != "" {
		s.b.WriteString("</a>")
	}
	s.b.WriteByte('\n')
}

// Pings draws pings over a stretch of time, each a mark at its moment: a low
// one for an answer, a middle one for a late answer, and for loss one that is
// as high and as dark as the share of pings that were lost, where several fall
// on the same pixels. minutes tell of pings that were not kept one by one.
// from and to are the edges of the strip.
func Pings(id, title string, p *report.Pings, minutes []report.Bucket, from, to time.Time, wide, tall float64) []byte {
	s := sheet{wide: wide, tall: tall}
	const thick, least = 2.0, 7.0
	ticks := ticksOfPings(p, minutes, from, to, int(wide/thick))
	var b brush
	b.add(fill(inkNone), box(0, tall-1, wide, 1))
	for k, t := range ticks {
		x := float64(k) * thick
		switch {
		case t.lost > 0:
			share := float64(t.lost) / float64(t.sent)
			h := least + (tall-least)*share
			b.add(fill(colourOf(100*share)), box(x, tall-h, thick, h))
		case t.late > 0:
			b.add(fill(inkLate), box(x, tall-tall/2, thick, tall/2))
		case t.sent > 0:
			b.add(fill(inkAnswer), box(x, tall-4, thick, 3))
		case t.unknown > 0:
			b.add(fill(inkMute), box(x, tall-4, thick, 4))
		}
	}
	b.draw(&s)
	return s.finish(id, title, "")
}

// pingTick is the pings that fall on the same pixels.
type pingTick struct{ sent, lost, late, unknown int }

func ticksOfPings(p *report.Pings, minutes []report.Bucket, from, to time.Time, n int) []pingTick {
	ticks := make([]pingTick, max(1, n))
	length := to.Sub(from)
	if length <= 0 {
		return ticks
	}
	// each calls fn for every tick from a moment on, which may be one.
	each := func(at time.Time, long time.Duration, fn func(*pingTick)) {
		since := at.Sub(from)
		if since+long < 0 || since >= length {
			return
		}
		place := func(d time.Duration) int {
			return int(min(1, max(0, float64(d)/float64(length))) * float64(len(ticks)))
		}
		for k := place(since); k <= min(len(ticks)-1, place(since+long)); k++ {
			fn(&ticks[k])
		}
	}
	if p != nil {
		for i := range min(len(p.Answer), len(p.TxMS)) {
			answer := p.Answer[i]
			each(p.From.Add(time.Duration(p.TxMS[i])*time.Millisecond), 0, func(t *pingTick) { t.add(answer) })
		}
	}
	for _, b := range minutes {
		each(b.At, time.Minute-time.Millisecond, func(t *pingTick) {
			if b.Sent == 0 {
				t.unknown++
			}
			t.sent, t.lost = t.sent+b.Sent, t.lost+b.Lost
		})
	}
	return ticks
}

func (t *pingTick) add(answer byte) {
	switch answer {
	case report.AnswerLost, report.AnswerUnreachable, report.AnswerNoRoute:
		t.lost++
	case report.AnswerLate:
		t.late++
	case report.AnswerReply:
	default:
		t.unknown++
		return
	}
	t.sent++
}
