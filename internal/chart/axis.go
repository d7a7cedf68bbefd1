package chart

import "time"

// A tick is a round time of the axis, as people of the zone count it.
type tick struct {
	at    time.Time
	label string
	major bool // a day or a year begins
}

// The steps of an axis: minutes up to half a day, then days, then months.
var (
	minuteSteps = [...]int{1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720}
	daySteps    = [...]int{1, 2, 7, 14}
	monthSteps  = [...]int{1, 2, 3, 6, 12}
)

// ticksOf are at most so many round times from one moment to another. Days
// of 23 and 25 hours have their midnights where their zone has them.
func ticksOf(from, to time.Time, loc *time.Location, most int) []tick {
	most = max(most, 1)
	length := to.Sub(from)
	if length <= 0 {
		return nil
	}
	for _, m := range minuteSteps {
		if length <= time.Duration(m*most)*time.Minute {
			return minuteTicks(from, to, loc, m)
		}
	}
	for _, d := range daySteps {
		if length <= time.Duration(d*most)*24*time.Hour {
			return dayTicks(from, to, loc, d)
		}
	}
	for _, m := range monthSteps {
		if length <= time.Duration(m*most)*31*24*time.Hour {
			return monthTicks(from, to, loc, m)
		}
	}
	return monthTicks(from, to, loc, 12*(1+int(length/(time.Duration(most)*366*24*time.Hour))))
}

func minuteTicks(from, to time.Time, loc *time.Location, step int) []tick {
	var out []tick
	y, m, d := from.In(loc).Date()
	for day := 0; ; day++ {
		if time.Date(y, m, d+day, 0, 0, 0, 0, loc).After(to) {
			return out
		}
		for minute := 0; minute < 24*60; minute += step {
			at := time.Date(y, m, d+day, 0, minute, 0, 0, loc)
			if at.Before(from) || at.After(to) || len(out) > 0 && !at.After(out[len(out)-1].at) {
				continue // outside, or an hour that the day does not have
			}
			t := tick{at: at, label: at.Format("15:04")}
			if minute == 0 {
				t.label, t.major = at.Format("01-02"), true
			}
			out = append(out, t)
		}
	}
}

func dayTicks(from, to time.Time, loc *time.Location, step int) []tick {
	var out []tick
	y, m, d := from.In(loc).Date()
	for day := 0; ; day++ {
		at := time.Date(y, m, d+day, 0, 0, 0, 0, loc)
		if at.After(to) {
			return out
		}
		// Days are counted from a Monday, so that weeks begin with one.
		n := int(time.Date(y, m, d+day, 0, 0, 0, 0, time.UTC).Unix()/86400) - 4
		if n%step != 0 || at.Before(from) {
			continue
		}
		out = append(out, tick{at, at.Format("01-02"), at.Day() == 1})
	}
}

func monthTicks(from, to time.Time, loc *time.Location, step int) []tick {
	var out []tick
	y, m, _ := from.In(loc).Date()
	for month := 0; ; month++ {
		at := time.Date(y, m+time.Month(month), 1, 0, 0, 0, 0, loc)
		if at.After(to) {
			return out
		}
		if (at.Year()*12+int(at.Month())-1)%step != 0 || at.Before(from) {
			continue
		}
		out = append(out, tick{at, at.Format("2006-01"), at.Month() == 1})
	}
}
