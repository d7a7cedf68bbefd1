package web

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
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
	Coalesce *bool             `json:"coalesce"`
	Tags     map[string]string `json:"tags"`
}

// apiJobs takes one job, or {"jobs":[…]} of up to 1,000, or the same as
// a form (target=, given once or often) or a list of targets, one a line.
// It answers 202 with {"id","url","tracing"}, or {"jobs":[{"target",
// "id","url"},…]} in the order given. Of a batch whose jobs differ only
// in their target all are accepted or none.
func (s *site) apiJobs(w http.ResponseWriter, r *http.Request, who client) {
	begun := time.Now()
	read := s.readJobs
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && media != appJSON {
		read = func(w http.ResponseWriter, r *http.Request) (asked, *problem) {
			a, p := s.readAsked(w, r, "target")
			if p == nil && a.wait > 0 {
				p = &problem{status: http.StatusBadRequest, code: codeParameter,
					detail: "wait is not for /api/v1/jobs", hint: "ask for /api/v1/jobs/ID?wait=40 then, or use /api/mtr"}
			}
			return a, p
		}
	}
	a, p := read(w, r)
	var ids []ulid.ULID
	if p == nil {
		ids, p = s.take(r, who, a, begun)
	}
	if p != nil {
		s.refuse(w, r, p)
		return
	}
	if a.many {
		s.sendMany(w, r, a.jobs, ids, true)
		return
	}
	ok := s.accepted(r, ids[0])
	w.Header().Set("Location", "/r/"+ok.ID)
	s.sendJSON(w, r, http.StatusAccepted, ok)
}

// readJobs reads a body of JSON.
func (s *site) readJobs(w http.ResponseWriter, r *http.Request) (asked, *problem) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || media != appJSON {
		return asked{}, &problem{status: http.StatusUnsupportedMediaType, code: codeMedia,
			detail: "Content-Type is " + short(r.Header.Get("Content-Type")), hint: "send application/json"}
	}
	if r.URL.RawQuery != "" {
		return asked{}, &problem{status: http.StatusBadRequest, code: codeParameter,
			detail: "/api/v1/jobs takes no parameters beside JSON", hint: "put them into the body, or use /api/mtr"}
	}
	body, p := s.readBody(w, r, maxJobsBody)
	if p != nil {
		return asked{}, p
	}
	bad := func(format string, args ...any) (asked, *problem) {
		return asked{}, &problem{status: http.StatusBadRequest, code: codeBody, detail: fmt.Sprintf(format, args...),
			hint: `send {"target":"203.0.113.7"}, or {"jobs":[{"target":"203.0.113.7"},…]}`}
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(body, &top); err != nil {
		return bad("the body is no JSON object: %v", err)
	}
	list, isList := top["jobs"]
	if !isList {
		var one wireJob
		if err := strictJSON(body, &one); err != nil {
			return bad("%v", err)
		}
		j, p := one.checked()
		if p != nil {
			return asked{}, p
		}
		return asked{jobs: []spool.Job{j}}, nil
	}
	if len(top) != 1 {
		return bad("beside jobs nothing else is allowed")
	}
	var wire []wireJob
	if err := strictJSON(list, &wire); err != nil {
		return bad("jobs: %v", err)
	}
	if len(wire) == 0 || len(wire) > maxJobs {
		return bad("jobs has %d entries: allowed are 1 to %d", len(wire), maxJobs)
	}
	a := asked{many: true}
	for i, wj := range wire {
		j, p := wj.checked()
		if p != nil {
			p.detail = fmt.Sprintf("jobs[%d]: %s", i, p.detail)
			p.hint = "no job of the batch was accepted; mend this one and send all again"
			return asked{}, p
		}
		a.jobs = append(a.jobs, j)
	}
	return a, nil
}

// checked gives the job in the spool's terms, or what is wrong with it.
func (wj wireJob) checked() (spool.Job, *problem) {
	j, err := wj.job()
	if err == nil {
		err = j.Validate()
	}
	if err != nil {
		return spool.Job{}, jobProblem(err)
	}
	return j, nil
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
	j.NoCoalesce = wj.Coalesce != nil && !*wj.Coalesce
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
