package report

import (
	"fmt"
	"slices"
	"time"
)

// marks are when it began, was noticed, opened and recovered, and the
// episodes.
func (p *picture) marks() {
	t := &p.inc.Times
	since := func(at time.Time) string {
		if took := at.Sub(t.Began); took >= 100*time.Second {
			return " +" + lasting(took)
		}
		return fmt.Sprintf(" %+.2f s", at.Sub(t.Began).Seconds())
	}
	flags := []moment{{t.Began, p.say("began")}, {t.Noticed, p.say("noticed") + since(t.Noticed)}}
	for _, f := range []struct {
		at   *time.Time
		what string
	}{{t.Probed, "first probe"}, {&t.Opened, "opened"}, {t.LastLoss, "last loss"}, {t.Recovered, "recovered"}} {
		if f.at != nil {
			flags = append(flags, moment{*f.at, p.say(f.what) + since(*f.at)})
		}
	}
	slices.SortStableFunc(flags, func(a, b moment) int { return a.at.Compare(b.at) })
	p.flags(flags)
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
			escaped4XML(p.say("episode %d, %s to %s", i+1, p.clock(e.From), p.clock(to))))
		p.shades = append(p.shades, [2]float64{a, b})
	}
	p.y += 9
}

// axis draws the times below everything, and their lines behind it.
func (p *canvas) axis() {
	step := stepFor(p.to.Sub(p.from), int((p.right-p.left)/70))
	day := ""
	_, offset := p.from.In(p.zone).Zone()
	shift := time.Duration(offset) * time.Second
	// Ticks stand at round times of the day there.
	for t := p.from.Add(shift).Truncate(step).Add(-shift); !t.After(p.to); t = t.Add(step) {
		if t.Before(p.from) {
			continue
		}
		x := p.x(t)
		p.grid = append(p.grid, x)
		fmt.Fprintf(&p.b, `<path d="M%s %sv4" stroke="%s"/>`, num(x), num(p.y), inkSoft)
		local := t.In(p.zone)
		p.text(min(max(x, p.margin+22), p.right-22), p.y+15, 10, inkDark, "middle", local.Format(time.TimeOnly))
		if d := local.Format(time.DateOnly); d != day && p.to.Sub(p.from) > 12*time.Hour {
			day = d
			p.text(min(max(x, p.margin+26), p.right-26), p.y+27, 10, inkSoft, "middle", d)
		}
	}
	fmt.Fprintf(&p.b, `<path d="M%s %sH%s" stroke="%s" fill="none"/>`, num(p.left), num(p.y), num(p.right), inkSoft)
	p.bottom = p.y
	p.y += 22
	if p.to.Sub(p.from) > 12*time.Hour {
		p.y += 12
	}
}

// legend says what the colours are.
func (p *canvas) legend(episodes bool) {
	p.y += 8
	x := p.margin
	item := func(draw func(x, y float64), label string) {
		label = p.say(label)
		wide := 30 + wideOf(label)
		if x+wide > p.edge {
			x = p.margin
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
	if episodes {
		item(box(inkShade), "episode")
	}
	item(box(inkNone), "not asked")
	item(box(inkMute), "hop that never answers, or ping not known")
	item(func(x, y float64) {
		box(inkClean)(x, y)
		fmt.Fprintf(&p.b, `<rect x="%s" y="%s" width="12" height="3" fill="%s"/>`, num(x), num(y+7), ramp[2])
	}, "~ limits its own answers: harmless")
	p.y += 20
}
