package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"text/tabwriter"

	"github.com/mtrq/mtrq/internal/archive"
)

// maxRows bounds one page of a day: a busy day has 27,777 lines.
const maxRows = 500

type dayPage struct {
	head
	Date, Zone     string
	Count          int
	Shown          string // which of them, where the page does not show all
	Rows           []row
	Older          string // URL of the next page
	Previous, Next *dayLink
}

type dayLink struct{ Date, URL string }

// dayOf reads /2026/11/23; what is no day has no page.
func dayOf(r *http.Request) (archive.Date, bool) {
	d, err := archive.ParseDate(r.PathValue("year") + "-" + r.PathValue("month") + "-" + r.PathValue("day"))
	return d, err == nil
}

func (s *site) dayRedirect(w http.ResponseWriter, r *http.Request) {
	day, ok := dayOf(r)
	if !ok {
		s.notFound(w, r)
		return
	}
	http.Redirect(w, r, dayURL(day), http.StatusMovedPermanently)
}

// day lists the reports of a day: a page, a table in text, or the index
// lines as a JSON array.
func (s *site) day(w http.ResponseWriter, r *http.Request) {
	day, ok := dayOf(r)
	if !ok {
		s.notFound(w, r)
		return
	}
	entries, err := s.Archive.Day(day)
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	switch formatOf(r) {
	case formatJSON:
		if entries == nil {
			entries = []archive.Entry{} // an empty list, not null
		}
		body, err := json.Marshal(entries)
		if err != nil {
			s.fail(w, r, archiveProblem(err))
			return
		}
		s.sendCached(w, r, appJSON, cacheAsk, append(body, '\n'))
	case formatText:
		s.sendCached(w, r, textPlain, cacheAsk, s.textTable(entries))
	default:
		s.dayHTML(w, r, day, entries)
	}
}

func (s *site) dayHTML(w http.ResponseWriter, r *http.Request, day archive.Date, entries []archive.Entry) {
	date := day.String()
	p := dayPage{head: s.head(date), Date: date, Zone: s.Archive.Location().String(), Count: len(entries)}
	before, p400 := beforeParam(r)
	if p400 != nil {
		s.fail(w, r, p400)
		return
	}
	skipped := 0
	for skipped < len(entries) && before != "" && entries[skipped].ID.String() >= before {
		skipped++
	}
	shown := entries[skipped:]
	if len(shown) > maxRows {
		shown = shown[:maxRows]
		p.Older = dayURL(day) + "?before=" + shown[maxRows-1].ID.String()
	}
	if len(shown) < len(entries) && len(shown) > 0 {
		p.Shown = fmt.Sprintf("here %d to %d", skipped+1, skipped+len(shown))
	}
	for _, e := range shown {
		p.Rows = append(p.Rows, s.rowOf(e))
	}
	days, err := s.Archive.Days()
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	p.Previous, p.Next = neighbours(days, day)
	body, err := s.render("day.html", p)
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	s.sendCached(w, r, textHTML, cacheAsk, body)
}

// beforeParam is the ID at which the page before this one ended.
func beforeParam(r *http.Request) (string, *problem) {
	s := r.URL.Query().Get("before")
	if s == "" {
		return "", nil
	}
	id, ok := parseID(s)
	if !ok {
		return "", &problem{status: http.StatusBadRequest, code: codeParameter,
			detail: "before " + short(s) + " is no ID", hint: "leave it out to begin with the newest report"}
	}
	return id.String(), nil
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

// textTable is a list for a terminal, oldest first as a log is.
func (s *site) textTable(entries []archive.Entry) []byte {
	var b bytes.Buffer
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "TIME\tTARGET\tLOST\tVERDICT\tFRESHNESS\tID\tREASON")
	for _, e := range slices.Backward(entries) {
		r := s.rowOf(e)
		loss := r.Loss
		if loss == "" {
			loss = "none sent"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", r.At, r.Target, loss, r.Verdict, r.Freshness, e.ID, r.Reason)
	}
	_ = t.Flush() // into memory: cannot fail
	return bytes.ReplaceAll(b.Bytes(), []byte("  \n"), []byte("\n"))
}
