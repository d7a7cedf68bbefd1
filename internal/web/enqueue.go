package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"syscall"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/trace"
	"github.com/mtrq/mtrq/spool"
)

// accepted is what a caller learns of a job that is durable.
type accepted struct {
	ID      string `json:"id"`
	URL     string `json:"url"`
	Tracing bool   `json:"tracing"`        // somebody traces now
	Note    string `json:"note,omitempty"` // why not
}

// apiMTR is the door that old scripts know: GET or POST
// /api/mtr?ip=203.0.113.7. It answers 202 once the job is durable,
//
//	01KAR1ABTB5H2ZJ0Q4V7W8X9YZ http://127.0.0.1:8081/r/01KAR1ABTB5H2ZJ0Q4V7W8X9YZ
//
// with a second line when nobody is tracing. With wait=SECONDS it
// answers 200 and below that first line the report, as soon as there is
// one, else 202 when the time is over: the first line is always there.
func (s *site) apiMTR(w http.ResponseWriter, r *http.Request, who client) {
	values, p := formValues(w, r)
	if p != nil {
		s.fail(w, r, p)
		return
	}
	a, p := parseAsk(values)
	if p == nil {
		p = s.refusal(a.job)
	}
	if p != nil {
		s.fail(w, r, p)
		return
	}
	a.job.Source, a.job.By = "http", who.String()
	id, err := submitted(r, func(ctx context.Context) (ulid.ULID, error) { return s.Spool.Submit(ctx, a.job) })
	if err != nil {
		s.fail(w, r, submitProblem(err))
		return
	}
	ok := s.accepted(r, id)
	w.Header().Set("Location", "/r/"+ok.ID)
	if a.wait > 0 && s.waitAndSend(w, r, id, ok, a.wait) {
		return
	}
	s.sendAccepted(w, r, ok)
}

func (s *site) accepted(r *http.Request, id ulid.ULID) accepted {
	ok := accepted{ID: id.String(), URL: baseURL(r, s.PublicURL) + "/r/" + id.String()}
	var why string
	if _, ok.Tracing, why = s.Spool.RunState(s.Now()); !ok.Tracing {
		ok.Note = "accepted, but nobody is tracing: " + why
	}
	return ok
}

func (s *site) sendAccepted(w http.ResponseWriter, r *http.Request, ok accepted) {
	if formatOf(r) == formatJSON {
		s.sendJSON(w, r, http.StatusAccepted, ok)
		return
	}
	s.send(w, r, http.StatusAccepted, textPlain, []byte(ok.lines()))
}

// lines are what a caller reads: always the same first line.
func (a accepted) lines() string {
	line := a.ID + " " + a.URL + "\n"
	if a.Note != "" {
		line += "mtrq: " + a.Note + "\n"
	}
	return line
}

func (s *site) sendJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		s.fail(w, r, &problem{status: http.StatusInternalServerError, code: codeInternal, detail: "the answer cannot be written as JSON", err: err})
		return
	}
	s.send(w, r, status, appJSON, append(body, '\n'))
}

// refusal asks the target policy about a literal address, so that the
// caller hears at once what run would refuse. Names are for run, which
// sees the address, and so is a port left open, which run fills in.
func (s *site) refusal(j spool.Job) *problem {
	addr, literal := addrOf(j.Target)
	if !literal {
		return nil
	}
	q := trace.Question{Addr: addr, Source: "http", Port: j.Port}
	if err := s.Policy.Check(q); err != nil {
		return &problem{status: http.StatusForbidden, code: codePolicy, detail: err.Error(),
			hint: "what may be traced is set by [targets] and [serve] ports on this node"}
	}
	return nil
}

// submitTimeout bounds the wait for the disk.
const submitTimeout = 10 * time.Second

// submitted makes jobs durable. A caller that hangs up does not take
// its job back: what it wants to know happens now, and scripts that
// send and do not listen are normal.
func submitted[T any](r *http.Request, submit func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), submitTimeout)
	defer cancel()
	return submit(ctx)
}

// submitProblem turns a failure of the spool into an answer.
func submitProblem(err error) *problem {
	var faults *spool.JobError
	switch {
	case errors.As(err, &faults):
		return jobProblem(faults)
	case errors.Is(err, spool.ErrFull), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &problem{status: http.StatusInsufficientStorage, code: codeFull, err: err,
			detail: "the job was not accepted: the spool of this node is full",
			hint:   "free space on the node, or lower [spool] reserve_bytes and reserve_inodes"}
	}
	return &problem{status: http.StatusServiceUnavailable, code: codeUnavailable, err: err,
		detail: "the job was not accepted: the spool of this node cannot be written",
		hint:   "look at the log of mtrq serve, run mtrq check on the node, and send the job again"}
}
