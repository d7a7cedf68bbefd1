package web

import (
	"errors"
	"io/fs"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

// Limits of lists.
const (
	listDefault = 1000
	listMost    = 100_000
)

// apiQuery reads the parameters of a request that may have no others
// than these.
func apiQuery(r *http.Request, known ...string) (*paramReader, *problem) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, unreadable(err)
	}
	p := &paramReader{values: values, known: known}
	p.unknown()
	return p, p.problem
}

// limit gives how much of a list is wanted.
func (p *paramReader) limit() int {
	if n := p.number("limit", 1, listMost); n > 0 {
		return n
	}
	return listDefault
}

// moment reads a time: a day of the archive's zone, RFC 3339, or how
// long ago ("90m", "24h", "7d"). Zero is absent.
func (p *paramReader) moment(name string, now time.Time, loc *time.Location) time.Time {
	s, ok := p.one(name)
	if !ok {
		return time.Time{}
	}
	if d, err := archive.ParseDate(s); err == nil {
		return d.Start(loc)
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t
	}
	if days, ok := strings.CutSuffix(s, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && n >= 0 && n <= 36500 {
			return now.Add(-time.Duration(n) * 24 * time.Hour)
		}
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return now.Add(-d)
	}
	p.fault(codeParameter, `write a day ("2026-11-23"), a time ("2026-11-23T14:05:00+08:00", the + as %2B) or how long ago ("90m", "7d")`, "%s %s is no time", name, short(s))
	return time.Time{}
}

// apiDays answers /api/v1/days: how much there is of each day's index,
// newest first. Another node follows this one by it.
func (s *site) apiDays(w http.ResponseWriter, r *http.Request) {
	p, bad := apiQuery(r, "since", "limit")
	var since time.Time
	limit := 0
	if bad == nil {
		since, limit = p.moment("since", s.Now(), s.Archive.Location()), p.limit()
		bad = p.problem
	}
	if bad != nil {
		s.fail(w, r, bad)
		return
	}
	var from archive.Date
	if !since.IsZero() {
		from = archive.DateOf(since, s.Archive.Location())
	}
	days, err := s.Archive.DayFiles(from, limit)
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	if days == nil {
		days = []archive.DayFile{}
	}
	s.sendJSON(w, r, http.StatusOK, struct {
		Schema int               `json:"schema"`
		Node   string            `json:"node"`
		Zone   string            `json:"zone"`
		Days   []archive.DayFile `json:"days"`
	}{1, s.Node, s.Archive.Location().String(), days})
}

// apiDay answers /api/v1/days/2026-11-23 with the lines of the index,
// whole ones only. Who has the first N bytes of the same generation asks
// for Range: bytes=N-; 416 says that there is nothing new.
func (s *site) apiDay(w http.ResponseWriter, r *http.Request) {
	if _, bad := apiQuery(r); bad != nil {
		s.fail(w, r, bad)
		return
	}
	day, err := archive.ParseDate(r.PathValue("date"))
	if err != nil {
		s.notFound(w, r)
		return
	}
	x, err := s.Archive.OpenIndex(day)
	if errors.Is(err, fs.ErrNotExist) {
		s.notFound(w, r)
		return
	}
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	defer func() { _ = x.Close() }() // only read from
	h := w.Header()
	h.Set("Content-Type", "application/jsonl; charset=utf-8")
	h.Set("Cache-Control", "no-cache")
	h.Set("Mtrq-Generation", x.Generation)
	h.Set("Etag", strconv.Quote(x.Generation+"-"+strconv.FormatInt(x.Bytes, 10)))
	http.ServeContent(w, r, "", time.Time{}, x.Reader())
}

// apiReport answers /api/v1/reports/ID: the report as it was written.
func (s *site) apiReport(w http.ResponseWriter, r *http.Request) {
	_, bad := apiQuery(r)
	id, ok := parseID(r.PathValue("id"))
	switch {
	case bad != nil:
		s.fail(w, r, bad)
		return
	case !ok:
		s.notFound(w, r)
		return
	}
	e, err := s.Archive.Find(id.String())
	if err == nil {
		var body []byte
		if body, err = s.Archive.JSON(e); err == nil {
			w.Header().Set("Content-Location", s.reportURL(e)+".json")
			s.sendCached(w, r, appJSON, cacheForever, body)
			return
		}
	}
	s.fail(w, r, archiveProblem(err))
}

// apiIncidents answers /api/v1/incidents: those that are open, then
// those of the archive, each newest first.
func (s *site) apiIncidents(w http.ResponseWriter, r *http.Request) {
	p, bad := apiQuery(r, "since", "until", "target", "limit", "state")
	var q archive.IncidentQuery
	state := ""
	if bad == nil {
		now, loc := s.Now(), s.Archive.Location()
		q = archive.IncidentQuery{Since: p.moment("since", now, loc), Until: p.moment("until", now, loc), Target: p.word("target"), Limit: p.limit()}
		state = p.choice("state", string(report.IncidentOpen), string(report.IncidentClosed))
		bad = p.problem
	}
	if bad != nil {
		s.fail(w, r, bad)
		return
	}
	out := []archive.IncidentEntry{}
	seen := map[string]bool{}
	if state != string(report.IncidentClosed) {
		// Those first: one that closes meanwhile is in both lists rather than
		// in none.
		open, err := s.openIncidents()
		if err != nil {
			s.fail(w, r, archiveProblem(err))
			return
		}
		for _, e := range open {
			if s.openMatches(e, q) && len(out) < q.Limit {
				out, seen[e.ID.String()] = append(out, e), true
			}
		}
	}
	if state != string(report.IncidentOpen) {
		var closed []archive.IncidentEntry
		err := s.bounded(r, func() (err error) {
			closed, err = s.Archive.Incidents(q)
			return err
		})
		if err != nil {
			s.fail(w, r, archiveProblem(err))
			return
		}
		for _, e := range closed {
			if !seen[e.ID.String()] && len(out) < q.Limit {
				out = append(out, e)
			}
		}
	}
	s.sendJSON(w, r, http.StatusOK, struct {
		Schema    int                     `json:"schema"`
		Incidents []archive.IncidentEntry `json:"incidents"`
	}{1, out})
}

// openMatches judges an incident that is open; its members are read only
// where a target is asked for.
func (s *site) openMatches(e archive.IncidentEntry, q archive.IncidentQuery) bool {
	if q.Target == "" {
		return !e.Opened.Before(q.Since) && (q.Until.IsZero() || e.Opened.Before(q.Until))
	}
	inc, err := s.openIncident(e.ID)
	return err == nil && q.Match(inc)
}

// choice gives one of the words, or "" for absent.
func (p *paramReader) choice(name string, words ...string) string {
	s := p.word(name)
	for _, w := range words {
		if s == w {
			return s
		}
	}
	if s != "" {
		p.fault(codeParameter, "", "%s %s is unknown: allowed are %s", name, short(s), strings.Join(words, ", "))
	}
	return ""
}
