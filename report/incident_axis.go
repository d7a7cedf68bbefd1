package report

import (
	"fmt"
	"time"
)

// marks are the episodes, and when it was noticed, opened and recovered:
// a lane each for labels that would lie on each other.
func (p *picture) marks() {
	t := &p.inc.Times
	type flag struct {
		at   time.Time
		what string
	}
	flags := []flag{{t.Noticed, "noticed"}, {t.Opened, "opened"}}
	if t.Recovered != nil {
		flags = append(flags, flag{*t.Recovered, "recovered"})
	}
	const wide = 5.9 // of a character, about
	ends := []float64{}
	base := p.y
	for _, f := range flags {
		if !p.inside(f.at) {
			continue
		}
		label := fmt.Sprintf("%s %+.2f s", f.what, f.at.Sub(t.Began).Seconds())
		if took := f.at.Sub(t.Began); took >= 100*time.Second {
			label = f.what + " +" + lasting(took)
		}
		x, anchor := p.x(f.at), "start"
		from, to := x, x+float64(len(label))*wide+8
		if to > picRight {
			from, to, anchor = x-float64(len(label))*wide-8, x, "end"
		}
		lane := 0
		for lane < len(ends) && ends[lane] > from {
			lane++
		}
		if lane == len(ends) {
			ends = append(ends, 0)
		}
		ends[lane] = max(ends[lane], to)
		y := base + 12*float64(lane+1)
		at := x + 3
		if anchor == "end" {
			at = x - 3
		}
		p.text(at, y, 10, inkDark, anchor, label)
		p.later = append(p.later, upright{x, y - 8})
	}
	p.y = base + 12*float64(max(1, len(ends))) + 5
	for i, e := range p.inc.Episodes {
		to := p.inc.upTo()
		if e.To != nil {
			to = *e.To
		}
		if i == maxEpisodes {
			break
		}
		if to.Before(p.from) || e.From.After(p.to) {
			continue
		}
		a, b := p.x(e.From), p.x(to)
		fmt.Fprintf(&p.b, `<rect x="%s" y="%s" width="%s" height="4" fill="%s"><title>%s</title></rect>`, num(a), num(p.y), num(max(1, b-a)), inkBar,
			escaped4XML(fmt.Sprintf("episode %d, %s to %s", i+1, p.clock(e.From), p.clock(to))))
		p.shades = append(p.shades, [2]float64{a, b})
	}
	p.y += 9
}

// axis draws the times below everything, and their lines behind it.
func (p *picture) axis() {
	zone := p.inc.Times.Began.Location()
	step := tickStep(p.to.Sub(p.from))
	day := ""
	_, offset := p.inc.Times.Began.Zone()
	shift := time.Duration(offset) * time.Second
	// Ticks stand at round times of the day there.
	for t := p.from.Add(shift).Truncate(step).Add(-shift); !t.After(p.to); t = t.Add(step) {
		if t.Before(p.from) {
			continue
		}
		x := p.x(t)
		p.grid = append(p.grid, x)
		fmt.Fprintf(&p.b, `<path d="M%s %sv4" stroke="%s"/>`, num(x), num(p.y), inkSoft)
		local := t.In(zone)
		p.text(min(x, picRight-22), p.y+15, 10, inkDark, "middle", local.Format(time.TimeOnly))
		if d := local.Format(time.DateOnly); d != day && p.to.Sub(p.from) > 12*time.Hour {
			day = d
			p.text(min(x, picRight-26), p.y+27, 10, inkSoft, "middle", d)
		}
	}
	fmt.Fprintf(&p.b, `<path d="M%d %sH%d" stroke="%s" fill="none"/>`, picLeft, num(p.y), picRight, inkSoft)
	p.bottom = p.y
	p.y += 22
	if p.to.Sub(p.from) > 12*time.Hour {
		p.y += 12
	}
}

// legend says what the colours are.
func (p *picture) legend() {
	p.y += 8
	x := 14.0
	item := func(draw func(x, y float64), label string) {
		wide := 30 + float64(len(label))*5.9
		if x+wide > picRight {
			x = 14
			p.y += 18
		}
		draw(x, p.y)
		p.text(x+17, p.y+9, 10, inkDark, "start", label)
		x += wide
	}
	box := func(fill string) func(x, y float64) {
		return func(x, y float64) {
			fmt.Fprintf(&p.b, `<rect x="%s" y="%s" width="12" height="10" fill="%s" stroke="%s" stroke-width="0.5"/>`, num(x), num(y), fill, inkSoft)
		}
	}
	item(func(x, y float64) {
		fmt.Fprintf(&p.b, `<rect x="%s" y="%s" width="4" height="4" fill="%s"/>`, num(x+4), num(y+3), inkAnswer)
	}, "answer")
	item(func(x, y float64) {
		fmt.Fprintf(&p.b, `<path d="%s" fill="%s"/>`, diamond(x+6, y+5), inkLate)
	}, "late answer")
	item(box(inkClean), "none lost")
	for i, c := range ramp {
		item(box(c), rampWords[i])
	}
	item(box(inkShade), "episode")
	item(box(inkNone), "not asked")
	item(box(inkMute), "hop that never answers, or ping not known")
	item(func(x, y float64) {
		box(inkClean)(x, y)
		fmt.Fprintf(&p.b, `<rect x="%s" y="%s" width="12" height="3" fill="%s"/>`, num(x), num(y+7), ramp[2])
	}, "~ limits its own answers: harmless")
	p.y += 20
}
