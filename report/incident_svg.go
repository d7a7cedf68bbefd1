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
	sideTall  = 16 // of pings through sockets of their own
	hopTall   = 15
	rowGap    = 5
)

// Colours. The ramp of loss goes from light to dark, so that it reads
// without colour, too (ColorBrewer's OrRd, safe for colour-blind eyes);
// answers are blue. What nobody knows is grey.
const (
	inkPaper  = "#ffffff"
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
	return IncidentSVGWith(inc, reports, SVGOptions{})
}

// IncidentSVGWith is IncidentSVG for a page that shows it among words of
// its own.
func IncidentSVGWith(inc *Incident, reports []*Report, opts SVGOptions) []byte {
	p := picture{incidentView: lookAt(inc, reports), canvas: newCanvas(opts, inc.Times.Began.Location(), picRight)}
	p.from, p.to = IncidentWindow(inc)
	p.head()
	p.marks()
	top := p.y
	members := inc.Members[:min(len(inc.Members), picRows)]
	for i := range members {
		p.row(&members[i], i == 0)
	}
	if n := p.targets() - len(members); n > 0 {
		p.more(p.say("and %d more", n))
	}
	if len(members) > 0 {
		p.heat(&members[0])
	}
	p.axis()
	p.legend(true)
	return p.finish(top)
}

// A picture is drawn from top to bottom; y is how far it has come. What
// lies behind everything is drawn last and put first.
type picture struct {
	*incidentView
	canvas
	shades [][2]float64 // x of each episode's beginning and end
}

// IncidentWindow is the stretch of time that a picture of an incident
// shows: the incident and about as much around it as there is to see.
func IncidentWindow(inc *Incident) (from, to time.Time) {
	began := inc.Times.Began
	end, over := inc.until()
	if end.Before(began) {
		end = began
	}
	pad := min(max(end.Sub(began)/10*6, 15*time.Second), 10*time.Minute)
	from, to = began.Add(-pad), end
	if over {
		to = end.Add(pad)
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
	if from.Before(first) {
		from = first
	}
	if to.After(last) {
		to = last
	}
	const shortest, longest = 5 * time.Second, maxIncidentMS * time.Millisecond
	return from, from.Add(min(max(to.Sub(from), shortest), longest))
}

// head is what the picture shows, in words.
func (p *picture) head() {
	if p.Bare || p.Narrow {
		p.date(p.inc.Times.Began)
		return
	}
	d := p.judge()
	p.y = 22
	title := fmt.Sprintf("%s: %s", d.Class, p.name())
	p.b.WriteString(`<g font-weight="bold">`)
	p.text(14, p.y, 15, inkDark, "start", short(title, 100))
	p.b.WriteString(`</g>`)
	p.y += 6
	p.sentence(d.Sentence)
	p.y += 18
	p.text(14, p.y, 11, inkSoft, "start", fmt.Sprintf("Incident %s, %s, seen from %s. Grade: %s.", p.inc.ID, p.inc.State, short(Printable(p.inc.Node.Name), 60), d.Grade))
	p.dated(p.inc.Times.Began)
	p.y += 10
}

// finish puts the picture together.
func (p *picture) finish(top float64) []byte {
	d := p.judge()
	var behind strings.Builder
	for _, s := range p.shades {
		wide := max(1, s[1]-s[0])
		fmt.Fprintf(&behind, `<path fill="%s" d="%s"/>`+"\n", inkShade, box(s[0], top-5, wide, p.gap[0]-top+5)+box(s[0], p.gap[1], wide, p.bottom-p.gap[1]))
	}
	return p.canvas.finish(p.inc.ID.String(), fmt.Sprintf("Incident at %s: %s", p.name(), d.Class), p.words(d), top, behind.String())
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
