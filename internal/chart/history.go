package chart

import (
	"fmt"
	"slices"
	"time"
)

// A History is what is known of a target over a stretch of time.
type History struct {
	ID       string // tells the parts of this picture from those of others on the page
	From, To time.Time
	Zone     *time.Location
	Cells    []Cell // in order of time
	Spans    []Span // incidents
	Marks    []Mark // suspects
	Wide     float64
	Words    Words
}

// A Span is an incident: from its beginning to its recovery.
type Span struct {
	From, To time.Time
	Title    string
	URL      string
}

// A Mark is a moment at which a ping was missed and no incident came of it.
type Mark struct {
	At    time.Time
	Title string
}

// Words are what stands in the picture, in the language of the page.
type Words struct {
	Title   string // for who cannot see it
	Desc    string
	RTT     string // "RTT, ms"
	Loss    string // "worst loss, %"
	Empty   string // "nothing was measured in this time"
	Beyond  string // "up to %s ms", of what is above the scale
	Zone    string // "times at +08:00"
	Suspect string // "missed pings"
}

// The measures of a history, px.
const (
	histTop   = 14
	histRTT   = 150 // height of the band of round-trip times
	histLoss  = 56  // of the loss below it
	histGap   = 16
	histLeast = 5 // height of the least loss
	least     = 2 // width of a cell
)

// Draw draws a history: above, the band of round-trip times, from the least
// to the greatest, darker in its middle half, with the median in the colour
// of the loss; below, the worst loss of each cell, by colour and by height;
// incidents as a ground behind both, and under the same axis where a ping was
// missed without one.
func (h *History) Draw() []byte {
	p := plot{sheet: sheet{wide: h.Wide}, h: h, left: 46, right: h.Wide - 10}
	if h.Wide < 500 {
		p.left = 36
	}
	p.rtt, p.loss = histTop, histTop+histRTT+histGap
	p.bottom = p.loss + histLoss
	p.tall = p.bottom + 34
	if len(h.Marks) > 0 {
		p.tall += 12
	}
	p.spans()
	p.grid()
	p.bands()
	p.losses()
	p.marks()
	p.labels()
	for i := range h.Cells {
		c := &h.Cells[i]
		if x, wide, ok := p.place(c); ok && !c.Blank() {
			p.point(c, x, p.rtt, wide, p.bottom-p.rtt)
		}
	}
	p.spanLinks()
	return p.finish(h.ID, h.Words.Title, h.Words.Desc)
}

type plot struct {
	sheet
	h                 *History
	left, right       float64
	rtt, loss, bottom float64 // tops of the two panels, and where the axis is
	top               float64 // ms at the top of the scale
	max               float64 // ms, the greatest time of all
}

func (p *plot) x(t time.Time) float64 {
	part := float64(t.Sub(p.h.From)) / float64(p.h.To.Sub(p.h.From))
	return p.left + (p.right-p.left)*min(1, max(0, part))
}

// place is where a cell stands; ok is false outside the picture.
func (p *plot) place(c *Cell) (x, wide float64, ok bool) {
	end := c.Start.Add(c.Length)
	if !end.After(p.h.From) || !c.Start.Before(p.h.To) {
		return 0, 0, false
	}
	x = p.x(c.Start)
	wide = p.x(end) - x
	switch {
	case wide > 3:
		wide -= 0.6 // a hairline tells neighbours apart
	case wide < least:
		// One alone must be seen; of neighbours the later lies on top.
		x, wide = min(x, p.right-least), least
	}
	return x, wide, true
}

func (p *plot) y(d time.Duration) float64 {
	return p.rtt + histRTT - histRTT*min(1, max(0, ms(d)/p.top))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// scale finds the top of the scale: a straggler does not press all others
// to the ground.
func (p *plot) scale() {
	var all []float64
	for i := range p.h.Cells {
		if m := p.h.Cells[i].Max; m != nil {
			all = append(all, ms(*m))
		} else if m := p.h.Cells[i].Median; m != nil {
			all = append(all, ms(*m))
		}
	}
	p.top = 1
	if n := len(all); n > 0 {
		slices.Sort(all)
		p.max = all[n-1]
		p.top = niceUp(min(1.15*p.max, 1.6*all[min(n-1, n*95/100)]))
	}
}

func (p *plot) spans() {
	var ground, bars brush
	for _, s := range p.h.Spans {
		if !s.To.After(p.h.From) || !s.From.Before(p.h.To) {
			continue
		}
		x := p.x(s.From)
		wide := max(2, p.x(s.To)-x)
		ground.add(fill(inkShade), box(x, p.rtt, wide, p.bottom-p.rtt))
		bars.add(fill(inkBar), box(x, p.rtt-6, wide, 4))
	}
	ground.draw(&p.sheet)
	bars.draw(&p.sheet)
}

// spanLinks lie above everything, so that an incident can be hit.
func (p *plot) spanLinks() {
	for _, s := range p.h.Spans {
		if !s.To.After(p.h.From) || !s.From.Before(p.h.To) {
			continue
		}
		x := p.x(s.From)
		wide := max(8, p.x(s.To)-x)
		p.point(&Cell{URL: s.URL, Title: s.Title}, x-2, p.rtt-10, wide, 14)
	}
}

func (p *plot) grid() {
	p.scale()
	var b brush
	for _, part := range []float64{0, 0.5, 1} {
		y := p.rtt + histRTT*part
		b.add(stroke(inkGrid, 0.6), "M"+num(p.left)+" "+num(y)+"H"+num(p.right))
	}
	b.add(stroke(inkGrid, 0.6), "M"+num(p.left)+" "+num(p.loss)+"H"+num(p.right)+"M"+num(p.left)+" "+num(p.loss+histLoss/2)+"H"+num(p.right))
	most := int((p.right - p.left) / 62)
	for _, t := range ticksOf(p.h.From, p.h.To, p.h.Zone, most) {
		x := p.x(t.at)
		colour := inkGrid
		if t.major {
			colour = inkMute
		}
		b.add(stroke(colour, 0.6), "M"+num(x)+" "+num(p.rtt)+"V"+num(p.bottom))
		b.add(stroke(inkSoft, 1), "M"+num(x)+" "+num(p.bottom)+"v4")
		half := TextWidth(t.label, 11) / 2
		ink := inkSoft
		if t.major {
			ink = inkDark
		}
		p.text(min(max(x, half), p.wide-half), p.bottom+17, 11, ink, "middle", t.label)
	}
	b.add(stroke(inkSoft, 1), "M"+num(p.left)+" "+num(p.bottom)+"H"+num(p.right))
	b.draw(&p.sheet)
}

// bands are the round-trip times: from the least to the greatest, and the
// middle half, and the median.
func (p *plot) bands() {
	var outer, inner, median brush
	for i := range p.h.Cells {
		c := &p.h.Cells[i]
		x, wide, ok := p.place(c)
		if !ok {
			continue
		}
		if c.Min != nil && c.Max != nil {
			low, high := p.y(*c.Min), p.y(*c.Max)
			outer.add(fill(inkBand), box(x, high, wide, max(1, low-high)))
			if *c.Max > time.Duration(p.top*float64(time.Millisecond)) {
				// It goes on above the scale.
				m := x + wide/2
				median.add(fill(inkAnswer), "M"+num(m-3)+" "+num(p.rtt-1)+"h6l-3 -4z")
			}
		}
		if c.Low != nil && c.High != nil {
			inner.add(fill(inkInner), box(x, p.y(*c.High), wide, max(1, p.y(*c.Low)-p.y(*c.High))))
		}
		if c.Median != nil {
			colour := inkAnswer
			if c.Worst != nil && *c.Worst > 0 {
				colour = colourOf(*c.Worst)
			}
			long := max(2.4, wide)
			median.add(stroke(colour, 2.4), "M"+num(x)+" "+num(p.y(*c.Median))+"h"+num(long))
		}
	}
	outer.draw(&p.sheet)
	inner.draw(&p.sheet)
	median.draw(&p.sheet)
}

// losses are the worst loss of each cell. A line at the ground says that it
// was measured, and that nothing was lost; nothing at all, that nobody
// measured.
func (p *plot) losses() {
	var b brush
	for i := range p.h.Cells {
		c := &p.h.Cells[i]
		x, wide, ok := p.place(c)
		switch {
		case !ok || c.Blank():
		case c.Worst == nil:
			b.add(fill(inkMute), box(x, p.bottom-4, wide, 4))
		case *c.Worst > 0:
			tall := lossTall(*c.Worst)
			b.add(fill(colourOf(*c.Worst)), box(x, p.bottom-tall, wide, tall))
		default:
			b.add(fill(inkInner), box(x, p.bottom-2, wide, 2))
		}
	}
	b.draw(&p.sheet)
}

// lossTall is the height of a loss: the least is seen, too.
func lossTall(percent float64) float64 {
	return histLeast + (histLoss-histLeast)*min(1, percent/100)
}

func (p *plot) marks() {
	var b brush
	y := p.bottom + 24
	for _, m := range p.h.Marks {
		if m.At.Before(p.h.From) || !m.At.Before(p.h.To) {
			continue
		}
		b.add(fill(inkLate), "M"+num(p.x(m.At))+" "+num(y)+"l3 6h-6z")
	}
	b.draw(&p.sheet)
	if len(p.h.Marks) > 0 {
		fmt.Fprintf(&p.b, `<path fill="%s" d="M%s %sl3 6h-6z"/>`, inkLate, num(p.left+4), num(p.tall-11))
		p.text(p.left+12, p.tall-4, 10, inkSoft, "", p.h.Words.Suspect)
	}
}

func (p *plot) labels() {
	w := &p.h.Words
	number := func(x float64) string {
		if x == float64(int64(x)) {
			return fmt.Sprintf("%d", int64(x))
		}
		return fmt.Sprintf("%.1f", x)
	}
	known := p.max > 0
	if known {
		p.text(p.left-5, p.rtt+4, 10, inkSoft, "end", number(p.top))
		p.text(p.left-5, p.rtt+histRTT/2+4, 10, inkSoft, "end", number(p.top/2))
		p.text(p.left-5, p.rtt+histRTT+3, 10, inkSoft, "end", "0")
	}
	p.text(p.left+4, p.rtt+12, 10, inkSoft, "", w.RTT)
	p.text(p.left-5, p.loss+5, 10, inkSoft, "end", "100")
	p.text(p.left-5, p.loss+histLoss/2+4, 10, inkSoft, "end", "50")
	p.text(p.left+4, p.loss+12, 10, inkSoft, "", w.Loss)
	if known && p.max > p.top {
		p.text(p.right-2, p.rtt+12, 10, inkSoft, "end", fmt.Sprintf(w.Beyond, number(float64(int64(p.max*10))/10)))
	}
	p.text(p.right, p.tall-4, 10, inkSoft, "end", w.Zone)
	for i := range p.h.Cells {
		if !p.h.Cells[i].Blank() {
			return
		}
	}
	p.text((p.left+p.right)/2, p.rtt+histRTT/2-8, 13, inkSoft, "middle", w.Empty)
}
