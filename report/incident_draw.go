package report

import (
	"encoding/xml"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxEpisodes is how many episodes are drawn.
const maxEpisodes = 100

// ramp is how dark loss is drawn, by share: all above the last bound is
// all there was.
var (
	ramp      = [...]string{"#fdd0a2", "#fc8d59", "#e34a33", "#b30000", "#5e0000"}
	rampWords = [...]string{"to 10 % lost", "to 30 %", "to 60 %", "over 60 %", "all"}
)

// rampOf is the colour of a loss, which is more than none.
func rampOf(lost, sent int) string {
	switch share := float64(lost) / float64(sent); {
	case lost >= sent:
		return ramp[4]
	case share > 0.6:
		return ramp[3]
	case share > 0.3:
		return ramp[2]
	case share > 0.1:
		return ramp[1]
	}
	return ramp[0]
}

// num is a coordinate: a tenth of a pixel is enough, and every byte
// counts.
func num(x float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(x, 'f', 1, 64), ".0")
}

func (p *canvas) text(x, y float64, size int, fill, anchor, s string) {
	fmt.Fprintf(&p.b, `<text x="%s" y="%s" font-size="%d" fill="%s"`, num(x), num(y), size, fill)
	if anchor != "start" {
		fmt.Fprintf(&p.b, ` text-anchor="%s"`, anchor)
	}
	fmt.Fprintf(&p.b, ">%s</text>\n", escaped4XML(s))
}

// escaped4XML is text as XML has it; what XML cannot have at all becomes
// U+FFFD.
func escaped4XML(s string) string {
	var b strings.Builder
	// A strings.Builder takes whatever it is given.
	_ = xml.EscapeText(&b, []byte(Printable(s)))
	return b.String()
}

// box is a rectangle as part of a path.
func box(x, y, wide, tall float64) string {
	return "M" + num(x) + " " + num(y) + "h" + num(wide) + "v" + num(tall) + "h" + num(-wide) + "z"
}

func diamond(x, y float64) string {
	return "M" + num(x) + " " + num(y-3) + "l3 3l-3 3l-3-3z"
}

// line is a level stroke as part of a path: of a stroke's width it is a
// box, in half the bytes.
func line(x, y, wide float64) string { return "M" + num(x) + " " + num(y) + "h" + num(wide) }

// filled and stroked are how a path is painted.
func filled(colour string) string { return `fill="` + colour + `"` }
func stroked(colour string, width float64) string {
	return `fill="none" stroke="` + colour + `" stroke-width="` + num(width) + `"`
}

// A brush collects shapes by how they are painted, so that each way is one
// path.
type brush struct {
	order []string
	paths map[string]*strings.Builder
}

func (b *brush) add(paint, shape string) {
	if b.paths == nil {
		b.paths = make(map[string]*strings.Builder)
	}
	path := b.paths[paint]
	if path == nil {
		path = &strings.Builder{}
		b.paths[paint] = path
		b.order = append(b.order, paint)
	}
	path.WriteString(shape)
}

func (b *brush) draw(out *strings.Builder) {
	for _, paint := range b.order {
		fmt.Fprintf(out, `<path %s d="%s"/>`+"\n", paint, b.paths[paint].String())
	}
}

// steps are lengths of time that people count in, seconds.
var steps = [...]time.Duration{1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600,
	2 * 86400, 7 * 86400, 14 * 86400, 28 * 86400, 91 * 86400, 182 * 86400, 364 * 86400}

// stepFor is the shortest of the steps of which at most so many make up a
// length.
func stepFor(length time.Duration, most int) time.Duration {
	for _, s := range steps {
		if length <= s*time.Second*time.Duration(most) {
			return s * time.Second
		}
	}
	return steps[len(steps)-1] * time.Second
}

// niceUp is the next round number at or above x, at least 1.
func niceUp(x float64) float64 {
	for scale := 1.0; scale < 1e12; scale *= 10 {
		for _, m := range []float64{1, 1.5, 2, 3, 4, 5, 6, 8} {
			if m*scale >= x {
				return m * scale
			}
		}
	}
	return math.Ceil(x)
}
