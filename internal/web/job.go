package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// jobState is how far a request has come, as /r/ID says it.
type jobState string

const (
	jobUnknown jobState = "unknown"
	jobWaiting jobState = "waiting" // accepted, no probe sent
	jobRunning jobState = "running"
	jobBad     jobState = "bad" // could not be read; no report will come
	jobDone    jobState = "done"
)

// standing is a request's state with what belongs to it.
type standing struct {
	state  jobState
	entry  archive.Entry  // of jobDone
	report *report.Report // of jobRunning: what was seen so far
	reason string         // of jobBad
}

// standing looks where a request is. A job ends by its report being
// written and only then leaving the spool, so the archive is asked
// first, and again when the spool does not know the job.
func (s *site) standing(r *http.Request, id ulid.ULID) (standing, error) {
	done := func() (standing, error) {
		e, err := s.Archive.Find(id.String())
		switch {
		case errors.Is(err, archive.ErrNotFound):
			return standing{state: jobUnknown}, nil
		case err != nil:
			return standing{}, err
		}
		return standing{state: jobDone, entry: e}, nil
	}
	if st, err := done(); err != nil || st.state == jobDone {
		return st, err
	}
	p, err := s.where(r, id)
	if err != nil {
		return standing{}, err
	}
	switch p.State {
	case spool.StateUnknown:
		return done()
	case spool.StateBad:
		return standing{state: jobBad, reason: p.Reason}, nil
	case spool.StateClaimed:
		if rep, ok := s.running(r, id, p); ok {
			return standing{state: jobRunning, report: rep}, nil
		}
	}
	return standing{state: jobWaiting}, nil
}

// running is what the trace that serves a claimed job has seen so far: its
// own, or that of the job that it joined.
func (s *site) running(r *http.Request, id ulid.ULID, p spool.Place) (*report.Report, bool) {
	if p.Events != "" {
		return s.live(id, p)
	}
	st, tracing, _ := s.Spool.RunState(s.Now()) // why not, the page of a waiting job says
	by, joined := st.Served[id]
	if !tracing || !joined {
		return nil, false
	}
	p, err := s.where(r, by)
	if err != nil {
		return nil, false // of the job that was asked for it is known where it is
	}
	return s.live(by, p)
}

// refreshSeconds is how often the page of a job that has not ended asks
// again; events are written once a second.
const refreshSeconds = 2

// job answers /r/ID, the link that whoever enqueued was given: the
// finished report, or what is known until then.
func (s *site) job(w http.ResponseWriter, r *http.Request) {
	name, form := formExt(r.PathValue("id"), r)
	id, ok := parseID(name)
	if !ok {
		s.notFound(w, r)
		return
	}
	st, err := s.standing(r, id)
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	w.Header().Set("Mtrq-State", string(st.state))
	switch st.state {
	case jobDone:
		s.jobDone(w, r, st.entry, form)
	case jobRunning:
		s.jobRunning(w, r, st.report, form)
	case jobWaiting:
		s.jobWaiting(w, r, id, form)
	case jobBad:
		s.fail(w, r, &problem{status: http.StatusGone, code: codeJobBad,
			detail: "this request was not traced: " + st.reason, hint: "send it again, mended; the file lies in bad/ of the spool"})
	default:
		s.fail(w, r, &problem{status: http.StatusNotFound, code: codeNotFound,
			detail: "no request has the ID " + id.String(), hint: "the node that gave you the ID has it; reports older than [archive] keep are gone"})
	}
}

// jobDone sends a browser on to the report's own place and serves curl,
// which does not follow, right here.
func (s *site) jobDone(w http.ResponseWriter, r *http.Request, e archive.Entry, form format) {
	place := s.reportURL(e)
	if form == formatHTML {
		w.Header().Add("Vary", "Accept")
		w.Header().Set("Cache-Control", "no-cache")
		http.Redirect(w, r, place, http.StatusFound)
		return
	}
	w.Header().Set("Content-Location", place)
	s.sendReport(w, r, e, form)
}

func (s *site) jobRunning(w http.ResponseWriter, r *http.Request, rep *report.Report, form format) {
	switch form {
	case formatText:
		s.send(w, r, http.StatusOK, textPlain, []byte(report.Text(rep.In(s.Archive.Location()))))
	case formatJSON:
		s.sendJSON(w, r, http.StatusOK, rep)
	case formatSVG:
		s.send(w, r, http.StatusOK, appSVG, report.SVG(rep.In(s.Archive.Location())))
	default:
		p := s.reportPage(r, rep, s.names(addressesOf(rep)))
		p.ID = rep.Evidence.Requests[0].ID.String()
		p.Refresh, p.Live = refreshSeconds, "report="+p.ID
		if _, tracing, why := s.runState(p.head); !tracing {
			p.Stalled = why
		}
		s.page(w, r, http.StatusOK, "report.html", p)
	}
}

type jobPage struct {
	head
	ID, Heading, Class string
	Says               string // in the language of the page
	Sentence           string // the same in English, for text
}

func (s *site) jobWaiting(w http.ResponseWriter, r *http.Request, id ulid.ULID, form format) {
	_, tracing, why := s.runState(inEnglish)
	p := jobPage{head: s.head(r, langOf(r).Say("job.title")), ID: id.String(), Class: "ok",
		Sentence: "This request waits for its first probe."}
	p.Heading, p.Says = p.T("job.accepted"), p.T("job.waits")
	if !tracing {
		_, _, here := s.runState(p.head)
		p.Class, p.Says = "bad", p.T("job.nobody", here)
		p.Sentence = "This request is accepted, but nobody is tracing: " + why + ". It will be traced when mtrq run is back."
	}
	switch form {
	case formatHTML:
		p.Refresh, p.Live = refreshSeconds, "report="+p.ID
		s.page(w, r, http.StatusOK, "job.html", p)
	case formatJSON:
		s.sendJSON(w, r, http.StatusOK, struct {
			ID      string   `json:"id"`
			State   jobState `json:"state"`
			Tracing bool     `json:"tracing"`
			Note    string   `json:"note,omitempty"`
		}{p.ID, jobWaiting, tracing, why})
	default:
		s.send(w, r, http.StatusOK, textPlain, fmt.Appendf(nil, "mtrq: %s: %s: %s\n", p.ID, jobWaiting, p.Sentence))
	}
}

// pollEvery is how often a waiting request looks for its report.
const pollEvery = 200 * time.Millisecond

// waitAndSend waits for a report and sends it. It reports false, with
// nothing sent, when there is none in time.
func (s *site) waitAndSend(w http.ResponseWriter, r *http.Request, id ulid.ULID, ok accepted, wait time.Duration) bool {
	select {
	case s.waiting <- struct{}{}:
		defer func() { <-s.waiting }()
	default:
		return false // too many wait already: the caller asks at its link
	}
	// What is no connection of its own has no deadline to move.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wait + writeTimeout))
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	e, found := s.waitFor(ctx, id)
	if !found {
		return false
	}
	form := formatOf(r)
	if form == formatHTML {
		form = formatText
	}
	body, err := s.renderArchived(e, form)
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return true
	}
	w.Header().Set("Content-Location", s.reportURL(e))
	if form == formatText {
		body = append([]byte(ok.lines()), body...)
	}
	s.send(w, r, http.StatusOK, typeOf(form), body)
	return true
}

// waitFor polls the archive: reports come from another process.
func (s *site) waitFor(ctx context.Context, id ulid.ULID) (archive.Entry, bool) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		if has, err := s.Archive.Has(id); err == nil && has {
			e, err := s.Archive.Find(id.String())
			return e, err == nil
		}
		select {
		case <-ctx.Done():
			return archive.Entry{}, false
		case <-s.stopping:
			return archive.Entry{}, false
		case <-tick.C:
		}
	}
}
