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
	OpenFault           string // why it is not known which of them are open
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

// today answers /today: it leads to the day that it is. A page that is kept
// links to it, and so does not grow old.
func (s *site) today(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, dayURL(archive.DateOf(s.Now(), s.Archive.Location())), http.StatusFound)
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
	around, err := s.around(day)
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	view := func() (*archive.DayView, error) {
		dv, err := s.Archive.ViewDay(day, v)
		if err == nil {
			sayCounts(w.Header(), day, q, v, dv)
		}
		return dv, err
	}
	if around.tag == "" { // the day has no index
		err := s.bounded(r, func() error {
			dv, err := view()
			if err == nil {
				around.tag = dv.Tag
			}
			return err
		})
		if err != nil {
			s.fail(w, r, archiveProblem(err))
			return
		}
	}
	render := func() ([]byte, error) {
		dv, err := view()
		if err != nil {
			return nil, err
		}
		return s.renderDay(r, q, v, dv, around, form)
	}
	s.keptBody(w, r, listType(form), cacheAsk, s.tagOf(r, "day", string(form), around.text()), render)
}

// sayCounts says in the header how much there is, and where the list goes on.
func sayCounts(h http.Header, day archive.Date, q url.Values, v archive.View, dv *archive.DayView) {
	h.Set("Mtrq-Total", strconv.Itoa(dv.Total))
	h.Set("Mtrq-Matching", strconv.Itoa(dv.Matching))
	if next := olderURL(dayURL(day), q, v, dv.Entries, dv.Matching); next != "" {
		h.Set("Link", "<"+next+`>; rel="next"`)
	}
}

// listType is what a list is sent as.
func listType(f format) string {
	if f == formatCSV {
		return textCSV
	}
	return typeOf(f)
}

func (s *site) renderDay(r *http.Request, q url.Values, v archive.View, dv *archive.DayView, around dayAround, form format) ([]byte, error) {
	switch form {
	case formatHTML:
		p := s.dayPage(r, q, v, dv)
		p.Previous, p.Next, p.OpenFault = around.previous, around.next, around.fault
		p.Incidents = append(s.incidentRows(p.head, around.open), p.Incidents...)
		if dv.Day == around.today {
			p.Section = "today"
		}
		return s.render(p.Lang, "day.html", p)
	case formatJSON:
		entries := dv.Entries
		if entries == nil {
			entries = []archive.Entry{} // an empty list, not null
		}
		body, err := json.Marshal(entries)
		return append(body, '\n'), err
	case formatCSV:
		return s.csvTable(dv.Entries), nil
	}
	return s.dayText(r, v, dv), nil
}

// listQuery reads a query strictly: half a filter would list too much.
func listQuery(r *http.Request) (url.Values, *problem) {
	q, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, &problem{status: http.StatusBadRequest, code: codeParameter,
			detail: "the query cannot be read: " + clean(err.Error()), hint: "encode values: curl -G --data-urlencode 'tag=circuit=GZ 2231'"}
	}
	return q, nil
}

// dayAround is what the list of a day depends on beside the query. It is
// known without reading the day.
type dayAround struct {
	tag            string // of the day; empty: reading it is the only way to know
	today          archive.Date
	hour           string                  // of today, whose hours to come are empty: nothing can be said of them
	open           []archive.IncidentEntry // that opened on the day
	fault          string                  // why that is not known
	previous, next *dayLink
}

func (s *site) around(day archive.Date) (dayAround, error) {
	loc, now := s.Archive.Location(), s.Now()
	a := dayAround{today: archive.DateOf(now, loc)}
	days, err := s.Archive.Days()
	if err != nil {
		return a, err
	}
	a.previous, a.next = neighbours(days, day)
	open, err := s.openIncidents()
	a.fault = faultText(err)
	for _, e := range open {
		if archive.DateOf(e.Opened, loc) == day {
			a.open = append(a.open, e)
		}
	}
	if day == a.today {
		a.hour = now.In(loc).Format("15")
	}
	a.tag, err = s.Archive.DayTag(day)
	return a, err
}

// text differs where a list would.
func (a *dayAround) text() string {
	return strings.Join([]string{a.tag, a.today.String(), a.hour, linkText(a.previous), linkText(a.next), incidentsTag(a.open), a.fault}, "\n")
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
	p.Older = olderURL(base, q, v, dv.Entries, dv.Matching)
	if v.Offset > 0 {
		p.Newer = base + without(q, "offset", offsetText(v.Offset-v.Limit))
	} else if !v.Before.IsZero() {
		p.Newer = base + without(q, "before", "")
	}
	return p
}

// olderURL is where the list goes on: in the order of time by the last ID,
// so that a report that comes meanwhile moves nothing; else by number.
func olderURL(base string, q url.Values, v archive.View, entries []archive.Entry, matching int) string {
	n := len(entries)
	if n < v.Limit || n == 0 || v.Before.IsZero() && v.Offset+n >= matching {
		return ""
	}
	if v.Sort == "" || v.Sort == archive.SortTime {
		return base + without(q, "before", lastID(entries).String(), "offset", "")
	}
	return base + without(q, "offset", offsetText(v.Offset+n))
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
