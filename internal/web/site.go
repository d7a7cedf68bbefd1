package web

import (
	"net/http"
	"strings"
)

const (
	textPlain = "text/plain; charset=utf-8"
	textHTML  = "text/html; charset=utf-8"
	appJSON   = "application/json"
)

// site is a Server at work: its fields, and what all requests share.
type site struct {
	*Server
	*door
	*shelf
	pages    *pages
	watching watchNow      // targets.json as read last
	waiting  chan struct{} // holds one for each request that waits for its report
	stopping chan struct{} // closed when waiting must end
}

// maxWaiting bounds the requests that wait for a report; more are
// answered at once. 500 traces asked for at once by waiting callers fit.
const maxWaiting = 1000

func newSite(s *Server) *site {
	return &site{Server: s, door: newDoor(s.Limits), shelf: newShelf(), pages: parsePages(), waiting: make(chan struct{}, maxWaiting), stopping: make(chan struct{})}
}

// handler joins the routes of every area.
func (s *site) handler() http.Handler {
	mux := http.NewServeMux()
	s.doorRoutes(mux)
	s.readRoutes(mux)
	s.chartRoutes(mux)
	return s.measured(s.headers(mux))
}

// read routes a GET of what only shows something, guarded as reading is.
func (s *site) read(mux *http.ServeMux, pattern string, h http.HandlerFunc) {
	s.route(mux, pattern, s.reading(h), http.MethodGet, http.MethodHead)
}

// route enters a pattern and the methods that it takes.
func (s *site) route(mux *http.ServeMux, pattern string, h http.HandlerFunc, methods ...string) {
	s.routes = append(s.routes, route{pattern, methods})
	mux.Handle(pattern, s.methods(h, methods...))
}

// route is one entry of the mux, kept because a mux does not tell.
type route struct {
	pattern string
	methods []string
}

// headers are what every answer carries. Nothing but our own style
// sheet is ever loaded, so a name from a stranger that got through all
// escaping would still do nothing.
func (s *site) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'")
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
	st, tracing, why := s.runState(inEnglish)
	if !tracing {
		s.fail(w, r, &problem{status: http.StatusServiceUnavailable, code: codeNotTracing,
			detail: why, hint: "start mtrq run; jobs are accepted meanwhile and traced then"})
		return
	}
	if why := st.Unable(); why != "" {
		s.fail(w, r, &problem{status: http.StatusServiceUnavailable, code: codeNotTracing,
			detail: "mtrq run can send no probes: " + clean(why), hint: "mtrq check says what to mend; jobs are accepted meanwhile and traced then"})
		return
	}
	s.send(w, r, http.StatusOK, textPlain, []byte("ok\n"))
}
