package web

import (
	"encoding/json"
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
	codeOrigin      = "foreign-page"        // 403: asked by a page that is not ours
	codeHost        = "unknown-host"        // 403: Host is a name that is not ours
	codeClient      = "not-allowed-from"    // 403: the client is not in allow_from
	codePolicy      = "target-refused"      // 403: the target policy
	codeNotFound    = "not-found"           // 404
	codeMethod      = "method-not-allowed"  // 405
	codeJobBad      = "job-bad"             // 410: the job lies in bad/, no report will come
	codeTooLarge    = "too-large"           // 413
	codeMedia       = "unsupported-media"   // 415
	codeInternal    = "internal"            // 500
	codeUnavailable = "storage-unavailable" // 503: an I/O error
	codeNotTracing  = "not-tracing"         // 503: of /readyz
	codeFull        = "spool-full"          // 507
)

// retryAfter is when trying again may help, of 503 and 507: a disk is
// made free by people or by prune, not within a second.
const retryAfter = 30 * time.Second

// A problem is an answer that is an error.
type problem struct {
	status int
	code   string // stable, for programs
	detail string // what is wrong with this request, for people
	hint   string // what to do
	allow  string // of 405: the methods that would do
	err    error  // what the operator must know and the caller need not; logged
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
	if p.status == http.StatusServiceUnavailable || p.status == http.StatusInsufficientStorage {
		h.Set("Retry-After", strconv.Itoa(int(retryAfter/time.Second)))
	}
	title := http.StatusText(p.status)
	switch formatOf(r) {
	case formatJSON:
		body, err := json.Marshal(problemJSON{title, p.status, p.code, clean(p.detail), clean(p.hint)})
		if err != nil {
			panic(err) // strings and an int: cannot fail
		}
		s.send(w, r, p.status, "application/problem+json", append(body, '\n'))
	case formatHTML:
		s.page(w, r, p.status, "problem.html", problemPage{
			head: s.head(title), Status: p.status, Code: p.code, Detail: clean(p.detail), Hint: clean(p.hint)})
	default:
		text := "mtrq: " + p.code + ": " + clean(p.detail) + "\n"
		if p.hint != "" {
			text += "hint: " + clean(p.hint) + "\n"
		}
		s.send(w, r, p.status, textPlain, []byte(text))
	}
}

type problemPage struct {
	head
	Status             int
	Code, Detail, Hint string
}
