package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// targetsView is what is shown of the targets at one moment.
type targetsView struct {
	st       *spool.WatchState
	rows     []spool.WatchTarget // chosen, worst first
	matched  int                 // of which rows may be the first ones only
	filtered bool
	now      time.Time
	loc      *time.Location
	wrong    error // why nobody watches: what is shown is old
	keys     bool  // somebody may press q
}

// text draws the view: totals, canaries, and the table. width and height
// bound it, 0: not; ink colours it. What has no height says its problems
// elsewhere.
func (v targetsView) text(width, height int, ink bool) string {
	head := v.head(ink)
	if height > 0 {
		if v.wrong != nil {
			head = append(head, painted(headLine("PROBLEM", ""), inkBad, ink)+report.Printable(v.wrong.Error()))
		}
		for _, p := range v.problems() {
			head = append(head, painted(headLine("PROBLEM", ""), inkWarn, ink)+p)
		}
	}
	var lines []string
	for _, h := range head {
		lines = append(lines, wrap(h, width, len(headLine("", "")))...)
	}
	if height > 0 {
		lines = lines[:min(len(lines), max(height/3, 2))]
		if room := max(height-len(lines)-3, 1); len(v.rows) > room { // an empty line, the table's head, the last line
			v.rows = v.rows[:room]
		}
	}
	if len(v.rows) > 0 {
		lines = append(append(lines, ""), v.table().lines(width, ink)...)
	}
	if last := v.last(len(v.rows)); height > 0 && last != "" {
		lines = append(lines, painted(last, inkDim, ink))
	}
	return strings.Join(lines, "\n") + "\n"
}

// last is the line below so many rows of a table that is drawn again.
func (v targetsView) last(rows int) string {
	var parts []string
	switch more := v.matched - rows; {
	case more > 0:
		parts = append(parts, fmt.Sprintf("%d more, worst first; a PATTERN or --state selects", more))
	case v.matched == 0 && v.filtered:
		parts = append(parts, fmt.Sprintf("no target of %d matches", len(v.st.Targets)))
	}
	if v.keys {
		parts = append(parts, "q quits")
	}
	return strings.Join(parts, "; ")
}

func headLine(name, text string) string { return fmt.Sprintf("%-10s %s", name, text) }

// head is the totals and the canaries, a line each.
func (v targetsView) head(ink bool) []string {
	n := v.st.Totals
	counts := countsText(n, func(s spool.TargetState, text string) string { return painted(text, inkOf(s), ink) })
	line := fmt.Sprintf("%s, %s: %s open, %s", orDash(report.Printable(v.st.Node)), v.st.At.In(v.loc).Format("15:04:05-07:00"),
		plural(n.Open, "incident"), plural(n.Targets, "target"))
	if counts != "" {
		line += ": " + counts
	}
	if v.filtered {
		line += fmt.Sprintf("; %d selected", v.matched)
	}
	lines := []string{headLine("watch", line)}
	var canaries []string
	for _, c := range v.st.Canaries {
		canaries = append(canaries, canaryText(c, ink))
	}
	if len(canaries) > 0 {
		lines = append(lines, headLine("canaries", strings.Join(canaries, ", ")))
	}
	return lines
}

// canaryText is "gateway 192.0.2.254 ok 0.31ms".
func canaryText(c spool.WatchTarget, ink bool) string {
	s := report.Printable(c.Source)
	if c.Source != string(report.CanaryLoopback) {
		s += " " + shownTarget(c)
	}
	s += " " + painted(report.Printable(string(c.State)), inkOf(c.State), ink)
	if c.State == spool.TargetOK {
		s += " " + usText(c.LastUS)
	}
	if c.Lost > 0 || c.State != spool.TargetOK {
		s += " (" + tallyText(c) + " lost)"
	}
	return s
}

// countsText is "3 lossy, 20 ok": how many are in each state, worst first,
// without those that none is in.
func countsText(n spool.WatchTotals, paint func(spool.TargetState, string) string) string {
	of := map[spool.TargetState]int{
		spool.TargetOK: n.OK, spool.TargetSuspect: n.Suspect, spool.TargetLossy: n.Lossy, spool.TargetSlow: n.Slow,
		spool.TargetSilent: n.Silent, spool.TargetNew: n.New, spool.TargetPaused: n.Paused, spool.TargetUnresolved: n.Unresolved,
	}
	var parts []string
	for _, s := range worstFirst() {
		if of[s] == 0 {
			continue
		}
		text := paint(s, fmt.Sprintf("%d %s", of[s], s))
		if s == spool.TargetSilent && n.Thinned > 0 {
			text += fmt.Sprintf(" (%d of them asked every 5 s only)", n.Thinned)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ", ")
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

// problems are the lists that could not be read.
func (v targetsView) problems() []string {
	var out []string
	for _, s := range v.st.Sources {
		if s.Err == "" {
			continue
		}
		text := fmt.Sprintf("targets of %s: %s", s.Source, s.Err)
		if s.At != nil {
			text += " (last read well at " + s.At.In(v.loc).Format("2006-01-02 15:04:05-07:00") + ")"
		}
		out = append(out, report.Printable(text))
	}
	return out
}

// table is the targets, a row each.
func (v targetsView) table() *grid {
	g := &grid{head: []string{"TARGET", "GROUP", "STATE", "SINCE", "LOSS", "RTT", "P50", "P95", "PINGS", "INCIDENT", "NOTE"}}
	for _, t := range v.rows {
		loss := cell{text: tallyText(t), ink: inkWarn}
		quiet := t.State == spool.TargetSilent || t.State == spool.TargetPaused || t.State == spool.TargetUnresolved
		switch {
		case quiet || t.Lost == 0:
			loss.ink = inkDim
		case t.State == spool.TargetLossy:
			loss.ink = inkBad
		}
		pings := cell{text: pingsText(t), pings: true}
		if quiet { // nothing is made of their losses, and red would say so
			pings.ink = inkDim
		}
		g.rows = append(g.rows, []cell{
			{text: shownTarget(t)}, {text: orDash(report.Printable(t.Group))}, {text: report.Printable(string(t.State)), ink: inkOf(t.State)},
			{text: sinceText(t.Since, v.now, v.loc)}, loss, {text: usText(t.LastUS)}, {text: usText(t.P50US)}, {text: usText(t.P95US)},
			pings, {text: orDash(report.Printable(t.Incident))}, {text: report.Printable(noteText(t, v.now, v.loc))},
		})
	}
	g.dropEmpty(columnGroup, "-")
	g.dropEmpty(columnNote, "")
	return g
}

// shownTarget is the target as its list has it, and of a name the address
// that it is pinned to.
func shownTarget(t spool.WatchTarget) string {
	return report.Printable(targetText(archive.Entry{Target: t.Address, Asked: t.Target}))
}

// tallyText is "12/300", lost of sent: unknown is "-", never 0.
func tallyText(t spool.WatchTarget) string {
	if t.Sent == 0 {
		return "-"
	}
	return fmt.Sprintf("%d/%d", t.Lost, t.Sent)
}

// usText is microseconds as milliseconds of three digits.
func usText(us *int64) string {
	if us == nil {
		return "-"
	}
	digits := 0
	switch ms := *us / 1000; {
	case ms < 10:
		digits = 2
	case ms < 100:
		digits = 1
	}
	return strconv.FormatFloat(float64(*us)/1000, 'f', digits, 64) + "ms"
}

// sinceText is a time of today, else a date.
func sinceText(at, now time.Time, loc *time.Location) string {
	if at.IsZero() {
		return "-"
	}
	at, now = at.In(loc), now.In(loc)
	if at.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return at.Format(time.TimeOnly)
	}
	return at.Format(time.DateOnly)
}

func noteText(t spool.WatchTarget, now time.Time, loc *time.Location) string {
	var parts []string
	if t.Until != nil {
		until := sinceText(*t.Until, now, loc)
		if until == t.Until.In(loc).Format(time.DateOnly) {
			until = t.Until.In(loc).Format("2006-01-02 15:04")
		}
		parts = append(parts, "paused until "+until)
	}
	if t.Note != "" {
		parts = append(parts, t.Note)
	}
	return strings.Join(parts, "; ")
}

// pingsText is a strip for people: · answered, x lost, the others as they
// are. Pings at its end whose answer may still come are left blank.
func pingsText(t spool.WatchTarget) string {
	out := []rune(report.Printable(t.Strip))
	underWay := 1
	if t.Interval > 0 {
		underWay = int(max(1, 1000/t.Interval)) // no ping is waited for longer than 1 s
	}
	for i := len(out) - 1; i >= 0; i-- {
		switch {
		case out[i] == report.AnswerReply:
			out[i] = '·'
		case out[i] == report.AnswerLost:
			out[i] = 'x'
		case out[i] == report.AnswerPending && len(out)-i <= underWay && !slices.ContainsFunc(out[i+1:], func(r rune) bool { return r != ' ' }):
			out[i] = ' '
		}
	}
	if len(out) == 0 {
		return "-"
	}
	return string(out)
}

// tsv writes the rows for programs: times in RFC 3339, milliseconds, the
// strip as it is, nothing where nothing is known.
func (v targetsView) tsv(w io.Writer) error {
	t := newTable(w, "tsv", len(v.rows), "TARGET", "ADDRESS", "GROUP", "STATE", "SINCE", "LOST", "SENT",
		"RTT_MS", "P50_MS", "P95_MS", "PINGS", "INCIDENT", "PAUSED_UNTIL", "NOTE")
	ms := func(us *int64) string {
		if us == nil {
			return ""
		}
		return strconv.FormatFloat(float64(*us)/1000, 'f', 3, 64)
	}
	for _, x := range v.rows {
		address, lost, until := "", "", ""
		if x.Address.IsValid() {
			address = x.Address.String()
		}
		if x.Sent > 0 {
			lost = strconv.Itoa(x.Lost)
		}
		if x.Until != nil {
			until = x.Until.Format(time.RFC3339)
		}
		t.row(x.Target, address, x.Group, string(x.State), x.Since.Format(time.RFC3339), lost, strconv.Itoa(x.Sent),
			ms(x.LastUS), ms(x.P50US), ms(x.P95US), x.Strip, x.Incident, until, x.Note)
	}
	return t.end()
}
