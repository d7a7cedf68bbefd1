package chart

import "time"

// Year draws cells of a day each as a strip of bars under the months: by
// height and colour what the worst measurement of the day lost. A line at
// the ground says that nothing was; nothing at all, that nobody measured. A
// narrow strip has two lines of half the days each.
func Year(id, title, desc string, days []Cell, zone *time.Location, wide float64) []byte {
	const tall, line = 40.0, 62.0
	parts := [][]Cell{days}
	if wide < 500 && len(days) > 1 {
		parts = [][]Cell{days[:len(days)/2], days[len(days)/2:]}
	}
	s := sheet{wide: wide, tall: line * float64(len(parts))}
	for k, part := range parts {
		if len(part) == 0 {
			continue
		}
		y := line * float64(k)
		last := &part[len(part)-1]
		h := History{From: part[0].Start, To: last.Start.Add(last.Length), Zone: zone}
		p := plot{h: &h, left: 0, right: wide}
		var b brush
		b.add(fill(inkNone), box(0, y, wide, tall))
		for i := range part {
			c := &part[i]
			x, w, _ := p.place(c)
			switch {
			case c.Blank():
			case c.Worst == nil:
				b.add(fill(inkMute), box(x, y+tall-8, w, 8))
			case *c.Worst > 0:
				h := 8 + (tall-8)*min(1, *c.Worst/100)
				b.add(fill(colourOf(*c.Worst)), box(x, y+tall-h, w, h))
			default:
				b.add(fill(inkInner), box(x, y+tall-4, w, 4))
			}
		}
		for _, t := range ticksOf(h.From, h.To, zone, int(wide/62)) {
			x := p.x(t.at)
			b.add(stroke(inkSoft, 1), "M"+num(x)+" "+num(y+tall)+"v4")
			half := TextWidth(t.label, 11) / 2
			s.text(min(max(x, half), wide-half), y+tall+16, 11, inkSoft, "middle", t.label)
		}
		b.draw(&s)
		for i := range part {
			if part[i].Worst != nil && *part[i].Worst > 0 {
				x, w, _ := p.place(&part[i])
				s.point(&part[i], x, y, w, tall)
			}
		}
	}
	return s.finish(id, title, desc)
}
