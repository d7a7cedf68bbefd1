package web

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
)

type dayPage struct {
	head
	Date, Weekday, Zone string
	Total, Matching     int
	Filtered            bool // it shows what a filter selects
	First, Last         int  // of the matching ones, those that are shown
	Rows                []row
	Sorts               []sortLink
	Hours               []hourBar
	Form                filterForm
	Chips               []chip // filters that are set, each with a link that takes it out
	Clear               string // URL without filters
	Incidents           []incidentRow
	Newer, Older        string // URLs of the pages around this one
	Previous, Next      *dayLink
}

type dayLink struct{ Date, URL string }

// dayOf reads /2026/11/23; what is no day has no page.
func dayOf(r *http.Request) (archive.Date, bool) {
	d, err := archive.ParseDate(r.PathValue("year") + "-" + r.PathValue("month") + "-" + r.PathValue("day"))
	return d, err == nil
}

// dayForm answers /2026/11/23.csv, .txt and .json: the list in that form.
// Without an ending it leads to the day's page.
func (s *site) dayForm(w http.ResponseWriter, r *http.Request) {
	name, form := listForm(r.PathValue("day"))
	r.SetPathValue("day", name)
	day, ok := dayOf(r)
	switch {
	case !ok:
		s.notFound(w, r)
	case form != "":
		s.listDay(w, r, day, form)
	default:
		to := dayURL(day)
		if r.URL.RawQuery != "" {
			to += "?" + r.URL.RawQuery
		}
		http.Redirect(w, r, to, http.StatusMovedPermanently)
	}
}

// listForm takes the form of a list off the end of its path; "" where
// Accept says it.
func listForm(s string) (name string, f format) {
	switch path.Ext(s) {
	case ".txt":
		return strings.TrimSuffix(s, ".txt"), formatText
	case ".json":
		return strings.TrimSuffix(s, ".json"), formatJSON
	case ".csv":
		return strings.TrimSuffix(s, ".csv"), formatCSV
	}
	return s, ""
}

// day answers /2026/11/23/.
func (s *site) day(w http.ResponseWriter, r *http.Request) {
	day, ok := dayOf(r)
	if !ok {
		s.notFound(w, r)
		return
	}
	s.listDay(w, r, day, formatAmong(r, listOffers))
}

// listDay lists the reports of a day: a page, a table in text, CSV, or
// the index lines as a JSON array.
func (s *site) listDay(w http.ResponseWriter, r *http.Request, day archive.Date, form format) {
	q, p := listQuery(r)
	if p != nil {
		s.fail(w, r, p)
		return
	}
	if form == formatHTML && untidy(q) {
		// A form sends its empty fields, too: a link that is passed on is short.
		http.Redirect(w, r, dayURL(day)+without(q), http.StatusSeeOther)
		return
	}
	v, p := readView(q, day, s.Archive.Location())
	if p != nil {
		s.fail(w, r, p)
		return
	}
	if form == formatHTML && !q.Has("limit") {
		v.Limit = pageRows
	}
	dv, err := s.Archive.ViewDay(day, v)
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	h := w.Header()
	h.Set("Mtrq-Total", strconv.Itoa(dv.Total))
	h.Set("Mtrq-Matching", strconv.Itoa(dv.Matching))
	if next := olderURL(day, q, v, dv); next != "" {
		h.Set("Link", "<"+next+`>; rel="next"`)
	}
	switch form {
	case formatHTML:
		s.dayHTML(w, r, q, v, dv)
	case formatJSON:
		entries := dv.Entries
		if entries == nil {
			entries = []archive.Entry{} // an empty list, not null
		}
		body, err := json.Marshal(entries)
		if err != nil {
			s.fail(w, r, archiveProblem(err))
			return
		}
		s.sendCached(w, r, appJSON, cacheAsk, append(body, '\n'))
	case formatCSV:
		s.sendCached(w, r, textCSV, cacheAsk, s.csvTable(dv.Entries))
	default:
		s.sendCached(w, r, textPlain, cacheAsk, s.dayText(r, v, dv))
	}
}

// listQuery reads a query strictly: half a filter would list too much.
func listQuery(r *http.Request) (url.Values, *problem) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &problem{status: http.StatusBadRequest, code: codeParameter,
			detail: "the query cannot be read: " + err.Error(), hint: "encode values: curl -G --data-urlencode 'tag=circuit=GZ 2231'"}
	}
	return q, nil
}

// dayHTML answers with the page. It depends on the day, on the incidents
// that are open and on the days around it.
func (s *site) dayHTML(w http.ResponseWriter, r *http.Request, q url.Values, v archive.View, dv *archive.DayView) {
	days, err := s.Archive.Days()
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	previous, next := neighbours(days, dv.Day)
	today := archive.DateOf(s.Now(), s.Archive.Location())
	var open []archive.IncidentEntry
	for _, e := range s.openIncidents() {
		if archive.DateOf(e.Opened, s.Archive.Location()) == dv.Day {
			open = append(open, e)
		}
	}
	tag := s.tagOf(r, "day", dv.Tag, without(q), linkText(previous), linkText(next), today.String(), incidentsTag(open))
	s.keptPage(w, r, cacheAsk, tag, func() ([]byte, error) {
		p := s.dayPage(r, q, v, dv)
		p.Previous, p.Next = previous, next
		p.Incidents = append(s.incidentRows(p.head, open), p.Incidents...)
		if dv.Day == today {
			p.Section = "today"
		}
		return s.render(p.Lang, "day.html", p)
	})
}

func (s *site) dayPage(r *http.Request, q url.Values, v archive.View, dv *archive.DayView) dayPage {
	day, base := dv.Day, dayURL(dv.Day)
	p := dayPage{head: s.head(r, day.String()), Date: day.String(), Zone: s.Archive.Location().String(), Total: dv.Total, Matching: dv.Matching}
	p.Weekday = p.T("weekday." + strconv.Itoa(int(time.Date(day.Year, day.Month, day.Day, 12, 0, 0, 0, time.UTC).Weekday())))
	for _, f := range []string{"txt", "csv", "json"} {
		p.Links = append(p.Links, link{f, "/" + day.Path() + "." + f + without(q)})
	}
	p.Rows = s.rowsOf(p.head, dv.Entries, false)
	p.Hours = s.hourBars(p.head, q, v, dv)
	p.Form = s.filterForm(p.head, q)
	p.Chips = chipsOf(p.head, base, q)
	p.Filtered, p.Clear = len(p.Chips) > 0, base
	p.Sorts = sortLinks(p.head, base, q, v)
	p.Incidents = s.incidentRows(p.head, dv.Incidents)
	if n := len(dv.Entries); n > 0 {
		p.First = v.Offset + 1
		if v.Before.IsZero() {
			p.Last = v.Offset + n
		} else {
			p.First = 0 // somewhere: a cursor does not say how many came before
		}
	}
	p.Older = olderURL(day, q, v, dv)
	if v.Offset > 0 {
		p.Newer = base + without(q, "offset", offsetText(v.Offset-v.Limit))
	} else if !v.Before.IsZero() {
		p.Newer = base + without(q, "before", "")
	}
	return p
}

// olderURL is where the list goes on: in the order of time by the last ID,
// so that a report that comes meanwhile moves nothing; else by number.
func olderURL(day archive.Date, q url.Values, v archive.View, dv *archive.DayView) string {
	n := len(dv.Entries)
	if n < v.Limit || n == 0 || v.Before.IsZero() && v.Offset+n >= dv.Matching {
		return ""
	}
	if v.Sort == "" || v.Sort == archive.SortTime {
		return dayURL(day) + without(q, "before", lastID(dv.Entries).String(), "offset", "")
	}
	return dayURL(day) + without(q, "offset", offsetText(v.Offset+n))
}

func offsetText(n int) string {
	if n <= 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func linkText(l *dayLink) string {
	if l == nil {
		return ""
	}
	return l.Date
}

// neighbours are the days with reports before and after a day; days has
// the newest first.
func neighbours(days []archive.Date, day archive.Date) (previous, next *dayLink) {
	link := func(d archive.Date) *dayLink { return &dayLink{Date: d.String(), URL: dayURL(d)} }
	i, here := slices.BinarySearchFunc(days, day, func(a, b archive.Date) int { return b.Compare(a) })
	if i > 0 {
		next = link(days[i-1])
	}
	if here {
		i++
	}
	if i < len(days) {
		previous = link(days[i])
	}
	return previous, next
}
