package web

import (
	"cmp"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// The codes of problems are what programs compare; they stay.
const (
	codeTarget      = "bad-target"          // 400
	codeParameter   = "bad-parameter"       // 400
	codeJob         = "bad-job"             // 400: a value that the job format refuses
	codeBody        = "bad-body"            // 400
	codeToken       = "token-needed"        // 401: no token, or a wrong one
	codeOrigin      = "foreign-page"        // 403: asked by a page that is not ours
	codeHost        = "unknown-host"        // 403: Host is a name that is not ours
	codeClient      = "not-allowed-from"    // 403: the client is not in allow_from
	codeReader      = "not-read-from"       // 403: the client is not in read_from
	codePolicy      = "target-refused"      // 403: the target policy
	codeNotFound    = "not-found"           // 404
	codeMethod      = "method-not-allowed"  // 405
	codeJobBad      = "job-bad"             // 410: the job lies in bad/, no report will come
	codeTooLarge    = "too-large"           // 413
	codeMedia       = "unsupported-media"   // 415
	codeRate        = "too-many-jobs"       // 429: more than a client may ask for
	codeGuesses     = "too-many-guesses"    // 429: wrong tokens
	codeInternal    = "internal"            // 500
	codeNewer       = "newer-format"        // 503: written by a newer mtrq
	codeUnavailable = "storage-unavailable" // 503: an I/O error
	codeBusy        = "too-busy"            // 503: too many requests, or listeners, at once
	codeNotTracing  = "not-tracing"         // 503: of /readyz
	codeFull        = "spool-full"          // 507
)

// retryAfter is when trying again may help, of 503 and 507 that do not
// say it themselves: a disk is made free by people or by prune, not
// within a second.
const retryAfter = 30 * time.Second

// A problem is an answer that is an error.
type problem struct {
	status int
	code   string        // stable, for programs
	detail string        // what is wrong with this request, for people
	hint   string        // what to do
	allow  string        // of 405: the methods that would do
	retry  time.Duration // when trying again may help; 0: retryAfter where the status wants one
	ids    []string      // jobs of the request that were accepted all the same
	err    error         // what the operator must know and the caller need not; logged
}

// problemJSON is a problem as RFC 9457 has it. The type is the implied
// about:blank: code says which one it is.
//
//	{"title":"Bad Request","status":400,"code":"bad-target","detail":"parameter ip is empty","hint":"…"}
type problemJSON struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Hint   string `json:"hint,omitempty"`

	Accepted []string `json:"accepted,omitempty"` // IDs of jobs of the request that were accepted all the same
}

// fail answers with a problem: as problem+json to who asks for JSON, as
// a page to a browser, as two plain lines to curl.
func (s *site) fail(w http.ResponseWriter, r *http.Request, p *problem) {
	if p.err != nil {
		s.Log.ErrorContext(r.Context(), "request failed", "path", r.URL.Path, "code", p.code, "err", p.err)
	}
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	if p.allow != "" {
		h.Set("Allow", p.allow)
	}
	switch p.status {
	case http.StatusServiceUnavailable, http.StatusInsufficientStorage, http.StatusTooManyRequests:
		h.Set("Retry-After", retrySeconds(cmp.Or(p.retry, retryAfter)))
	case http.StatusUnauthorized:
		// The second is for browsers, which know no other way.
		h["Www-Authenticate"] = []string{`Bearer realm="mtrq"`, `Basic realm="mtrq", charset="UTF-8"`}
	}
	title := http.StatusText(p.status)
	switch formatOf(r) {
	case formatJSON:
		body, err := json.Marshal(problemJSON{title, p.status, p.code, clean(p.detail), clean(p.hint), p.ids})
		if err != nil {
			panic(err) // strings and an int: cannot fail
		}
		s.send(w, r, p.status, "application/problem+json", append(body, '\n'))
	case formatHTML:
		s.page(w, r, p.status, "problem.html", problemPage{
			head: s.head(r, title), Status: p.status, Code: p.code, Detail: clean(p.detail), Hint: clean(p.hint)})
	default:
		text := "mtrq: " + p.code + ": " + clean(p.detail) + "\n"
		if p.hint != "" {
			text += "hint: " + clean(p.hint) + "\n"
		}
		for _, id := range p.ids {
			text += "accepted: " + id + "\n"
		}
		s.send(w, r, p.status, textPlain, []byte(text))
	}
}

// retrySeconds rounds up: who comes back too early is refused again.
func retrySeconds(d time.Duration) string {
	return strconv.Itoa(int(max(1, math.Ceil(d.Seconds()))))
}

type problemPage struct {
	head
	Status             int
	Code, Detail, Hint string
}
