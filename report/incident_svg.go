package report

import (
	"fmt"
	"strings"
	"time"
)

// The picture's measures, px. All of it is drawn with presentation
// attributes: a strict Content-Security-Policy blocks style attributes
// and elements.
const (
	picWidth  = 900
	picLeft   = 176 // of the plot; labels stand before it
	picRight  = 886
	picRows   = 8 // members
	picHops   = 40
	firstTall = 96 // of the first member's row; the others'
	otherTall = 34
	hopTall   = 15
	rowGap    = 5
)

// Colours. The ramp of loss goes from light to dark, so that it reads
// without colour, too (ColorBrewer's OrRd, safe for colour-blind eyes);
// answers are blue. What nobody knows is grey.
const (
	inkDark   = "#1a1a1a"
	inkSoft   = "#5a5a5a"
	inkGrid   = "#d4d4d4"
	inkAnswer = "#0b5fa5"
	inkSpread = "#8fbbdd"
	inkLate   = "#8a5a00"
	inkClean  = "#d6e6f2"
	inkNone   = "#f1f1f1" // not asked
	inkMute   = "#c9c9c9" // asked, and never answers
	inkShade  = "#fff0d2" // an episode
	inkBar    = "#c98500"
)

// IncidentSVG draws an incident as one self-contained picture, 900 px
// wide: on one time axis the pings of up to eight members (a dot an answer,
// a mark of full height for loss), and below them the hops on the way to
// the first member as its reports saw them, a cell a stretch of time, as
// dark as packets were lost in it. What is too dense for the width is
// drawn as least, median and greatest; loss is never averaged away. It
// holds at most 200 kB whatever the incident is. reports are those of its
// members as far as they are at hand.
func IncidentSVG(inc *Incident, reports []*Report) []byte {
	p := picture{incidentView: lookAt(inc, reports)}
	p.window()
	p.head()
	p.marks()
	top := p.y
	members := inc.Members[:min(len(inc.Members), picRows)]
	for i := range members {
		p.row(&members[i], i == 0)
	}
	if n := p.targets() - len(members); n > 0 {
		p.text(picLeft-8, p.y+9, 10, inkSoft, "end", "and "+plural(n, "more target"))
		p.y += 16
	}
	if len(members) > 0 {
		p.heat(&members[0])
	}
	p.axis()
	p.legend()
	return p.finish(top)
}

// A picture is drawn from top to bottom; y is how far it has come. What
// lies behind everything is drawn last and put first.
type picture struct {
	*incidentView
	from, to time.Time
	y        float64
	b        strings.Builder

	bottom float64      // of the plot
	shades [][2]float64 // x of each episode's beginning and end
	grid   []float64    // x of the axis' times
	later  []upright
	gap    [2]float64 // y of the words between the rows and the hops, which nothing must cross
}

// An upright is a mark from its label down to the axis.
type upright struct{ x, y float64 }

// window is the stretch of time that is drawn: the incident and about as
// much around it as there is to see.
func (p *picture) window() {
	inc := p.inc
	began := inc.Times.Began
	end, over := inc.until()
	if end.Before(began) {
		end = began
	}
	pad := min(max(end.Sub(began)/10*6, 15*time.Second), 10*time.Minute)
	p.from, p.to = began.Add(-pad), end
	if over {
		p.to = end.Add(pad)
	}
	first, last := began, end
	note := func(t time.Time) {
		if t.Before(first) {
			first = t
		}
		if t.After(last) {
			last = t
		}
	}
	for i := range inc.Members[:min(len(inc.Members), picRows)] {
		if s := &inc.Members[i].Pings; len(s.Answer) > 0 {
			note(s.at(0))
			note(s.at(len(s.Answer) - 1).Add(500 * time.Millisecond))
		}
	}
	if p.from.Before(first) {
		p.from = first
	}
	if p.to.After(last) {
		p.to = last
	}
	const shortest, longest = 5 * time.Second, maxIncidentMS * time.Millisecond
	p.to = p.from.Add(min(max(p.to.Sub(p.from), shortest), longest))
}

// x is where a moment stands; what is outside stands at the edge.
func (p *picture) x(t time.Time) float64 {
	part := float64(t.Sub(p.from)) / float64(p.to.Sub(p.from))
	return picLeft + (picRight-picLeft)*min(1, max(0, part))
}

func (p *picture) inside(t time.Time) bool { return !t.Before(p.from) && !t.After(p.to) }

// head is what the picture shows, in words.
func (p *picture) head() {
	d := p.judge()
	p.y = 22
	title := fmt.Sprintf("%s: %s", d.Class, p.name())
	p.b.WriteString(`<g font-weight="bold">`)
	p.text(14, p.y, 15, inkDark, "start", short(title, 100))
	p.b.WriteString(`</g>`)
	p.y += 6
	const most = 4
	lines := strings.Split(strings.TrimSpace(string(wrap([]byte(d.Sentence), 0, 138))), "\n")
	for i, l := range lines {
		l = strings.TrimSpace(l)
		if i == most-1 && len(lines) > most {
			l = short(l, 130) + " …"
		}
		if i == most {
			break
		}
		p.y += 14
		p.text(14, p.y, 11, inkDark, "start", short(l, 145))
	}
	p.y += 18
	began := p.inc.Times.Began
	p.text(14, p.y, 11, inkSoft, "start", fmt.Sprintf("Incident %s, %s, seen from %s. Grade: %s.", p.inc.ID, p.inc.State, short(Printable(p.inc.Node.Name), 60), d.Grade))
	p.text(picRight, p.y, 11, inkSoft, "end", began.Format("2006-01-02, times at -07:00"))
	p.y += 10
}

// finish puts the picture together.
func (p *picture) finish(top float64) []byte {
	d := p.judge()
	id := p.inc.ID.String()
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%s" viewBox="0 0 %d %s" role="img" aria-labelledby="t-%s d-%s" font-family="system-ui, Helvetica, Arial, sans-serif">`+"\n",
		picWidth, num(p.y), picWidth, num(p.y), id, id)
	fmt.Fprintf(&out, `<title id="t-%s">%s</title>`+"\n", id, escaped4XML(fmt.Sprintf("Incident at %s: %s", p.name(), d.Class)))
	fmt.Fprintf(&out, `<desc id="d-%s">%s</desc>`+"\n", id, escaped4XML(p.words(d)))
	fmt.Fprintf(&out, `<rect width="%d" height="%s" fill="#ffffff"/>`+"\n", picWidth, num(p.y))
	for _, s := range p.shades {
		wide := max(1, s[1]-s[0])
		fmt.Fprintf(&out, `<path fill="%s" d="%s"/>`+"\n", inkShade, box(s[0], top-5, wide, p.gap[0]-top+5)+box(s[0], p.gap[1], wide, p.bottom-p.gap[1]))
	}
	if len(p.grid) > 0 {
		var d strings.Builder
		for _, x := range p.grid {
			d.WriteString(p.down(x, top))
		}
		fmt.Fprintf(&out, `<path d="%s" stroke="%s" stroke-width="0.6" fill="none"/>`+"\n", d.String(), inkGrid)
	}
	out.WriteString(p.b.String())
	for _, u := range p.later {
		fmt.Fprintf(&out, `<path d="%s" stroke="%s" stroke-width="0.8" stroke-dasharray="3 2" fill="none"/>`+"\n", p.down(u.x, u.y), inkDark)
	}
	out.WriteString("</svg>\n")
	return []byte(out.String())
}

// down is a line from y to the axis, but not through the words between.
func (p *picture) down(x, y float64) string {
	return fmt.Sprintf("M%s %sV%sM%s %sV%s", num(x), num(y), num(p.gap[0]), num(x), num(p.gap[1]), num(p.bottom))
}

// words are the picture for who cannot see it.
func (p *picture) words(d Verdict) string {
	s := fmt.Sprintf("Pings over time from %s to %s: %s", p.clock(p.from), p.clock(p.to), short(d.Sentence, maxSaid))
	for i := range p.inc.Members[:min(len(p.inc.Members), picRows)] {
		m := &p.inc.Members[i]
		s += fmt.Sprintf(" %s: lost %s.", m.name(), ofN(m.Lost, m.Sent, "ping"))
	}
	return s
}
