package web

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"reflect"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/spool"
)

// Limits of /api/v1/jobs. A batch of names at their longest fits.
const (
	maxJobs     = 1000
	maxJobsBody = 1 << 20
)

// wireJob is a job as /api/v1/jobs takes it; the keys are those of a
// job file (docs/formats.md, "Job").
//
//	{"target":"203.0.113.7","reason":"loss over 20 %","tags":{"circuit":"GZ-2231"}}
type wireJob struct {
	Target   string            `json:"target"`
	Reason   string            `json:"reason"`
	Event    string            `json:"event"`
	Protocol string            `json:"protocol"`
	Port     *int              `json:"port"`
	Size     *int              `json:"size"`
	TOS      *int              `json:"tos"`
	Family   string            `json:"family"`
	Interval string            `json:"interval"`
	Rounds   *int              `json:"rounds"`
	MaxTTL   *int              `json:"max_ttl"`
	Tags     map[string]string `json:"tags"`
}

// apiJobs takes one job, or {"jobs":[…]} of up to 1,000. It answers 202
// with {"id","url","tracing"}, or {"jobs":[{"target","id","url"},…]} in
// the order given. A batch is accepted whole or not at all.
func (s *site) apiJobs(w http.ResponseWriter, r *http.Request, who client) {
	jobs, single, p := readJobs(w, r)
	if p != nil {
		s.fail(w, r, p)
		return
	}
	for i := range jobs {
		p := jobProblem(jobs[i].Validate())
		if p == nil {
			p = s.refusal(jobs[i])
		}
		if p != nil {
			if !single {
				p.detail = fmt.Sprintf("jobs[%d]: %s", i, p.detail)
				p.hint = "no job of the batch was accepted; mend this one and send all again"
			}
			s.fail(w, r, p)
			return
		}
		jobs[i].Source, jobs[i].By = "http", who.String()
	}
	ids, err := submitted(r, func(ctx context.Context) ([]ulid.ULID, error) { return s.submitAll(ctx, jobs) })
	if err != nil {
		s.fail(w, r, submitProblem(err))
		return
	}
	if single {
		ok := s.accepted(r, ids[0])
		w.Header().Set("Location", "/r/"+ok.ID)
		s.sendJSON(w, r, http.StatusAccepted, ok)
		return
	}
	type one struct {
		Target string `json:"target"`
		ID     string `json:"id"`
		URL    string `json:"url"`
	}
	answer := struct {
		Jobs    []one  `json:"jobs"`
		Tracing bool   `json:"tracing"`
		Note    string `json:"note,omitempty"`
	}{}
	for i, id := range ids {
		ok := accepted{ID: id.String(), URL: baseURL(r, s.PublicURL) + "/r/" + id.String()}
		answer.Jobs = append(answer.Jobs, one{jobs[i].Target, ok.ID, ok.URL})
	}
	ok := s.accepted(r, ids[0])
	answer.Tracing, answer.Note = ok.Tracing, ok.Note
	s.sendJSON(w, r, http.StatusAccepted, answer)
}

// submitAll makes one file of jobs that differ only in their target: one
// sync, whole or not at all. That is the only batch the spool has, so
// readJobs lets no other through.
func (s *site) submitAll(ctx context.Context, jobs []spool.Job) ([]ulid.ULID, error) {
	if len(jobs) == 1 {
		id, err := s.Spool.Submit(ctx, jobs[0])
		return []ulid.ULID{id}, err
	}
	targets := make([]string, len(jobs))
	for i, j := range jobs {
		targets[i] = j.Target
	}
	options := jobs[0]
	options.Target = ""
	return s.Spool.SubmitBatch(ctx, options, targets)
}

// readJobs reads the body. single says that it was one job, not a list.
func readJobs(w http.ResponseWriter, r *http.Request) (jobs []spool.Job, single bool, p *problem) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != appJSON {
		return nil, false, &problem{status: http.StatusUnsupportedMediaType, code: codeMedia,
			detail: "Content-Type is " + short(r.Header.Get("Content-Type")), hint: "send application/json"}
	}
	if r.URL.RawQuery != "" {
		return nil, false, &problem{status: http.StatusBadRequest, code: codeParameter,
			detail: "/api/v1/jobs takes no parameters", hint: "put them into the body, or use /api/mtr"}
	}
	body, p := readBody(w, r, maxJobsBody)
	if p != nil {
		return nil, false, p
	}
	bad := func(format string, args ...any) *problem {
		return &problem{status: http.StatusBadRequest, code: codeBody, detail: fmt.Sprintf(format, args...),
			hint: `send {"target":"203.0.113.7"}, or {"jobs":[{"target":"203.0.113.7"},…]}`}
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(body, &top); err != nil {
		return nil, false, bad("the body is no JSON object: %v", err)
	}
	list, isList := top["jobs"]
	if !isList {
		var one wireJob
		if err := strictJSON(body, &one); err != nil {
			return nil, true, bad("%v", err)
		}
		j, err := one.job()
		if err != nil {
			return nil, true, jobProblem(err)
		}
		return []spool.Job{j}, true, nil
	}
	if len(top) != 1 {
		return nil, false, bad("beside jobs nothing else is allowed")
	}
	var wire []wireJob
	if err := strictJSON(list, &wire); err != nil {
		return nil, false, bad("jobs: %v", err)
	}
	if len(wire) == 0 || len(wire) > maxJobs {
		return nil, false, bad("jobs has %d entries: allowed are 1 to %d", len(wire), maxJobs)
	}
	for i, wj := range wire {
		j, err := wj.job()
		if err != nil {
			p := jobProblem(err)
			p.detail = fmt.Sprintf("jobs[%d]: %s", i, p.detail)
			return nil, false, p
		}
		if i > 0 && !sameOptions(j, jobs[0]) {
			return nil, false, bad("jobs[%d] differs from jobs[0] in more than its target: send it in a request of its own", i)
		}
		jobs = append(jobs, j)
	}
	return jobs, false, nil
}

func sameOptions(a, b spool.Job) bool {
	a.Target, b.Target = "", ""
	return reflect.DeepEqual(a, b)
}

// strictJSON decodes one value and nothing after it; a key that the
// value does not have is an error.
func strictJSON(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON value")
	}
	return nil
}

// job gives the job in the spool's terms. What the spool takes for
// absent (0) must not stand in the body: it would be ignored.
func (wj wireJob) job() (spool.Job, error) {
	j := spool.Job{Target: wj.Target, Reason: wj.Reason, Event: wj.Event, Protocol: wj.Protocol, Family: wj.Family, Tags: wj.Tags}
	if len(wj.Tags) == 0 {
		j.Tags = nil
	}
	fault := func(key, problem string) error {
		return &spool.JobError{Faults: []spool.Fault{{Key: key, Problem: problem}}}
	}
	canonical, err := spool.ParseTarget(wj.Target)
	if err != nil {
		return spool.Job{}, fault("target", short(wj.Target)+" "+err.Error())
	}
	j.Target = canonical
	for _, n := range []struct {
		key  string
		from *int
		to   *int
	}{{"port", wj.Port, &j.Port}, {"size", wj.Size, &j.Size}, {"tos", wj.TOS, &j.TOS}, {"rounds", wj.Rounds, &j.Rounds}, {"max_ttl", wj.MaxTTL, &j.MaxTTL}} {
		switch {
		case n.from == nil:
		case *n.from == 0 && n.key != "tos":
			return spool.Job{}, fault(n.key, "0 is out of range: leave it out for the default")
		default:
			*n.to = *n.from
		}
	}
	if wj.Interval != "" {
		if j.Interval, err = time.ParseDuration(wj.Interval); err != nil || j.Interval == 0 {
			return spool.Job{}, fault("interval", short(wj.Interval)+` is no duration: allowed is 100ms-60s, written "200ms" or "1s"`)
		}
	}
	return j, nil
}

func addrOf(target string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(target)
	return addr, err == nil
}
