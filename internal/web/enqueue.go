package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
// with a second line when nobody is tracing; for a list of targets one
// such line each, in the order given. With wait=SECONDS it answers 200
// and below that first line the report, as soon as there is one, else
// 202 when the time is over: the first line is always there.
func (s *site) apiMTR(w http.ResponseWriter, r *http.Request, who client) {
	begun := time.Now()
	a, p := s.readAsked(w, r, "ip")
	var ids []ulid.ULID
	if p == nil {
		ids, p = s.take(r, who, a, begun)
	}
	if p != nil {
		s.refuse(w, r, p)
		return
	}
	if a.many {
		s.sendMany(w, r, a.jobs, ids, formatOf(r) == formatJSON)
		return
	}
	ok := s.accepted(r, ids[0])
	w.Header().Set("Location", "/r/"+ok.ID)
	if a.wait > 0 && s.waitAndSend(w, r, ids[0], ok, a.wait) {
		return
	}
	s.sendAccepted(w, r, ok)
}

// take makes the jobs of a request durable, or says why not.
func (s *site) take(r *http.Request, who client, a asked, begun time.Time) ([]ulid.ULID, *problem) {
	for i := range a.jobs {
		if p := s.refusal(a.jobs[i]); p != nil {
			if a.many {
				p.detail = fmt.Sprintf("target %d of %d: %s", i+1, len(a.jobs), p.detail)
			}
			return nil, p
		}
		a.jobs[i].Source, a.jobs[i].By = "http", who.String()
	}
	if wait, ok := s.jobs.take(who.limitedAs(), float64(len(a.jobs)), s.Now()); !ok {
		return nil, &problem{status: http.StatusTooManyRequests, code: codeRate, retry: wait,
			detail: "the job was not accepted: client " + who.String() + " asks for more than it may",
			hint:   "wait, or raise [serve] client_rate and client_burst on this node"}
	}
	select {
	case s.writing <- struct{}{}:
		defer func() { <-s.writing }()
	default:
		return nil, busy("too many are being written at once")
	}
	ids, err := s.submitted(r, a.jobs)
	if err != nil {
		p := submitProblem(err)
		for _, id := range ids {
			if id != (ulid.ULID{}) {
				p.ids = append(p.ids, id.String())
			}
		}
		s.metrics.accepted.Add(uint64(len(p.ids)))
		return nil, p
	}
	s.metrics.accepted.Add(uint64(len(ids)))
	s.metrics.durable.observe(time.Since(begun).Seconds())
	return ids, nil
}

// refuse answers a request to trace with a problem.
func (s *site) refuse(w http.ResponseWriter, r *http.Request, p *problem) {
	s.metrics.refuse(p.code)
	s.fail(w, r, p)
}

func (s *site) accepted(r *http.Request, id ulid.ULID) accepted {
	ok := accepted{ID: id.String(), URL: baseURL(r, s.PublicURL) + "/r/" + id.String()}
	var why string
	if _, ok.Tracing, why = s.runState(inEnglish); !ok.Tracing {
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

// sendMany answers a list in its order.
func (s *site) sendMany(w http.ResponseWriter, r *http.Request, jobs []spool.Job, ids []ulid.ULID, asJSON bool) {
	type one struct {
		Target string `json:"target"`
		ID     string `json:"id"`
		URL    string `json:"url"`
	}
	answer := struct {
		Jobs    []one  `json:"jobs"`
		Tracing bool   `json:"tracing"`
		Note    string `json:"note,omitempty"`
	}{Jobs: make([]one, 0, len(ids))}
	base := baseURL(r, s.PublicURL) + "/r/"
	var text []byte
	for i, id := range ids {
		answer.Jobs = append(answer.Jobs, one{jobs[i].Target, id.String(), base + id.String()})
		text = fmt.Appendf(text, "%s %s%s\n", id, base, id)
	}
	ok := s.accepted(r, ids[0])
	answer.Tracing, answer.Note = ok.Tracing, ok.Note
	if asJSON {
		s.sendJSON(w, r, http.StatusAccepted, answer)
		return
	}
	if ok.Note != "" {
		text = fmt.Appendf(text, "mtrq: %s\n", ok.Note)
	}
	s.send(w, r, http.StatusAccepted, textPlain, text)
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
	if err := s.targetPolicy().Check(q); err != nil {
		hint := "what may be traced is set by [targets] and [serve] ports on this node"
		if errors.Is(err, trace.ErrOnNode) {
			hint = "on the node: mtrq enqueue " + addr.String()
		}
		return &problem{status: http.StatusForbidden, code: codePolicy, detail: err.Error(), hint: hint}
	}
	return nil
}

const (
	// maxWriting bounds the requests that wait for the disk together. They
	// share its syncs, 256 at a time; a storm of 500 fits twice.
	maxWriting = 1024
	// submitTimeout bounds the wait for the disk.
	submitTimeout = 10 * time.Second
)

// submitted makes jobs durable. A caller that hangs up does not take
// its job back: what it wants to know happens now, and scripts that
// send and do not listen are normal.
func (s *site) submitted(r *http.Request, jobs []spool.Job) ([]ulid.ULID, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), submitTimeout)
	defer cancel()
	return s.submitAll(ctx, jobs)
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
