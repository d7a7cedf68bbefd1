package web

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
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
	if form == formatHTML {
		s.incidentHTML(w, r, id)
		return
	}
	cache := cacheAsk // all but the JSON has the verdict of today's rules
	// Read and shown in one turn: one that waits for its turn takes no room.
	body, err := s.made(r, func() ([]byte, error) {
		inc, open, err := s.findIncident(id)
		switch {
		case err != nil:
			return nil, err
		case open:
			cache = "no-store"
		case form == formatJSON && s.settled(inc):
			cache = cacheForever
		}
		return s.incidentForm(inc, open, form)
	})
	if err != nil {
		s.fail(w, r, incidentProblem(id, err))
		return
	}
	s.sendCached(w, r, typeOf(form), cache, body)
}

// incidentForm is an incident in a form that is no page.
func (s *site) incidentForm(inc *report.Incident, open bool, form format) ([]byte, error) {
	switch {
	case form == formatJSON && !open:
		return s.Archive.IncidentFile(inc.ID, archive.IncidentJSON)
	case form == formatJSON:
		var b bytes.Buffer
		err := report.EncodeIncident(&b, inc)
		return b.Bytes(), err
	}
	shown := s.inZone(inc, s.reportsOf(inc, open))
	if form == formatSVG {
		return report.IncidentSVG(shown.Incident, shown.Reports), nil
	}
	return []byte(report.IncidentText(shown.Incident, shown.Reports) + s.staleNote(inc, open)), nil
}

// inZone is an incident with reports of it, their times in the archive's zone;
// what it is given stays as it is.
func (s *site) inZone(inc *report.Incident, reports []*report.Report) report.TicketInput {
	return report.TicketInput{Incident: inc, Reports: reports}.In(s.Archive.Location())
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
	if errors.Is(err, archive.ErrNotFound) {
		return &problem{status: http.StatusNotFound, code: codeNotFound,
			detail: "no incident has the ID " + id.String(), hint: "/incidents lists them; those older than [archive] keep_incidents are gone"}
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
			if p, err := s.Spool.WhereNamed(id); err == nil {
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
