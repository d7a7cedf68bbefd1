package web

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

// settledAfter is when a closed incident no longer changes: the traces of
// its members have ended, and their reports are written.
const settledAfter = 10 * time.Minute

// staleAfter is how old an open incident's last word may be: a living node
// says it anew each second, each fifth under load.
const staleAfter = 30 * time.Second

// incident answers /incident/ID, also with .json, .txt or .svg. One that is
// over is in the archive and stays as it is; one that is open is shown as it
// was a second ago.
func (s *site) incident(w http.ResponseWriter, r *http.Request) {
	name, form := formExt(r.PathValue("id"), r)
	id, ok := parseID(name)
	if !ok {
		s.notFound(w, r)
		return
	}
	if form == formatHTML && s.settledOnes.has(id, s.Now()) && s.sendKeptIncident(w, r, id) {
		return
	}
	inc, open, err := s.findIncident(id)
	if err != nil {
		s.fail(w, r, incidentProblem(id, err))
		return
	}
	cache := cacheForever
	switch {
	case open:
		cache = "no-store"
	case form == formatHTML, !s.settled(inc):
		cache = cacheAsk // a page changes with the program, and with the reader's language
	}
	switch form {
	case formatHTML:
		s.incidentHTML(w, r, inc, open, cache)
	case formatJSON:
		s.incidentJSON(w, r, inc, open, cache)
	case formatSVG:
		s.sendCached(w, r, appSVG, cache, report.IncidentSVG(s.incidentInZone(inc), s.reportsOf(inc, open)))
	default:
		s.sendCached(w, r, textPlain, cache, []byte(report.IncidentText(s.incidentInZone(inc), s.reportsOf(inc, open))+s.staleNote(inc, open)))
	}
}

// findIncident looks for an incident where it is for good, then where it is
// while it is open, and again where it may have gone in between.
func (s *site) findIncident(id ulid.ULID) (inc *report.Incident, open bool, err error) {
	for range 2 {
		inc, err = s.Archive.Incident(id.String())
		if err == nil || !errors.Is(err, archive.ErrNotFound) {
			return inc, false, err
		}
		inc, openErr := s.openIncident(id)
		switch {
		case openErr == nil && inc.ID != id:
			return nil, false, fmt.Errorf("open incident %s: its file holds incident %s", id, inc.ID)
		case openErr == nil:
			return inc, true, nil
		case !errors.Is(openErr, fs.ErrNotExist):
			return nil, false, openErr
		}
	}
	return nil, false, err
}

func incidentProblem(id ulid.ULID, err error) *problem {
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return &problem{status: http.StatusNotFound, code: codeNotFound,
			detail: "no incident has the ID " + id.String(), hint: "/incidents lists them; those older than [archive] keep_incidents are gone"}
	case errors.Is(err, archive.ErrNewer), errors.Is(err, report.ErrNewerSchema):
		return &problem{status: http.StatusNotImplemented, code: codeUnavailable,
			detail: "incident " + id.String() + " was written by a newer mtrq", hint: "update mtrq on this node, or take the file as it is from the archive"}
	}
	return archiveProblem(err)
}

// settled says that nothing of an incident changes any more.
func (s *site) settled(inc *report.Incident) bool {
	last := inc.At
	if c := inc.Times.Closed; c != nil {
		last = *c
	}
	return inc.State != report.IncidentOpen && s.Now().Sub(last) > settledAfter
}

func (s *site) incidentJSON(w http.ResponseWriter, r *http.Request, inc *report.Incident, open bool, cache string) {
	if !open {
		body, err := s.Archive.IncidentFile(inc.ID, archive.IncidentJSON)
		if err != nil {
			s.fail(w, r, incidentProblem(inc.ID, err))
			return
		}
		s.sendCached(w, r, appJSON, cache, body)
		return
	}
	var b strings.Builder
	if err := report.EncodeIncident(&b, inc); err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	s.sendCached(w, r, appJSON, cache, []byte(b.String()))
}

// maxLiveTraces is how many traces that still run are shown with an open
// incident.
const maxLiveTraces = 3

// reportsOf are the reports of an incident's members as far as they are at
// hand; while it is open those of traces that run, too.
func (s *site) reportsOf(inc *report.Incident, open bool) []*report.Report {
	reports := s.Archive.IncidentReports(inc)
	if !open {
		return reports
	}
	here := make(map[ulid.ULID]bool)
	for _, rep := range reports {
		for _, q := range rep.Evidence.Requests {
			here[q.ID] = true
		}
	}
	left := maxLiveTraces
	for i := range inc.Members {
		for _, id := range inc.Members[i].Reports {
			if here[id] || left == 0 {
				continue
			}
			left--
			if p, err := s.Spool.Where(id); err == nil {
				if rep, ok := s.live(id, p); ok {
					reports = append(reports, rep)
				}
			}
		}
	}
	return reports
}

// stale says that nobody goes on with an incident that is open.
func (s *site) stale(inc *report.Incident, open bool) bool {
	age := s.Now().Sub(inc.At)
	return open && (age > staleAfter || age < -staleAfter)
}

func (s *site) staleNote(inc *report.Incident, open bool) string {
	if !s.stale(inc, open) {
		return ""
	}
	return "Nobody is watching: this is how it stood at " + inc.At.In(s.Archive.Location()).Format(longTime) + ". Start mtrq run.\n"
}
