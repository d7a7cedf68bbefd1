package report

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A canvas is what pictures over time have in common: an axis from one
// moment to another, and rows above it, drawn from top to bottom; y is
// how far it has come. What lies behind everything is drawn last and put
// first.
type canvas struct {
	SVGOptions
	from, to time.Time
	zone     *time.Location
	wide     float64 // of the picture
	left     float64 // of the plot; labels stand before it, or where it is narrow above each row
	right    float64 // of the plot
	edge     float64 // of what is written
	margin   float64
	y        float64
	b        strings.Builder

	bottom float64   // of the plot
	grid   []float64 // x of the axis' times
	later  []upright
	gap    [2]float64 // y of the words between the rows and the hops, which nothing must cross
}

// Measures of a narrow picture, px.
const (
	narrowWide  = 360
	narrowLeft  = 6
	narrowRight = 354
	aboveTall   = 13 // of a line of words above a row
	narrowTall  = 9  // of a hop
)

// newCanvas is a canvas whose plot ends at right, where there is room.
func newCanvas(opts SVGOptions, zone *time.Location, right float64) canvas {
	if opts.Narrow {
		return canvas{SVGOptions: opts, zone: zone, wide: narrowWide, left: narrowLeft, right: narrowRight, edge: narrowRight, margin: narrowLeft}
	}
	return canvas{SVGOptions: opts, zone: zone, wide: picWidth, left: picLeft, right: right, edge: picRight, margin: 14}
}

// beside writes what a row is: its name and lines that are less important,
// before it, or above it where the picture is narrow.
func (p *canvas) beside(name string, lines ...string) {
	size := 11
	if utf8.RuneCountInString(name) > 22 {
		size = 9
	}
	if !p.Narrow {
		y := p.y + 12
		if name != "" {
			p.text(p.left-8, y, size, inkDark, "end", middle(name, 28))
			y += 13
		}
		for _, l := range lines {
			p.text(p.left-8, y, 10, inkSoft, "end", l)
			y += 13
		}
		return
	}
	if name != "" {
		p.text(p.left, p.y+10, size, inkDark, "start", middle(name, 36))
		if len(lines) > 0 {
			p.text(p.right, p.y+10, 10, inkSoft, "end", lines[0])
			lines = lines[1:]
		}
		p.y += aboveTall
	}
	if len(lines) > 0 {
		p.text(p.left, p.y+10, 10, inkSoft, "start", strings.Join(lines, ", "))
		p.y += aboveTall
	}
	p.y += 2
}

// more says what was left out.
func (p *canvas) more(s string) {
	if p.Narrow {
		p.text(p.left, p.y+10, 10, inkSoft, "start", s)
	} else {
		p.text(p.left-8, p.y+10, 10, inkSoft, "end", s)
	}
	p.y += 15
}

// An upright is a mark from its label down to the axis.
type upright struct{ x, y float64 }

// x is where a moment stands; what is outside stands at the edge.
func (p *canvas) x(t time.Time) float64 {
	part := float64(t.Sub(p.from)) / float64(p.to.Sub(p.from))
	return p.left + (p.right-p.left)*min(1, max(0, part))
}

func (p *canvas) inside(t time.Time) bool { return !t.Before(p.from) && !t.After(p.to) }

// date is the head of a picture that stands among other words.
func (p *canvas) date(t time.Time) {
	p.y = 12
	p.dated(t)
}

// dated says of which day and zone the times are.
func (p *canvas) dated(t time.Time) {
	p.text(p.edge, p.y, 11, inkSoft, "end", p.say("%s, times at %s", t.Format(time.DateOnly), t.Format("-07:00")))
}

// sentence writes a verdict in at most four lines.
func (p *canvas) sentence(s string) {
	const most = 4
	lines := strings.Split(strings.TrimSpace(string(wrap([]byte(s), 0, 138))), "\n")
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
}

// finish puts a picture together: title and words are for who cannot see
// it, behind is drawn below all else. id tells it from other pictures of
// the same page.
func (p *canvas) finish(id, title, words string, top float64, behind string) []byte {
	if p.Narrow {
		id += "-n" // a page may hold both
	}
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %s %s" role="img" aria-labelledby="t-%s d-%s" font-family="system-ui, Helvetica, Arial, sans-serif">`+"\n",
		num(p.wide), num(p.y), num(p.wide), num(p.y), id, id)
	fmt.Fprintf(&out, `<title id="t-%s">%s</title>`+"\n", id, escaped4XML(title))
	fmt.Fprintf(&out, `<desc id="d-%s">%s</desc>`+"\n", id, escaped4XML(words))
	fmt.Fprintf(&out, `<rect width="%s" height="%s" fill="%s"/>`+"\n", num(p.wide), num(p.y), inkPaper)
	out.WriteString(behind)
	if len(p.grid) > 0 {
		var d strings.Builder
		for _, x := range p.grid {
			d.WriteString(p.down(x, top))
		}
		fmt.Fprintf(&out, `<path d="%s" stroke="%s" stroke-width="0.6" fill="none"/>`+"\n", d.String(), inkGrid)
	}
	var posts strings.Builder
	ink := inkDark
	if p.Narrow {
		ink = inkMute
	}
	for _, u := range p.later {
		fmt.Fprintf(&posts, `<path d="%s" stroke="%s" stroke-width="0.8" stroke-dasharray="3 2" fill="none"/>`+"\n", p.down(u.x, u.y), ink)
	}
	if p.Narrow { // words stand between the rows: the lines run behind them
		out.WriteString(posts.String() + p.b.String())
	} else {
		out.WriteString(p.b.String() + posts.String())
	}
	out.WriteString("</svg>\n")
	return []byte(out.String())
}

// down is a line from y to the axis, but not through the words between.
func (p *canvas) down(x, y float64) string {
	return fmt.Sprintf("M%s %sV%sM%s %sV%s", num(x), num(y), num(p.gap[0]), num(x), num(p.gap[1]), num(p.bottom))
}
