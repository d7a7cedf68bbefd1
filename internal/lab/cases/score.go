package cases

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mtrq/mtrq/report"
)

// wide is over how many links a stretch may go that is right where packets
// suffice: the link itself and two beside it. Loss that is there all the time
// leaves it open for a while whether a router beside it limits its answers
// as much.
const wide = 3

// A Score is what became of many verdicts.
type Score struct {
	Cases, Right int
	AlsoRight    int       // of Right: not as labelled, but as right (Label.Also)
	Blamed       []string  // innocent cases of which a loss was spoken
	Enough       int       // cases with packets enough to name the place …
	Linked       int       // … those where the link named, alone or as the likeliest of a stretch, is the very one
	Placed       [wide]int // … and those where a stretch of one link holds it, of one or two, of up to three
	Named        int       // all that name a stretch where there is one
	Held         int       // … and those where it holds the place
	Exact        int       // … and is a single link
	Picked       int       // all stretches of which one link is called the likeliest, where there is a place …
	PickedRight  int       // … and it is that link …
	PickedChance float64   // … and the sum of the probabilities that they said
	Sure         int       // graded certain …
	SureNo       int       // … of those, wrong class or place
	SureWide     int       // … of those, a stretch of more than three links: that there is loss is certain, where is not said

	Matrix Confusion         // as labelled, or wrong
	Also   Confusion         // not as labelled, but as right
	Groups map[string][2]int // right, all
	Wrong  []string          // a line for each wrong one
}

// Confusion counts by the label's class, then by the verdict's.
type Confusion map[report.Class]map[report.Class]int

func (m Confusion) add(truth, verdict report.Class) {
	if m[truth] == nil {
		m[truth] = map[report.Class]int{}
	}
	m[truth][verdict]++
}

func newScore() *Score {
	return &Score{Matrix: Confusion{}, Also: Confusion{}, Groups: map[string][2]int{}}
}

// Judge scores verdicts; judge is report.Judge, or another one to compare
// with it.
func Judge(all []Case, judge func(*report.Evidence) report.Verdict) (*Score, error) {
	s := newScore()
	for i := range all {
		r, err := all[i].Fold()
		if err != nil {
			return nil, fmt.Errorf("case %s: %w", all[i].Name, err)
		}
		s.add(&all[i], judge(&r.Evidence))
	}
	return s, nil
}

func (s *Score) add(c *Case, d report.Verdict) {
	l := &c.Label
	s.Cases++
	g := s.Groups[c.Group]
	g[1]++
	right := true
	switch {
	case d.Class == l.Class:
		s.Matrix.add(l.Class, d.Class)
	case slices.Contains(l.Also, d.Class):
		s.AlsoRight++
		s.Also.add(l.Class, d.Class)
	default:
		right = false
		s.Matrix.add(l.Class, d.Class)
		s.wrong(c, d, "class")
	}
	if right {
		s.Right++
		g[0]++
	}
	s.Groups[c.Group] = g
	if l.Innocent && (d.Class == report.RealLoss || d.Class == report.OwnNetwork || d.Class == report.UplinkCut) {
		s.Blamed = append(s.Blamed, c.Name)
	}
	held, links := true, 0
	if d.Link != nil {
		links = d.Link.To.TTL - d.Link.From.TTL
	}
	if l.To > 0 && d.Link != nil && d.Class == l.Class {
		s.Named++
		held = d.Link.From.TTL <= l.From && l.To <= d.Link.To.TTL && l.onWay(d.Link.From) && l.onWay(d.Link.To)
		if l.Class == report.RoutingLoop { // where a turn begins is a matter of taste
			held = d.Link.From.TTL <= l.To && l.From <= d.Link.To.TTL
		}
		if held {
			s.Held++
			if links == 1 {
				s.Exact++
			}
		}
	}
	linked := d.Class == l.Class && l.isVery(d)
	if k := d.Likeliest; k != nil && l.To > 0 && d.Class == l.Class {
		s.Picked++
		s.PickedChance += k.Chance
		if linked {
			s.PickedRight++
		}
	}
	if l.Enough {
		s.Enough++
		if linked {
			s.Linked++
		}
		if held && links > 0 && links <= wide {
			for n := links; n <= wide; n++ {
				s.Placed[n-1]++
			}
		} else if right {
			s.wrong(c, d, "place")
		}
	}
	if d.Grade == report.Certain {
		s.Sure++
		if links > wide {
			s.SureWide++
		}
		if !right || !held {
			s.SureNo++
			if right {
				s.wrong(c, d, "certainty of place")
			}
		}
	}
}

// isVery says that the one link that a verdict names, alone or as the likeliest
// of a stretch, is the very link of the fault.
func (l *Label) isVery(d report.Verdict) bool {
	var from, to report.LinkEnd
	switch {
	case d.Likeliest != nil:
		from, to = d.Likeliest.From, d.Likeliest.To
	case d.Link != nil:
		from, to = d.Link.From, d.Link.To
	}
	in := l.From <= from.TTL && to.TTL <= l.To
	if l.Class == report.RoutingLoop {
		in = from.TTL <= l.To && l.From <= to.TTL
	}
	return to.TTL-from.TTL == 1 && in && l.onWay(from) && l.onWay(to)
}

// onWay says that one side of a stretch is on the way to the fault, as far as
// that is told.
func (l *Label) onWay(e report.LinkEnd) bool {
	return e.TTL < 1 || e.TTL > len(l.Way) || !e.Addr.IsValid() || e.Addr == l.Way[e.TTL-1]
}

func (s *Score) wrong(c *Case, d report.Verdict, what string) {
	link := "no link"
	if d.Link != nil {
		link = fmt.Sprintf("%d-%d", d.Link.From.TTL, d.Link.To.TTL)
	}
	s.Wrong = append(s.Wrong, fmt.Sprintf("%s: wrong %s: want %s %d-%d (%s), got %s, %s, %s: %s", c.Name, what, c.Label.Class, c.Label.From, c.Label.To, c.Label.Truth,
		d.Class, d.Grade, link, d.Sentence))
}

// Print writes the figures and the confusion matrix as Markdown.
func (s *Score) Print(w io.Writer) {
	part := func(x, n int) string {
		if n == 0 {
			return "–"
		}
		return fmt.Sprintf("%.1f %% (%d of %d)", 100*float64(x)/float64(n), x, n)
	}
	fmt.Fprintf(w, "| right class | of all, not as labelled but as right | innocent called lossy | certain and wrong | certain, over more than three links |\n|---|---|---|---|---|\n")
	fmt.Fprintf(w, "| %s | %s | %d | %s | %s |\n\n", part(s.Right, s.Cases), part(s.AlsoRight, s.Cases), len(s.Blamed), part(s.SureNo, s.Sure), part(s.SureWide, s.Sure))
	fmt.Fprintf(w, "| right place where packets suffice: the link named first | the stretch: that link alone | within two links | within three | stretch holds the place, of all named | … and is one link | likeliest link of a stretch right | … as they said |\n|---|---|---|---|---|---|---|---|\n")
	said := "–"
	if s.Picked > 0 {
		said = fmt.Sprintf("%.1f %%", 100*s.PickedChance/float64(s.Picked))
	}
	fmt.Fprintf(w, "| %s | %s | %s | %s | %s | %s | %s | %s |\n\n", part(s.Linked, s.Enough), part(s.Placed[0], s.Enough), part(s.Placed[1], s.Enough), part(s.Placed[2], s.Enough), part(s.Held, s.Named), part(s.Exact, s.Named), part(s.PickedRight, s.Picked), said)
	var classes []report.Class
	for _, m := range []Confusion{s.Matrix, s.Also} {
		for t, row := range m {
			classes = append(classes, t)
			for v := range row {
				classes = append(classes, v)
			}
		}
	}
	slices.Sort(classes)
	classes = slices.Compact(classes)
	fmt.Fprintf(w, "Rows are the truth, columns the verdict; \"also\" are those that are right as well (too few packets for more).\n\n| |")
	for _, v := range classes {
		fmt.Fprintf(w, " %s |", v)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---|", len(classes)))
	for _, t := range classes {
		if s.Matrix[t] == nil && s.Also[t] == nil {
			continue
		}
		fmt.Fprintf(w, "| %s |", t)
		for _, v := range classes {
			var cell []string
			if n := s.Matrix[t][v]; n > 0 {
				cell = append(cell, fmt.Sprintf(" %d", n))
			}
			if n := s.Also[t][v]; n > 0 {
				cell = append(cell, fmt.Sprintf(" %d also", n))
			}
			fmt.Fprintf(w, "%s |", strings.Join(cell, ","))
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}
