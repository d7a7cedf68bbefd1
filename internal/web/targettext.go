package web

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/chart"
)

// textCells is how many characters the strip of a history has for a
// terminal.
const textCells = 60

// targetText is a target's history for a terminal: how it is now, a strip of
// the time asked for, its incidents and its reports, the oldest first.
func (s *site) targetText(r *http.Request, tq targetQuery, tv *archive.TargetView) []byte {
	var b bytes.Buffer
	loc := s.Archive.Location()
	fmt.Fprintf(&b, "%s, %s to %s\n", clean(tq.target), tq.from.In(loc).Format("2006-01-02 15:04"), tq.to.In(loc).Format("2006-01-02 15:04 -07:00"))
	switch t, fresh := s.watched(tq.target); {
	case t != nil:
		old := ""
		if !fresh {
			st, _ := s.watchState()
			old = "; nobody watches since " + st.At.In(loc).Format(longTime)
		}
		lost := "no ping known"
		if t.Sent > 0 {
			lost = fmt.Sprintf("lost %d of the last %d", t.Lost, t.Sent)
		}
		fmt.Fprintf(&b, "now: %s since %s, %s%s\n", clean(string(t.State)), t.Since.In(loc).Format(longTime), lost, old)
	case fresh:
		b.WriteString("now: not watched\n")
	case s.watchFault() != nil:
		b.WriteString("now: not known; " + watchFaultText(faultText(s.watchFault())))
	default:
		b.WriteString("now: not known, nobody watches\n")
	}
	cells := cellsOf(tv.Buckets)
	marks := make([]byte, 0, textCells)
	for _, c := range chart.Coarse(cells, max(1, (len(cells)+textCells-1)/textCells)) {
		marks = append(marks, cellMark(&c))
	}
	if len(marks) > 0 {
		fmt.Fprintf(&b, "%s\n. none lost  1-9 tenths, the worst of each stretch  x all  ? not known  (blank) no report\n", bytes.TrimRight(marks, " "))
	}
	s.incidentsOfYear(&b, tq)
	fmt.Fprintf(&b, "\nReports: %d", tv.Total)
	if tv.Matching != tv.Total {
		fmt.Fprintf(&b, ", %d match", tv.Matching)
	}
	b.WriteByte('\n')
	if len(tv.Entries) > 0 {
		b.Write(s.textTable(inOrder(tv.Entries, tq.view)))
		if next := olderTarget(tq, tv, "limit", strconv.Itoa(maxLimit)); next != "" {
			fmt.Fprintf(&b, "# %s: curl '%s%s'\n", restText(tq.view, tv), plainURL(baseURL(r, s.PublicURL)), plainURL(next))
		}
	}
	return b.Bytes()
}

// restText is what a list has left out.
func restText(v archive.View, tv *archive.TargetView) string {
	which := "more"
	switch {
	case v.Sort != "" && v.Sort != archive.SortTime:
	case v.Ascending:
		which = "newer ones"
	default:
		which = "older ones"
	}
	if !v.Before.IsZero() {
		return which // a cursor does not say how many came before
	}
	return strconv.Itoa(tv.Matching-v.Offset-len(tv.Entries)) + " " + which
}

// incidentsOfYear lists the incidents of a target, of 360 days: whoever asks
// for an address wants to know of last week, too.
func (s *site) incidentsOfYear(b *bytes.Buffer, tq targetQuery) {
	_, year, err := s.yearOf(tq)
	if err != nil {
		b.WriteString("\nIncidents: cannot be read\n")
		return
	}
	year360 := tq
	year360.to = s.Now().Add(time.Hour) // open ones, too
	incidents := s.incidentsOf(year360, year)
	if fault := s.openFault(); fault != "" {
		b.WriteString("\n" + openFaultText(fault))
	}
	if len(incidents) == 0 {
		b.WriteString("\nIncidents: none in 360 days\n")
		return
	}
	fmt.Fprintf(b, "\nIncidents: %d in 360 days\n", len(incidents))
	b.Write(s.incidentsText(incidents[:min(len(incidents), maxIncidentRows)]))
}

// cellMark is tenths of loss; a cell with any is never one without.
func cellMark(c *chart.Cell) byte {
	switch {
	case c.Blank():
		return ' '
	case c.Worst == nil:
		return '?'
	case *c.Worst <= 0:
		return '.'
	case *c.Worst >= 100:
		return 'x'
	}
	return '0' + byte(min(9, max(1, int(*c.Worst/10+0.5))))
}

// incidentsText is a list of incidents for a terminal, in the order given.
func (s *site) incidentsText(entries []archive.IncidentEntry) []byte {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "BEGAN\tFOR\tTARGETS\tLOST\tVERDICT\tWHERE\tID")
	for _, e := range entries {
		at := e.Opened
		if e.Began != nil {
			at = *e.Began
		}
		lasted := orDash(string(e.State))
		if e.LastedMS != nil {
			lasted = (time.Duration(*e.LastedMS) * time.Millisecond).Round(100 * time.Millisecond).String()
		}
		targets := "-"
		if len(e.Targets) > 0 {
			targets = clean(e.Targets[0])
			if e.Affected > 1 {
				targets += fmt.Sprintf(" +%d", e.Affected-1)
			}
		}
		verdict := orDash(plainWord(string(e.Verdict)))
		if e.Unreadable != "" {
			verdict = "cannot be read"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", at.In(s.Archive.Location()).Format(time.RFC3339), clean(lasted), targets,
			orDash(lossWords(e.Lost, e.Sent)), verdict, orDash(clean(e.Where)), e.ID)
	}
	_ = t.Flush() // into memory: cannot fail
	return b.Bytes()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
