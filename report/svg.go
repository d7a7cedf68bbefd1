package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// reportRight is where the plot of a report's picture ends: figures stand
// behind it.
const (
	reportRight = 752
	lossRight   = 818.0 // of the column of lost and sent
	rttRight    = 886.0
)

// SVG draws a report as one self-contained picture, 900 px wide: each hop
// a row of cells over time, as dark as packets were lost there, with what it
// lost and how long its answers took; below them, on the same time axis,
// each answer of the target and each loss. Loss is never averaged away, and
// a hop that limits its own answers does not look like it. Like Text it
// judges anew, and holds no control byte but newlines whatever strangers
// sent.
func SVG(r *Report) []byte { return SVGWith(r, SVGOptions{}) }

// SVGWith is SVG for a page that shows it among words of its own.
func SVGWith(r *Report, opts SVGOptions) []byte {
	e := &r.Evidence
	p := reportPicture{view: look(e), report: r, canvas: newCanvas(opts, e.Times.Started.Location(), reportRight)}
	p.window()
	p.head()
	p.flags(p.moments())
	p.gap = [2]float64{p.y, p.y} // no words between: the lines run through
	top := p.y
	p.hops()
	p.target()
	p.axis()
	p.legend(false)
	return p.finish(top)
}

type reportPicture struct {
	*view
	canvas
	report  *Report
	verdict Verdict
}

// window is from the start to the end, or to the last probe.
func (p *reportPicture) window() {
	p.from = p.e.Times.Started
	last := 0.0
	for _, s := range append(seriesOf(p.e.Hops), &p.e.Ping) {
		if n := len(s.TxMS); n > 0 {
			last = max(last, s.TxMS[n-1])
		}
	}
	length := time.Duration(min(last, maxIncidentMS)*float64(time.Millisecond)) + 500*time.Millisecond
	if end := p.e.Times.Ended; end != nil {
		length = min(max(length, end.Sub(p.from)), length+10*time.Second)
	}
	p.to = p.from.Add(max(length, 3*time.Second))
}

// head is what the picture shows, in words.
func (p *reportPicture) head() {
	if p.Verdict != nil {
		p.verdict = *p.Verdict
	} else {
		p.verdict = p.judge()
	}
	d := &p.verdict
	if p.Bare || p.Narrow {
		p.date(p.from)
		return
	}
	p.y = 22
	p.b.WriteString(`<g font-weight="bold">`)
	p.text(14, p.y, 15, inkDark, "start", short(p.name()+": "+string(d.Class), 100))
	p.b.WriteString(`</g>`)
	p.y += 6
	p.sentence(d.Sentence)
	p.y += 18
	from := short(Printable(p.e.Node.Name), 60)
	p.text(14, p.y, 11, inkSoft, "start", fmt.Sprintf("Report %s, seen from %s. Grade: %s.", p.e.ID, from, d.Grade))
	p.dated(p.from)
	p.y += 10
}

// name is the target as it was asked for and, of a name, its address.
func (p *reportPicture) name() string {
	t := &p.e.Target
	asked := short(strings.TrimSpace(Printable(t.Asked)), maxName)
	if t.Address.IsValid() && asked != t.Address.String() {
		return asked + " (" + t.Address.String() + ")"
	}
	return asked
}

// moments are what a trace did, and who asked meanwhile.
func (p *reportPicture) moments() []moment {
	t := &p.e.Times
	var out []moment
	add := func(at *time.Time, what string) {
		if at != nil {
			out = append(out, moment{*at, what})
		}
	}
	add(t.FirstProbe, p.say("first probe"))
	add(t.FirstLook, p.say("first look complete"))
	add(t.LongLook, p.say("long look"))
	const most = 6
	for i := range p.e.Requests[:min(len(p.e.Requests), most)] {
		q := &p.e.Requests[i]
		if i > 0 && p.inside(q.Accepted) {
			add(&q.Accepted, p.say("asked by %s", short(Printable(q.Source), 16)))
		}
	}
	if t.Ended != nil && p.inside(*t.Ended) {
		add(t.Ended, p.say("end"))
	}
	slices.SortStableFunc(out, func(a, b moment) int { return a.at.Compare(b.at) })
	return out
}

// hops draws the hops, the target last, wherever it is.
func (p *reportPicture) hops() {
	p.y += 12
	lossAt, rttAt := lossRight, rttRight
	if p.Narrow {
		lossAt, rttAt = narrowRight-60, narrowRight
	} else {
		p.text(p.left-8, p.y, 10, inkSoft, "end", p.say("hop"))
	}
	p.text(lossAt, p.y, 10, inkSoft, "end", p.say("lost/sent"))
	p.text(rttAt, p.y, 10, inkSoft, "end", p.say("p50 ms"))
	p.y += 5
	step := stepFor(p.to.Sub(p.from), 90)
	rows, hidden := p.heatRows([]*Report{p.report}, step)
	for _, r := range rows {
		y := p.y + 11
		if p.Narrow {
			y = p.y + 10
		}
		p.hop(r, step)
		s := p.view.target
		if !r.target {
			s = p.view.hops[r.ttl-1]
		}
		p.figures(s, lossAt, rttAt, y, r.limited)
	}
	if hidden > 0 {
		p.more(p.say("hops not shown: %d", hidden))
	}
	p.y += rowGap + 3
}

// figures are what a hop lost and how long its answers took; what is not
// known is a dash.
func (p *reportPicture) figures(s Stats, lossAt, rttAt, y float64, limited bool) {
	lost, rtt, ink := "–", "–", inkSoft
	if s.Sent > 0 {
		lost = strconv.Itoa(s.Lost) + "/" + strconv.Itoa(s.Sent)
		if s.Lost > 0 && s.Answered > 0 && !limited {
			ink = inkDark
		}
	}
	if s.RTT != nil {
		rtt = msText(s.RTT.P50)
	}
	p.text(lossAt, y, 10, ink, "end", lost)
	p.text(rttAt, y, 10, inkSoft, "end", rtt)
}

// target draws the probes to the target itself.
func (p *reportPicture) target() {
	s := &p.view.series
	pings := Pings{From: p.from, Answer: s.Answer}
	for i := range len(s.Answer) {
		rtt := s.RTTUS[i]
		if rtt == nil {
			rtt = s.LateUS[i]
		}
		pings.TxMS = append(pings.TxMS, int64(s.TxMS[i]))
		pings.RTTUS = append(pings.RTTUS, rtt)
	}
	all, top := p.scaleOf(&pings, nil, 2)
	name := p.e.Target.Address.String()
	if !p.e.Target.Address.IsValid() {
		name = short(Printable(p.e.Target.Asked), 60)
	}
	lines := []string{p.say("each answer of the target")}
	if n := len(all); n > 0 {
		lines = append(lines, p.say("RTT p50 %s ms", msText(usec(all[(n-1)/2]))), p.say("max %s ms", msText(usec(all[n-1]))), p.say("scale 0 to %s ms", num(top)))
	}
	p.beside(name, lines...)
	p.pings(&pings, nil, firstTall, 2)
	p.y += firstTall + rowGap
}

// finish puts the picture together.
func (p *reportPicture) finish(top float64) []byte {
	s := fmt.Sprintf("Packets lost by hop and over time from %s to %s. %s", p.from.Format(time.TimeOnly), p.to.Format(time.TimeOnly), short(p.verdict.Sentence, maxSaid))
	return p.canvas.finish(p.e.ID.String(), fmt.Sprintf("Trace to %s: %s", p.name(), p.verdict.Class), s, top, "")
}
