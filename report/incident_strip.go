package report

import (
	"fmt"
	"math"
	"time"
)

// stripWidth is how many pings a line of a strip holds: a minute of one a
// second.
const stripWidth = 60

// strip prints a series, a character a ping, with how many each line lost
// and what the answers took. Of more lines than most only the first and
// the last are shown; what the others lost is said.
func (t *incidentText) strip(title string, p *Pings, most int) {
	if p == nil || len(p.Answer) == 0 {
		return
	}
	if title != "" {
		t.line("  %s", title)
	}
	parts := []span2{{0, len(p.Answer)}}
	gap := p.gap()
	if gap > 0 {
		parts = []span2{{0, gap}, {gap, len(p.Answer)}}
		most = max(2, most/2)
	}
	for i, part := range parts {
		if i > 0 {
			t.line("           … %s more, not kept one by one", plural(p.Skipped, "ping"))
		}
		t.stripLines(p, part, most)
	}
}

// A span2 is places of a series, from one up to another.
type span2 struct{ from, to int }

func (t *incidentText) stripLines(p *Pings, part span2, most int) {
	lines := (part.to - part.from + stripWidth - 1) / stripWidth
	for k := 0; k < lines; k++ {
		from := part.from + k*stripWidth
		to := min(from+stripWidth, part.to)
		if lines > most && k == most/2 {
			skip := lines - most
			to = from + skip*stripWidth
			lost, sent := p.lostIn(from, to)
			t.line("           … %s more, %d of %d lost", plural(to-from, "ping"), lost, sent)
			k += skip - 1
			continue
		}
		lost, _ := p.lostIn(from, to)
		marks := make([]byte, 0, stripWidth)
		var took []time.Duration
		for i := from; i < to; i++ {
			marks = append(marks, mark(p.Answer[i]))
			if p.RTTUS[i] != nil {
				took = append(took, usec(*p.RTTUS[i]))
			}
		}
		after := ""
		if lost > 0 {
			after = fmt.Sprintf("  %d lost", lost)
		}
		if s := rttStats(took); s != nil {
			after += "  p50 " + msText(s.P50) + " ms"
		}
		at := p.at(from).In(t.inc.Times.Began.Location())
		t.line("  %s %s%s", at.Format(time.TimeOnly), marks, after)
	}
}

// gap is the place behind which pings were skipped, which is the longest
// time between two; 0: none were.
func (p *Pings) gap() int {
	at, longest := 0, int64(0)
	if p.Skipped == 0 {
		return 0
	}
	for i := 1; i < len(p.TxMS); i++ {
		if d := p.TxMS[i] - p.TxMS[i-1]; d > longest {
			at, longest = i, d
		}
	}
	return at
}

func (p *Pings) lostIn(from, to int) (lost, sent int) {
	part := Pings{Answer: p.Answer[from:to]}
	return part.tally()
}

// mark is what a ping looks like in a strip.
func mark(answer byte) byte {
	switch {
	case pingLost(answer):
		return 'x'
	case answer == AnswerReply:
		return '.'
	case answer == AnswerLate:
		return 'l'
	}
	return '?'
}

// minutes prints a character a minute of an outage that was too long to
// keep every ping.
func (t *incidentText) minutes(meter []Bucket) {
	const mostLines = 24 // a day of minutes
	t.line("  By the minute: . none lost  1-9 tenths  x all  ? nobody listened")
	for k := 0; k*stripWidth < len(meter); k++ {
		part := meter[k*stripWidth : min((k+1)*stripWidth, len(meter))]
		if k == mostLines {
			lost, sent := 0, 0
			for _, b := range meter[k*stripWidth:] {
				lost, sent = lost+b.Lost, sent+b.Sent
			}
			t.line("           … %s more, %d of %d pings lost", plural(len(meter)-k*stripWidth, "minute"), lost, sent)
			return
		}
		marks := make([]byte, 0, stripWidth)
		for _, b := range part {
			marks = append(marks, b.mark())
		}
		t.line("  %s %s", part[0].At.In(t.inc.Times.Began.Location()).Format(time.TimeOnly), marks)
	}
}

// mark is tenths of loss; a minute with any is never one without.
func (b *Bucket) mark() byte {
	switch {
	case b.Sent == 0:
		return '?'
	case b.Lost == 0:
		return '.'
	case b.Lost == b.Sent:
		return 'x'
	}
	tenths := math.Round(10 * float64(b.Lost) / float64(b.Sent))
	return '0' + byte(min(9, max(1, tenths)))
}
