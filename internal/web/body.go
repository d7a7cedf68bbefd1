package web

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/mtrq/mtrq/spool"
)

// asked is what a request wants traced, in whichever form it said so.
type asked struct {
	jobs []spool.Job
	many bool          // it was a list, however short: so is the answer
	wait time.Duration // of one alone
}

// readAsked reads the parameters of a request: those of the query, and
// for POST those of a form, or a list of targets, one a line, for which
// the parameters of the query hold. What stands in both query and form
// stands twice.
func (s *site) readAsked(w http.ResponseWriter, r *http.Request, name string) (asked, *problem) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return asked{}, unreadable(err)
	}
	if r.Method == http.MethodPost {
		list, p := s.readForm(w, r, values)
		if p != nil {
			return asked{}, p
		}
		if list != nil {
			return listOf(values, name, list)
		}
	}
	if targets := values[name]; name == "target" && len(targets) > 1 {
		delete(values, name)
		return listOf(values, name, targets)
	}
	a, p := askOf(values, name)
	if p != nil {
		return asked{}, p
	}
	return asked{jobs: []spool.Job{a.job}, wait: a.wait}, nil
}

func unreadable(err error) *problem {
	return &problem{status: http.StatusBadRequest, code: codeParameter,
		detail: "parameters cannot be read: " + err.Error(),
		hint:   "write name=value joined by &, with %25 for %, %26 for & and %2B for +"}
}

// readForm adds what a form in the body says to values, or gives the
// targets of a list.
func (s *site) readForm(w http.ResponseWriter, r *http.Request, values url.Values) (list []string, p *problem) {
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	plain := err == nil && media == "text/plain"
	limit := int64(maxForm)
	if plain {
		limit = maxJobsBody
	}
	body, p := s.readBody(w, r, limit)
	switch {
	case p != nil || len(body) == 0:
		return nil, p
	case plain:
		return lines(string(body)), nil
	case err != nil || media != "application/x-www-form-urlencoded":
		return nil, &problem{status: http.StatusUnsupportedMediaType, code: codeMedia,
			detail: "Content-Type is " + short(r.Header.Get("Content-Type")),
			hint:   "send application/x-www-form-urlencoded (curl -d ip=203.0.113.7), text/plain with one target a line, or JSON to /api/v1/jobs"}
	case !bytes.ContainsRune(body, '='):
		// curl -d 203.0.113.7 and curl --data-binary @targets say form, too.
		text, err := url.QueryUnescape(string(body))
		if err != nil {
			return nil, unreadable(err)
		}
		return lines(text), nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, unreadable(err)
	}
	for name, vs := range form {
		values[name] = append(values[name], vs...)
	}
	return nil, nil
}

// lines takes a list apart; empty ones and those that begin with # are
// passed over. It gives a list of none rather than nil.
func lines(text string) []string {
	out := []string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out = append(out, line)
		}
	}
	return out
}

// listOf makes a job of each target; the parameters hold for all.
func listOf(values url.Values, name string, targets []string) (asked, *problem) {
	if len(values[name]) > 0 {
		return asked{}, &problem{status: http.StatusBadRequest, code: codeParameter,
			detail: "targets stand in the query and in the body", hint: "give them in one of the two"}
	}
	if len(targets) == 0 || len(targets) > maxJobs {
		return asked{}, &problem{status: http.StatusBadRequest, code: codeBody,
			detail: fmt.Sprintf("the list has %d targets: allowed are 1 to %d", len(targets), maxJobs), hint: "one target a line; send a longer list in parts"}
	}
	var out asked
	for i, t := range targets {
		values[name] = []string{t}
		a, p := askOf(values, name)
		if p != nil {
			if len(targets) > 1 {
				p.detail = fmt.Sprintf("target %d of %d: %s", i+1, len(targets), p.detail)
			}
			return asked{}, p
		}
		if a.wait > 0 && len(targets) > 1 {
			return asked{}, &problem{status: http.StatusBadRequest, code: codeParameter,
				detail: "wait is for one target", hint: "leave it out and follow the links"}
		}
		out.jobs, out.wait = append(out.jobs, a.job), a.wait
	}
	out.many = len(targets) > 1 || name == "target"
	return out, nil
}

// Bodies beyond maxForm are read by few requests at a time: what they
// hold is memory.
const maxLarge = 8

// readBody reads a whole body of at most limit bytes.
func (s *site) readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *problem) {
	in := http.MaxBytesReader(w, r.Body, limit)
	body, err := io.ReadAll(io.LimitReader(in, min(limit, maxForm)+1))
	if err == nil && int64(len(body)) > maxForm {
		select {
		case s.large <- struct{}{}:
			defer func() { <-s.large }()
		default:
			return nil, busy("too many long lists are being read")
		}
		var rest []byte
		rest, err = io.ReadAll(in)
		body = append(body, rest...)
	}
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return nil, &problem{status: http.StatusRequestEntityTooLarge, code: codeTooLarge,
			detail: fmt.Sprintf("the body is longer than %d bytes", limit), hint: "send it in parts"}
	case err != nil:
		return nil, &problem{status: http.StatusBadRequest, code: codeBody,
			detail: "the body ended early: " + err.Error()}
	}
	return body, nil
}

// busy is the answer to who may well try again at once.
func busy(detail string) *problem {
	return &problem{status: http.StatusServiceUnavailable, code: codeBusy, retry: time.Second,
		detail: "the job was not accepted: " + detail, hint: "send it again in a second"}
}
