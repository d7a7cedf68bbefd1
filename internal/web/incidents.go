package web

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

// incidentParams are the parameters of the list of incidents.
//
//	target=203.0.113.7   verdict=uplink-cut   state=open
//	since=2026-11-23     before=RFC 3339 or a day   limit=100
var incidentParams = []string{"target", "verdict", "state", "since", "before", "limit"}

const (
	incidentRowsMost = 100
	incidentLimit    = 1000
)

type incidentsPage struct {
	head
	Rows          []incidentRow
	Open          int
	Target        string
	Since, Before string
	Verdicts      []option
	States        []option
	Filtered      bool
	Older         string // URL of the next page
	FeedURL       string
}

// incidentsQuery is what is asked of the list of incidents.
type incidentsQuery struct {
	archive.IncidentQuery
	state string // "open", "closed" or both: ""
}

// incidents answers /incidents: those that are open, then those of the
// archive, newest first; also as .json, .csv, .txt.
func (s *site) incidents(w http.ResponseWriter, r *http.Request) {
	form := formatAmong(r, listOffers)
	if ending := strings.TrimPrefix(r.URL.Path, "/incidents"); ending != "" {
		form = map[string]format{".json": formatJSON, ".csv": formatCSV, ".txt": formatText}[ending]
	}
	q, p := s.incidentsQuery(r)
	if p != nil {
		s.fail(w, r, p)
		return
	}
	if form == formatHTML && untidy(r.URL.Query()) {
		http.Redirect(w, r, "/incidents"+without(r.URL.Query()), http.StatusSeeOther)
		return
	}
	var entries []archive.IncidentEntry
	more := false
	err := s.bounded(r, func() (err error) {
		entries, more, err = s.listIncidents(q)
		return err
	})
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	next := ""
	if more {
		last := entries[len(entries)-1]
		next = r.URL.Path + without(r.URL.Query(), "before", last.Opened.Format(time.RFC3339Nano))
		w.Header().Set("Link", "<"+plainURL(next)+`>; rel="next"`)
	}
	switch form {
	case formatJSON:
		body, err := json.Marshal(struct {
			Incidents []archive.IncidentEntry `json:"incidents"`
		}{entries})
		if err != nil {
			s.fail(w, r, archiveProblem(err))
			return
		}
		s.sendCached(w, r, appJSON, cacheAsk, append(body, '\n'))
	case formatCSV:
		s.sendCached(w, r, textCSV, cacheAsk, s.incidentsCSV(entries))
	case formatHTML:
		s.pageCached(w, r, "incidents.html", s.incidentsPage(r, q, entries, next))
	default:
		body := s.incidentsText(entries)
		if len(entries) == 0 {
			body = []byte("no incident\n")
		}
		s.sendCached(w, r, textPlain, cacheAsk, body)
	}
}

func (s *site) incidentsQuery(r *http.Request) (incidentsQuery, *problem) {
	q, p := listQuery(r)
	if p != nil {
		return incidentsQuery{}, p
	}
	loc := s.Archive.Location()
	lr := listReader{q: q, day: archive.DateOf(s.Now(), loc), loc: loc}
	for name := range q {
		if !slices.Contains(incidentParams, name) {
			lr.fault(name, "there is no parameter "+short(name), "use "+strings.Join(incidentParams, ", "))
		}
	}
	out := incidentsQuery{IncidentQuery: archive.IncidentQuery{Target: lr.one("target"), Class: report.Class(lr.oneOf("verdict", wordsOf(filterVerdicts)))}}
	out.state = lr.oneOf("state", []string{"open", "closed"})
	out.Limit = lr.number("limit", 1, incidentLimit, incidentRowsMost)
	out.Since, out.Until = lr.dayOrMoment("since"), lr.dayOrMoment("before")
	return out, lr.problem
}

// dayOrMoment reads "2026-11-23", the beginning of that day, or what moment
// reads.
func (r *listReader) dayOrMoment(name string) time.Time {
	if d, err := archive.ParseDate(r.one(name)); err == nil {
		return d.Start(r.loc)
	}
	return r.moment(name)
}

// listIncidents lists what a query selects; more says that it has left out
// some that are older.
func (s *site) listIncidents(q incidentsQuery) (entries []archive.IncidentEntry, more bool, err error) {
	// Open ones first: one that closes between the two looks is in both lists
	// rather than in none.
	entries = []archive.IncidentEntry{}
	if q.state != "closed" {
		open, err := s.openIncidents()
		if err != nil {
			return nil, false, err
		}
		for _, e := range open {
			if q.Target != "" && !s.openOf(e.ID, q.Target) || q.Class != "" && e.Verdict != q.Class ||
				!q.Since.IsZero() && e.Opened.Before(q.Since) || !q.Until.IsZero() && !e.Opened.Before(q.Until) {
				continue
			}
			entries = append(entries, e)
		}
	}
	if q.state == "open" {
		return entries, false, nil
	}
	ask := q.IncidentQuery
	ask.Limit++
	closed, err := s.Archive.Incidents(ask)
	if err != nil {
		return nil, false, err
	}
	entries = slices.DeleteFunc(entries, func(o archive.IncidentEntry) bool {
		return slices.ContainsFunc(closed, func(e archive.IncidentEntry) bool { return e.ID == o.ID })
	})
	if more = len(closed) > q.Limit; more {
		closed = closed[:q.Limit]
	}
	return append(entries, closed...), more, nil
}

func (s *site) incidentsPage(r *http.Request, q incidentsQuery, entries []archive.IncidentEntry, next string) incidentsPage {
	p := incidentsPage{head: s.head(r, "")}
	p.Title, p.Section = p.T("site.incidents"), "incidents"
	p.Rows, p.Older = s.datedRows(p.head, entries), next
	for _, e := range entries {
		if e.State == report.IncidentOpen {
			p.Open++
		}
	}
	p.Refresh = targetRefresh
	query := r.URL.Query()
	p.Target, p.Since, p.Before = clean(query.Get("target")), clean(query.Get("since")), clean(query.Get("before"))
	p.Verdicts = options(filterVerdicts, query.Get("verdict"), func(v string) string { return p.wordOf("verdict", v) })
	p.States = options([]string{"open", "closed"}, q.state, func(v string) string { return p.wordOf("inc.state", v) })
	p.Filtered = without(query) != ""
	p.FeedURL = "/incidents.atom"
	for _, f := range []string{"txt", "csv", "json"} {
		p.Links = append(p.Links, link{strings.ToUpper(f), "/incidents." + f + without(query)})
	}
	p.Links = append(p.Links, link{"Atom", p.FeedURL})
	return p
}

// datedRows are incidents of any year: those of another one say which.
func (s *site) datedRows(h head, entries []archive.IncidentEntry) []incidentRow {
	rows := s.incidentRows(h, entries)
	year := s.Now().In(s.Archive.Location()).Year()
	for i, e := range entries {
		at := e.Opened
		if e.Began != nil {
			at = *e.Began
		}
		if at.In(s.Archive.Location()).Year() != year || s.Now().Sub(at) > 300*24*time.Hour {
			rows[i].At = s.stampAs(at, "2006-01-02 15:04:05")
		}
	}
	return rows
}

// incidentsCSV is a list of incidents for a spreadsheet (RFC 4180).
func (s *site) incidentsCSV(entries []archive.IncidentEntry) []byte {
	var b bytes.Buffer
	c := csv.NewWriter(&b)
	c.UseCRLF = true
	_ = c.Write([]string{"id", "state", "began", "opened", "closed", "lasted_ms", "node", "trigger", "targets", "affected", "lost", "sent", "loss_percent",
		"verdict", "grade", "where", "sentence", "url"})
	at := func(t *time.Time) string {
		if t == nil {
			return ""
		}
		return t.In(s.Archive.Location()).Format(time.RFC3339Nano)
	}
	for _, e := range entries {
		lasted := ""
		if e.LastedMS != nil {
			lasted = strconv.FormatInt(*e.LastedMS, 10)
		}
		affected := strconv.Itoa(e.Affected)
		if e.Unreadable != "" {
			affected = "" // not known
		}
		record := []string{e.ID.String(), string(e.State), at(e.Began), at(&e.Opened), at(e.Closed), lasted, e.Node, string(e.Trigger), strings.Join(e.Targets, " "),
			affected, numberCell(e.Lost), numberCell(e.Sent), floatCell(e.Loss()), string(e.Verdict), string(e.Grade), e.Where,
			report.SentenceIn(e.Sentence, s.Archive.Location()), incidentURL(e.ID)}
		for i := range record {
			record[i] = csvCell(record[i])
		}
		_ = c.Write(record)
	}
	c.Flush() // into memory: cannot fail
	return b.Bytes()
}
