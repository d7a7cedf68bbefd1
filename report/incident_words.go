package report

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// How many characters of a stranger's word are shown: of a name in a
// sentence, and of what another says.
const (
	maxName = 80
	maxSaid = 600
)

// short is text of at most n characters.
func short(s string, n int) string {
	if len(s) <= n || utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return string(r[:n-1]) + "…"
}

// pings is "3 of 10 pings (30 %, 95 % interval 10.8 to 60.3 %)".
func pings(l *Loss) string {
	if l == nil || l.Sent == 0 {
		return "0 of 0 pings"
	}
	return fmt.Sprintf("%s (%s %%, 95 %% interval %s to %s %%)", ofN(l.Lost, l.Sent, "ping"),
		percent(100*float64(l.Lost)/float64(l.Sent)), percent(l.Low), percent(l.High))
}

// name is a member for a sentence.
func (m *Member) name() string {
	asked := short(strings.TrimSpace(Printable(m.Target)), maxName)
	switch {
	case !m.Address.IsValid():
		return asked
	case asked == m.Address.String() || asked == "":
		return m.Address.String()
	}
	return asked + " (" + m.Address.String() + ")"
}

func (c *Canary) name() string {
	if c.Addr.IsValid() {
		return c.Addr.String()
	}
	return short(strings.TrimSpace(Printable(c.Target)), maxName)
}

// name is whom the incident is about: "203.0.113.7 and 2 more targets".
func (v *incidentView) name() string {
	if len(v.inc.Members) == 0 {
		return "the targets"
	}
	s := v.inc.Members[0].name()
	if n := v.targets() - 1; n > 0 {
		s += " and " + plural(n, "more target")
	}
	return s
}

func (v *incidentView) targets() int { return max(v.inc.Affected, len(v.inc.Members)) }

// subject begins a sentence: "203.0.113.7", "12 of 40 watched targets".
func (v *incidentView) subject() string {
	switch n := v.targets(); {
	case n <= 1:
		return v.name()
	case v.inc.Watched > n:
		return fmt.Sprintf("%d of %d watched targets", n, v.inc.Watched)
	case v.inc.Watched == n && v.inc.Clean == 0:
		return fmt.Sprintf("All %d watched targets", n)
	default:
		return plural(n, "target")
	}
}

func (v *incidentView) verb(one, many string) string {
	if v.targets() <= 1 {
		return one
	}
	return many
}

// what says who lost how much and when.
func (v *incidentView) what() string {
	lost := "lost packets"
	if v.loss != nil {
		lost = "lost " + pings(v.loss)
	}
	return v.subject() + " " + lost + ", " + v.span() + "."
}

// others says what the bursts and dense series lost, which have sockets
// of their own.
func (v *incidentView) others() string {
	if v.other.in == 0 {
		return ""
	}
	return fmt.Sprintf(" Through sockets of their own %s were lost, too.", ofN(v.other.inLost, v.other.in, "ping"))
}

// span is when: "from 2026-11-23 14:05:33.1 to 14:05:42.9 +08:00 (9.8 s)".
func (v *incidentView) span() string {
	began := v.inc.Times.Began
	to, over := v.inc.until()
	to = to.In(began.Location())
	zone := began.Format("-07:00")
	from := began.Format("2006-01-02 15:04:05.0")
	if !over {
		s := "since " + from + " " + zone
		if v.inc.State == IncidentOpen {
			return s + ", and not over at " + v.clock(to)
		}
		return s + "; when it ended is not known"
	}
	if !to.After(began) {
		return "at " + from + " " + zone
	}
	end := v.clock(to)
	if began.Format(time.DateOnly) != to.Format(time.DateOnly) {
		end = to.Format("2006-01-02 15:04:05.0")
	}
	s := "from " + from + " to " + end + " " + zone + " (" + lasting(to.Sub(began)) + ")"
	if n := len(v.inc.Episodes); n > 1 {
		s += fmt.Sprintf(" in %d episodes", n)
	}
	return s
}

// clock is the time of day, to a tenth of a second, in the incident's
// zone.
func (v *incidentView) clock(t time.Time) string {
	return t.In(v.inc.Times.Began.Location()).Format("15:04:05.0")
}

// lasting is a duration in words: "9.8 s", "12 min 5 s", "3 h 20 min".
func lasting(d time.Duration) string {
	switch d = d.Round(100 * time.Millisecond); {
	case d < 100*time.Second:
		return strings.TrimSuffix(fmt.Sprintf("%.1f", d.Seconds()), ".0") + " s"
	case d < time.Hour:
		d = d.Round(time.Second)
		return strings.TrimSuffix(fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second), " 0 s")
	case d < 72*time.Hour:
		d = d.Round(time.Minute)
		return strings.TrimSuffix(fmt.Sprintf("%d h %d min", d/time.Hour, d%time.Hour/time.Minute), " 0 min")
	}
	return fmt.Sprintf("%d days", d.Round(24*time.Hour)/(24*time.Hour))
}

func usec(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

func isAre(n int) string {
	if n == 1 {
		return "is"
	}
	return "are"
}
