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
	Blamed       []string // innocent cases of which a loss was spoken
	Enough       int      // cases with packets enough to name the place …
	Placed       int      // … and those where the stretch that is named holds it, and at most two links more
	Named        int      // all that name a stretch where there is one
	Held         int      // … and those where it holds the place
	Exact        int      // … and is a single link
	Sure, SureNo int      // graded certain; of those, wrong class or place

	Matrix map[report.Class]map[report.Class]int // truth, verdict
	Groups map[string][2]int                     // right, all
	Wrong  []string                              // a line for each wrong one
}

// Judge scores verdicts; judge is report.Judge, or another one to compare
// with it.
func Judge(all []Case, judge func(*report.Evidence) report.Verdict) (*Score, error) {
	s := &Score{Matrix: map[report.Class]map[report.Class]int{}, Groups: map[string][2]int{}}
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
	if s.Matrix[l.Class] == nil {
		s.Matrix[l.Class] = map[report.Class]int{}
	}
	g := s.Groups[c.Group]
	g[1]++
	right := d.Class == l.Class || slices.Contains(l.Also, d.Class)
	if right {
		s.Right++
		g[0]++
		s.Matrix[l.Class][l.Class]++
	} else {
		s.Matrix[l.Class][d.Class]++
		s.wrong(c, d, "class")
	}
	s.Groups[c.Group] = g
	if l.Innocent && (d.Class == report.RealLoss || d.Class == report.OwnNetwork || d.Class == report.UplinkCut) {
		s.Blamed = append(s.Blamed, c.Name)
	}
	held := true
	if l.To > 0 && d.Link != nil && d.Class == l.Class {
		s.Named++
		held = d.Link.From.TTL <= l.From && l.To <= d.Link.To.TTL
		if l.Class == report.RoutingLoop { // where a turn begins is a matter of taste
			held = d.Link.From.TTL <= l.To && l.From <= d.Link.To.TTL
		}
		if held {
			s.Held++
		}
		if d.Link.To.TTL == d.Link.From.TTL+1 {
			s.Exact++
		}
	}
	if l.Enough {
		s.Enough++
		if held && d.Link != nil && d.Link.To.TTL-d.Link.From.TTL <= wide {
			s.Placed++
		} else if right {
			s.wrong(c, d, "place")
		}
	}
	if d.Grade == report.Certain {
		s.Sure++
		if !right || !held {
			s.SureNo++
			if right {
				s.wrong(c, d, "certainty of place")
			}
		}
	}
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
	fmt.Fprintf(w, "| right class | innocent called lossy | right place where packets suffice | stretch holds the place, of all named | to one link | certain and wrong |\n|---|---|---|---|---|---|\n")
	fmt.Fprintf(w, "| %s | %d | %s | %s | %s | %s |\n\n", part(s.Right, s.Cases), len(s.Blamed), part(s.Placed, s.Enough), part(s.Held, s.Named), part(s.Exact, s.Named), part(s.SureNo, s.Sure))
	var classes []report.Class
	for t, row := range s.Matrix {
		classes = append(classes, t)
		for v := range row {
			classes = append(classes, v)
		}
	}
	slices.Sort(classes)
	classes = slices.Compact(classes)
	fmt.Fprintf(w, "Rows are the truth, columns the verdict; what is right as well (too few packets for more) counts as right.\n\n| |")
	for _, v := range classes {
		fmt.Fprintf(w, " %s |", v)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---|", len(classes)))
	for _, t := range classes {
		if s.Matrix[t] == nil {
			continue
		}
		fmt.Fprintf(w, "| %s |", t)
		for _, v := range classes {
			if n := s.Matrix[t][v]; n > 0 {
				fmt.Fprintf(w, " %d |", n)
			} else {
				fmt.Fprintf(w, " |")
			}
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintln(w)
}
