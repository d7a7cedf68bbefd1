package drill

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtrq/mtrq/report"
)

// Places is where a real node on this machine keeps what a drill shows.
type Places struct {
	Spool, Archive string
}

// Line is a milestone for people, without a newline:
//
//	"  +0.812 s  noticed        203.0.113.7 did not answer in time"
func (m Milestone) Line() string {
	at := ""
	if m.At != nil {
		at = fmt.Sprintf("%+.3f s", m.At.Seconds())
	}
	text := m.Text
	switch m.State {
	case Failed:
		text = "FAILED: " + text
	case NotJudged:
		text = "not judged: " + text
	}
	return fmt.Sprintf("%11s  %-14s %s", at, m.Name, text)
}

// Text is what follows the milestones: the verdict, the pings, where all
// of that would be found, the checks, and whether the drill has passed. It
// holds no control byte but newlines.
func (r *Result) Text(at Places) string {
	var b strings.Builder
	if r.incident != nil {
		b.WriteString("\nWhat a carrier would be sent:\n")
		for _, l := range excerpt(report.IncidentText(r.incident, r.reports)) {
			b.WriteString(strings.TrimRight("  "+l, " ") + "\n")
		}
		fmt.Fprintf(&b, "\nOutside of a drill:\n"+
			"  mtrq show incident      the newest one, with all its targets and their traces\n"+
			"  mtrq list --incidents   which there were\n"+
			"  %s/state/incidents/ has it while it is open, %s/YYYY/MM/DD/incidents/ for good\n", at.Spool, at.Archive)
	}
	if len(r.Checks) > 0 {
		b.WriteString("\nThis machine:\n")
	}
	for _, c := range r.Checks {
		mark := map[CheckState]string{CheckOK: "ok", CheckWarn: "warn", CheckFail: "FAIL"}[c.State]
		fmt.Fprintf(&b, "  %-4s  %-12s %s\n", mark, c.What, report.Printable(c.Text))
		for do := range strings.SplitSeq(c.Do, "\n") {
			if do != "" {
				fmt.Fprintf(&b, "%21s%s\n", "", report.Printable(do))
			}
		}
	}
	b.WriteString("\n")
	for _, f := range r.beside {
		fmt.Fprintf(&b, "drill: failed: %s\n", report.Printable(f))
	}
	var names []string
	for _, m := range r.Milestones {
		if m.State == Failed {
			names = append(names, string(m.Name))
		}
	}
	if len(names) > 0 {
		fmt.Fprintf(&b, "drill: failed: %s (see above)\n", strings.Join(names, ", "))
	}
	if r.Passed {
		b.WriteString("drill: passed\n")
	}
	return b.String()
}

// excerpt takes out of an incident's text the verdict, and of its first
// member the pings of the rhythm.
func excerpt(text string) []string {
	lines := strings.Split(text, "\n")
	var out []string
	take := func(begins string, goes func(i int, l string) bool) {
		from := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, begins) })
		for i := from; i >= 0 && i < len(lines) && goes(i-from, lines[i]); i++ {
			out = append(out, lines[i])
		}
	}
	take("Verdict: ", func(_ int, l string) bool { return l != "" && !strings.HasPrefix(l, "  Rules:") })
	out = append(out, "")
	// The line that explains the marks, the member, then what belongs to
	// it, up to the next series or trace.
	take("Pings, ", func(i int, l string) bool {
		return i < 2 || strings.HasPrefix(l, "  ") && !strings.HasSuffix(l, ":") && !strings.HasPrefix(l, "  Trace ")
	})
	return out
}
