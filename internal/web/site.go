package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"net/http"
	"strings"
	"time"
)

const (
	textPlain = "text/plain; charset=utf-8"
	textHTML  = "text/html; charset=utf-8"
	appJSON   = "application/json"
)

// site is a Server at work: its fields, and what all requests share.
type site struct {
	*Server
	pages    *pages
	waiting  chan struct{} // holds one for each request that waits for its report
	stopping chan struct{} // closed when waiting must end
}

// maxWaiting bounds the requests that wait for a report; more are
// answered at once. 500 traces asked for at once by waiting callers fit.
const maxWaiting = 1000

func newSite(s *Server) *site {
	return &site{Server: s, pages: parsePages(), waiting: make(chan struct{}, maxWaiting), stopping: make(chan struct{})}
}

func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	read := func(pattern string, h http.HandlerFunc) {
		mux.Handle(pattern, s.methods(s.reading(h), http.MethodGet, http.MethodHead))
	}
	// Enqueuing is no safe method: HEAD must not cause a trace.
	mux.Handle("/api/mtr", s.methods(s.enqueuing(s.apiMTR), http.MethodGet, http.MethodPost))
	mux.Handle("/api/v1/jobs", s.methods(s.enqueuing(s.apiJobs), http.MethodPost))
	// Whoever asks whether we live may call us by any name.
	mux.Handle("/healthz", s.methods(s.healthz, http.MethodGet, http.MethodHead))
	mux.Handle("/readyz", s.methods(s.readyz, http.MethodGet, http.MethodHead))
	read("/{$}", s.home)
	read("/assets/style.css", s.style)
	read("/r/{id}", s.job)
	read("/{year}/{month}/{day}", s.dayRedirect)
	read("/{year}/{month}/{day}/{$}", s.day)
	read("/{year}/{month}/{day}/{id}", s.report)
	read("/", s.notFound)
	return s.headers(mux)
}

// headers are what every answer carries. Nothing but our own style
// sheet is ever loaded, so a name from a stranger that got through all
// escaping would still do nothing.
func (s *site) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("X-Robots-Tag", "noindex, nofollow")
		next.ServeHTTP(w, r)
	})
}

// methods lets the named ones through and answers 405 to others.
func (s *site) methods(next http.HandlerFunc, allowed ...string) http.Handler {
	allow := strings.Join(allowed, ", ")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, m := range allowed {
			if r.Method == m {
				next(w, r)
				return
			}
		}
		s.fail(w, r, &problem{status: http.StatusMethodNotAllowed, code: codeMethod,
			detail: short(r.Method) + " is not possible here", hint: "use " + allow, allow: allow})
	})
}

// reading guards what only reads. Who can connect may read; but on
// loopback only this machine can connect, and a page in its browser
// must not do so under a name of its own.
func (s *site) reading(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if onLoopback(r) && !hostAllowed(r.Host, s.PublicURL) {
			s.fail(w, r, s.hostProblem(r))
			return
		}
		next(w, r)
	}
}

// enqueuing guards what causes a trace.
func (s *site) enqueuing(next func(http.ResponseWriter, *http.Request, client)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who := clientOf(r, s.TrustedProxies)
		if p := s.guard(r, who); p != nil {
			s.fail(w, r, p)
			return
		}
		next(w, r, who)
	}
}

// guard says why a request may not enqueue, or nil.
func (s *site) guard(r *http.Request, who client) *problem {
	if !hostAllowed(r.Host, s.PublicURL) {
		return s.hostProblem(r)
	}
	if header, foreign := foreignPage(r, s.PublicURL); foreign {
		return &problem{status: http.StatusForbidden, code: codeOrigin,
			detail: "a page of another site asked for this trace (" + header + ")",
			hint:   "ask from a program (curl), or from a page of this server"}
	}
	if prefetched(r) {
		return &problem{status: http.StatusForbidden, code: codeOrigin,
			detail: "a browser asked ahead of a click", hint: "nothing to do: the click itself will be answered"}
	}
	if who.mayEnqueue(s.AllowFrom) {
		return nil
	}
	p := &problem{status: http.StatusForbidden, code: codeClient,
		detail: "client " + who.String() + " may not enqueue here",
		hint:   "add it to [serve] allow_from on this node"}
	if who.passedOn {
		p.detail = "the request was passed on by " + remoteAddr(r.RemoteAddr).String() + ", whose word for who asked is not believed or not clear"
		p.hint = "ask without a proxy (curl --noproxy '*'), or add the proxy to [serve] trusted_proxies and let it overwrite X-Forwarded-For"
	}
	return p
}

func (s *site) hostProblem(r *http.Request) *problem {
	return &problem{status: http.StatusForbidden, code: codeHost,
		detail: "this server is not known as " + short(r.Host),
		hint:   "ask by IP address or as localhost, or add the name to [serve] public_url"}
}

// onLoopback reports whether the connection came in on loopback.
func onLoopback(r *http.Request) bool {
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	return ok && remoteAddr(local.String()).IsLoopback()
}

// send answers with a whole body.
func (s *site) send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	h.Add("Vary", "Accept")
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the caller is gone: nobody is left to tell
	}
}

// sendCached answers 200 with a body that the caller may keep as
// Cache-Control says, and 304 to one that has it already.
func (s *site) sendCached(w http.ResponseWriter, r *http.Request, contentType, cache string, body []byte) {
	sum := sha256.Sum256(body)
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", cache)
	h.Set("Etag", `"`+hex.EncodeToString(sum[:12])+`"`)
	h.Add("Vary", "Accept")
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func (s *site) notFound(w http.ResponseWriter, r *http.Request) {
	s.fail(w, r, &problem{status: http.StatusNotFound, code: codeNotFound,
		detail: "there is nothing at " + short(r.URL.Path), hint: "begin at /"})
}

func (s *site) healthz(w http.ResponseWriter, r *http.Request) {
	s.send(w, r, http.StatusOK, textPlain, []byte("ok\n"))
}

// readyz says whether a job accepted now is traced now. While it is
// not, jobs are still accepted: they are traced when run is back.
func (s *site) readyz(w http.ResponseWriter, r *http.Request) {
	if _, tracing, why := s.Spool.RunState(s.Now()); !tracing {
		s.fail(w, r, &problem{status: http.StatusServiceUnavailable, code: codeNotTracing,
			detail: why, hint: "start mtrq run; jobs are accepted meanwhile and traced then"})
		return
	}
	s.send(w, r, http.StatusOK, textPlain, []byte("ok\n"))
}
