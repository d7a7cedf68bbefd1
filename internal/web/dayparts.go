package web

import (
	"net/url"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
)

// sortLink is the head of a column that can be sorted by.
type sortLink struct {
	Key, Name, URL string
	Sorted         string // "ascending", "descending": aria-sort; empty: not by this one
}

// sortLinks are the columns of a list. A link turns the direction where
// the list is sorted by that column, and else begins with the one that
// people look for first.
func sortLinks(h head, base string, q url.Values, v archive.View) []sortLink {
	at := v.Sort
	if at == "" {
		at = archive.SortTime
	}
	var out []sortLink
	for _, c := range []struct {
		key  archive.SortKey
		name string
		up   bool // what it begins with
	}{{archive.SortTime, "col.time", false}, {archive.SortTarget, "col.target", true}, {archive.SortLoss, "col.loss", false}, {archive.SortVerdict, "col.verdict", true}} {
		l := sortLink{Key: string(c.key), Name: h.T(c.name)}
		up := c.up
		if c.key == at {
			l.Sorted = "descending"
			if v.Ascending {
				l.Sorted = "ascending"
			}
			up = !v.Ascending
		}
		key, dir := string(c.key), ""
		if c.key == archive.SortTime {
			key = ""
		}
		if up != c.up {
			dir = map[bool]string{true: "asc", false: "desc"}[up]
		}
		l.URL = base + without(q, "sort", key, "dir", dir, "before", "", "offset", "")
		out = append(out, l)
	}
	return out
}

// hourBar is an hour of the day strip. Heights are of 100.
type hourBar struct {
	Label, URL, Says string
	Mark             bool // its label is shown on a narrow page, too
	Height, Lossy    int
	Real             int
	Future           bool // not over yet: nothing can be said
	Chosen           bool
}

func (s *site) hourBars(h head, q url.Values, v archive.View, dv *archive.DayView) []hourBar {
	most := 1
	for _, c := range dv.Hours {
		most = max(most, c.Reports)
	}
	loc, now := s.Archive.Location(), s.Now()
	out := make([]hourBar, len(dv.Hours))
	for i, c := range dv.Hours {
		end := dv.Day.Add(1).Start(loc)
		if i+1 < len(dv.Hours) {
			end = dv.Hours[i+1].Start
		}
		start := c.Start.In(loc)
		b := hourBar{
			Label: start.Format("15"), Mark: start.Hour()%6 == 0,
			Height: part(c.Reports, most), Lossy: part(c.Lossy, most), Real: part(c.RealLoss, most),
			Future: start.After(now),
			Says:   h.T("hour.says", start.Format("15:04"), c.Reports, c.Lossy, c.RealLoss),
		}
		from, to := clockText(start, dv.Day, loc), clockText(end, dv.Day, loc)
		f := v.Filter
		b.Chosen = !(f.From.IsZero() && f.To.IsZero()) && !start.Before(f.From) && (f.To.IsZero() || !end.After(f.To))
		b.URL = dayURL(dv.Day) + without(q, "from", from, "to", to, "before", "", "offset", "")
		if q.Get("from") == from && q.Get("to") == to {
			b.URL = dayURL(dv.Day) + without(q, "from", "", "to", "", "before", "", "offset", "")
		}
		out[i] = b
	}
	return out
}

// part is n of most as a height of 100; a single one can be seen.
func part(n, most int) int {
	if n <= 0 {
		return 0
	}
	return max(3, 100*n/most)
}

// clockText is a moment as from= takes it: the time of day, or where that
// is another moment (the clock was set back) RFC 3339.
func clockText(t time.Time, day archive.Date, loc *time.Location) string {
	if t.Equal(day.Add(1).Start(loc)) {
		return "24:00"
	}
	s := t.In(loc).Format("15:04")
	if again, ok := clockTime(s, day, loc); ok && again.Equal(t) {
		return s
	}
	return t.In(loc).Format(time.RFC3339)
}

// filterForm is the form of a list's filters, filled in.
type filterForm struct {
	Target, Prefix, Node, Loss, Reason, Tag, From, To string
	Sort, Dir                                         string // kept while filters change
	Verdicts, Fresh, Sources                          []option
	Open                                              bool // fields beyond the first row are in use
}

type option struct {
	Value, Name string
	Chosen      bool
}

func (s *site) filterForm(h head, q url.Values) filterForm {
	get := func(name string) string { return clean(strings.TrimSpace(q.Get(name))) }
	f := filterForm{Target: get("target"), Prefix: get("prefix"), Node: get("node"), Loss: get("loss"), Reason: get("reason"), Tag: get("tag"),
		From: get("from"), To: get("to"), Sort: get("sort"), Dir: get("dir")}
	f.Verdicts = options(filterVerdicts, q.Get("verdict"), func(v string) string { return h.wordOf("verdict", v) })
	f.Fresh = options(filterFresh, q.Get("freshness"), func(v string) string { return h.wordOf("fresh", v) })
	f.Sources = options(filterSources, q.Get("source"), func(v string) string { return h.wordOf("source", v) })
	f.Open = f.Prefix+f.Node+f.Tag+f.From+f.To+q.Get("freshness")+q.Get("source") != ""
	return f
}

func options[T ~string](values []T, chosen string, name func(string) string) []option {
	out := make([]option, len(values))
	for i, v := range values {
		out[i] = option{Value: string(v), Name: name(string(v)), Chosen: string(v) == chosen}
	}
	return out
}

// chip is a filter that is set, and the URL without it.
type chip struct{ Name, Value, URL string }

func chipsOf(h head, base string, q url.Values) []chip {
	var out []chip
	for _, name := range listParams[:11] {
		for _, value := range q[name] {
			if strings.TrimSpace(value) == "" {
				continue
			}
			rest := url.Values{}
			for k, vs := range q {
				for _, v := range vs {
					if k != name || v != value {
						rest.Add(k, v)
					}
				}
			}
			c := chip{Name: h.T("filter." + name), Value: clean(value), URL: base + without(rest, "before", "", "offset", "")}
			switch name {
			case "verdict":
				c.Value = h.wordOf("verdict", value)
			case "freshness":
				c.Value = h.wordOf("fresh", value)
			case "source":
				c.Value = h.wordOf("source", value)
			case "loss":
				c.Value += " %"
			}
			out = append(out, c)
		}
	}
	return out
}
