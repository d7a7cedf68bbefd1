package report

import (
	"strconv"
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

// pings is "3 of 10 pings (30 %, 95 % interval 6.6 to 65.3 %)".
func pings(l *Loss) string {
	if l == nil || l.Sent == 0 {
		return "0 of 0 pings"
	}
	return English.counted(l, "ping")
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
		return v.lang.Say("inc.targets")
	}
	s := v.inc.Members[0].name()
	if n := v.targets() - 1; n > 0 {
		s = v.lang.Say("and", s, v.lang.count(n, "others"))
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
		return v.lang.Say("inc.of", n, v.inc.Watched)
	case v.inc.Watched == n && v.inc.Clean == 0:
		return v.lang.Say("inc.all", n)
	default:
		return v.lang.count(n, "target")
	}
}

// number is a key for one target or for many.
func (v *incidentView) number(key string) string {
	if v.targets() <= 1 {
		return key + ".one"
	}
	return key
}

// others says what the bursts and dense series lost, which have sockets
// of their own.
func (v *incidentView) others(d *Verdict) {
	if v.other.in > 0 {
		v.tell(d, "inc.others", v.lang.of(v.other.inLost, v.other.in, "ping"))
	}
}

// span is when: "from 2026-11-23 14:05:33.1 to 14:05:42.9 +08:00 (9.8 s)".
func (v *incidentView) span() string {
	began := v.inc.Times.Began
	to, over := v.inc.until()
	to = to.In(began.Location())
	zone := began.Format("-07:00")
	from := began.Format("2006-01-02 15:04:05.0")
	switch {
	case !over && v.inc.State == IncidentOpen:
		return v.lang.Say("span.open", from, zone, v.clock(to))
	case !over:
		return v.lang.Say("span.unknown", from, zone)
	case !to.After(began):
		return v.lang.Say("span.at", from, zone)
	}
	end := v.clock(to)
	if began.Format(time.DateOnly) != to.Format(time.DateOnly) {
		end = to.Format("2006-01-02 15:04:05.0")
	}
	s := v.lang.Say("span", from, end, zone, v.lang.lasting(to.Sub(began)))
	if n := len(v.inc.Episodes); n > 1 {
		s += v.lang.Say("span.episodes", n)
	}
	return s
}

// clock is the time of day, to a tenth of a second, in the incident's
// zone.
func (v *incidentView) clock(t time.Time) string {
	return t.In(v.inc.Times.Began.Location()).Format("15:04:05.0")
}

// lasting is a duration in words: "9.8 s", "12 min 5 s", "3 h 20 min".
func lasting(d time.Duration) string { return English.lasting(d) }

func (l Lang) lasting(d time.Duration) string {
	two := func(alone, both string, d, unit, part time.Duration) string {
		if rest := d % unit / part; rest > 0 {
			return l.Say(both, d/unit, strconv.FormatInt(int64(rest), 10))
		}
		return l.Say(alone, d/unit)
	}
	switch d = d.Round(100 * time.Millisecond); {
	case d < 100*time.Second:
		return l.Say("time.s", strings.TrimSuffix(strconv.FormatFloat(d.Seconds(), 'f', 1, 64), ".0"))
	case d < time.Hour:
		return two("time.min", "time.min.sec", d.Round(time.Second), time.Minute, time.Second)
	case d < 72*time.Hour:
		return two("time.h", "time.h.min", d.Round(time.Minute), time.Hour, time.Minute)
	}
	return l.Say("time.days", d.Round(24*time.Hour)/(24*time.Hour))
}

func usec(us int64) time.Duration { return time.Duration(us) * time.Microsecond }
