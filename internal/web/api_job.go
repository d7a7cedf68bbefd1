package web

import (
	"context"
	"net/http"
	"time"

	"github.com/oklog/ulid/v2"
)

// jobJSON is what /api/v1/jobs/ID answers.
type jobJSON struct {
	ID      string   `json:"id"`
	State   jobState `json:"state"`            // waiting, running, done, bad
	Tracing bool     `json:"tracing"`          // somebody traces now
	Note    string   `json:"note,omitempty"`   // why not; of a bad job what is wrong with it
	URL     string   `json:"url"`              // the page of the request, for good
	Report  string   `json:"report,omitempty"` // of a job that is done: where the report is
}

// apiJob answers /api/v1/jobs/ID: how far a request has come. With
// wait=SECONDS it answers when there is a report, at the latest then.
func (s *site) apiJob(w http.ResponseWriter, r *http.Request) {
	p, bad := apiQuery(r, "wait")
	wait := 0
	if bad == nil {
		wait = p.number("wait", 0, int(maxWait/time.Second))
		bad = p.problem
	}
	id, ok := parseID(r.PathValue("id"))
	switch {
	case bad != nil:
		s.fail(w, r, bad)
		return
	case !ok:
		s.notFound(w, r)
		return
	}
	st, err := s.standing(r, id)
	if err == nil && wait > 0 && (st.state == jobWaiting || st.state == jobRunning) && s.waitQuietly(w, r, id, time.Duration(wait)*time.Second) {
		st, err = s.standing(r, id)
	}
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	if st.state == jobUnknown {
		s.fail(w, r, &problem{status: http.StatusNotFound, code: codeNotFound,
			detail: "no request has the ID " + id.String(), hint: "the node that gave you the ID has it; reports older than [archive] keep are gone"})
		return
	}
	out := jobJSON{ID: id.String(), State: st.state, URL: baseURL(r, s.PublicURL) + "/r/" + id.String()}
	_, out.Tracing, out.Note = s.runState(inEnglish)
	switch st.state {
	case jobBad:
		out.Note = st.reason
	case jobDone:
		out.Note = ""
		out.Report = baseURL(r, s.PublicURL) + "/api/v1/reports/" + id.String()
	}
	s.sendJSON(w, r, http.StatusOK, out)
}

// waitQuietly waits for a report; false when it could not.
func (s *site) waitQuietly(w http.ResponseWriter, r *http.Request, id ulid.ULID, wait time.Duration) bool {
	select {
	case s.waiting <- struct{}{}:
		defer func() { <-s.waiting }()
	default:
		return false // too many wait already
	}
	// What is no connection of its own has no deadline to move.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(wait + writeTimeout))
	ctx, cancel := context.WithTimeout(r.Context(), wait)
	defer cancel()
	_, found := s.waitFor(ctx, id)
	return found
}
