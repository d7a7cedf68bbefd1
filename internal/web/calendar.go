package web

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
)

// yearView is a year as a page of twelve months.
type yearView struct {
	Year             int
	Previous, Next   string // URLs of the years around it that hold reports
	PreviousY, NextY int
	Months           []monthView
	Unknown          int // days that are not counted yet
}

type monthView struct {
	Name string
	Days []dayCell
}

// dayCell is a day of the calendar. Its class says how many reports of the
// day showed real loss: "c0" none to "c4" a hundred and more; "" no report;
// "unknown" not counted yet. "inc" says that an incident opened on it, "d1"
// to "d7" of the first day of a month on which day of the week it is.
type dayCell struct {
	Number int
	URL    string // empty: the day has not come
	Class  string
	Says   string
	Today  bool
}

// yearView is a year with its incidents, those that are open too: the archive
// counts only those that are over.
func (s *site) yearView(h head, year int, days []archive.Date, open []archive.IncidentEntry) (yearView, error) {
	first, last := archive.Date{Year: year, Month: time.January, Day: 1}, archive.Date{Year: year, Month: time.December, Day: 31}
	today := archive.DateOf(s.Now(), s.Archive.Location())
	if today.Compare(last) < 0 {
		last = today
	}
	counts := map[archive.Date]archive.DayCount{}
	if first.Compare(last) <= 0 {
		list, err := s.Archive.Calendar(first, last)
		if err != nil {
			return yearView{}, err
		}
		for _, c := range list {
			counts[c.Day] = c
		}
	}
	opened := map[archive.Date]int{}
	for _, e := range open {
		opened[archive.DateOf(e.Opened, s.Archive.Location())]++
	}
	v := yearView{Year: year}
	for m := time.January; m <= time.December; m++ {
		begin := time.Date(year, m, 1, 12, 0, 0, 0, time.UTC)
		mv := monthView{Name: h.T("month." + strconv.Itoa(int(m)))}
		for t := begin; t.Month() == m; t = t.AddDate(0, 0, 1) {
			d := archive.Date{Year: year, Month: m, Day: t.Day()}
			cell := dayCell{Number: t.Day(), Today: d == today}
			if d.Compare(today) <= 0 {
				c, counted := counts[d]
				c.Known = c.Known && counted
				cell.URL = dayURL(d)
				_, here := slices.BinarySearchFunc(days, d, func(a, b archive.Date) int { return b.Compare(a) })
				if !here && !c.Known {
					c = archive.DayCount{Known: true} // no directory: nothing was ever written
				}
				c.Incidents += opened[d]
				cell.Class, cell.Says = cellOf(h, c)
				if c.Incidents > 0 {
					cell.Class += " inc"
				}
				if !c.Known {
					v.Unknown++
				}
			}
			if t == begin {
				cell.Class = strings.TrimSpace(cell.Class + " d" + strconv.Itoa((int(begin.Weekday())+6)%7+1))
			}
			mv.Days = append(mv.Days, cell)
		}
		v.Months = append(v.Months, mv)
	}
	v.around(days)
	return v, nil
}

func cellOf(h head, c archive.DayCount) (class, says string) {
	if !c.Known {
		return "unknown", h.T("day.not_counted")
	}
	class = "c0"
	switch {
	case c.Reports == 0 && c.Incidents == 0:
		return "", ""
	case c.RealLoss >= 100:
		class = "c4"
	case c.RealLoss >= 20:
		class = "c3"
	case c.RealLoss >= 5:
		class = "c2"
	case c.RealLoss >= 1:
		class = "c1"
	}
	// Few words: there are 365 of them on the first page.
	if c.Incidents == 0 {
		return class, h.T("day.says", c.Reports, c.RealLoss)
	}
	return class, h.T("day.says_incidents", c.Reports, c.RealLoss, c.Incidents)
}

// around finds the years with reports before and after.
func (v *yearView) around(days []archive.Date) {
	for _, d := range days { // newest first
		switch {
		case d.Year > v.Year:
			v.NextY = d.Year
		case d.Year < v.Year:
			v.PreviousY = d.Year
		}
		if v.PreviousY != 0 {
			break
		}
	}
	if v.NextY != 0 {
		v.Next = "/?year=" + strconv.Itoa(v.NextY)
	}
	if v.PreviousY != 0 {
		v.Previous = "/?year=" + strconv.Itoa(v.PreviousY)
	}
}
