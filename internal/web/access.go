package web

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/mtrq/mtrq/internal/trace"
)

// Access is who may do what. It can be replaced while a Server runs.
type Access struct {
	AllowFrom      []netip.Prefix // who may enqueue without a token; empty: nobody
	ReadFrom       []netip.Prefix // who may read without a token
	TrustedProxies []netip.Prefix // whose word for who asked is believed
	EnqueueTokens  *Tokens        // who has one of these may enqueue; nil: there are none
	ReadTokens     *Tokens        // … may read. Without these and ReadFrom whoever can connect may
}

// Wrong tokens: so many at once from one client, then one in guessEvery.
// Until then not even a right one is looked at, else guessing went on.
const (
	guessBurst = 10
	guessEvery = 6 * time.Second
)

// SetAccess puts new rules in force, for requests that come from now on.
func (s *Server) SetAccess(a Access) { s.access.Store(&a) }

// SetPolicy puts a new target policy in force, likewise.
func (s *Server) SetPolicy(p trace.Policy) { s.policy.Store(&p) }

// targetPolicy is the one in force.
func (s *Server) targetPolicy() *trace.Policy {
	if p := s.policy.Load(); p != nil {
		return p
	}
	return &s.Policy
}

// rules are the rules in force.
func (s *Server) rules() *Access {
	if a := s.access.Load(); a != nil {
		return a
	}
	return &s.Access
}

// OpenToAll reports whether whoever can connect may read.
func (a *Access) OpenToAll() bool { return len(a.ReadFrom) == 0 && a.ReadTokens == nil }

// reading guards what only reads. Where everybody who can connect may,
// on loopback only this machine can connect, and a page in its browser
// must not do so under a name of its own; where it is the address that
// opens the door, the same holds everywhere.
func (s *site) reading(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a := s.rules()
		if (onLoopback(r) || len(a.ReadFrom) > 0) && !hostAllowed(r.Host, s.PublicURL) && !onUnix(r) {
			s.fail(w, r, s.hostProblem(r))
			return
		}
		if p := s.mayRead(r, a); p != nil {
			s.fail(w, r, p)
			return
		}
		next(w, r)
	}
}

// mayRead says why a request may not read, or nil.
func (s *site) mayRead(r *http.Request, a *Access) *problem {
	if a.OpenToAll() {
		return nil
	}
	who := clientOf(r, a.TrustedProxies)
	if who.onSocket() || who.within(a.ReadFrom) {
		return nil
	}
	return s.byToken(r, who, a.ReadTokens, &problem{status: http.StatusForbidden, code: codeReader,
		detail: "client " + who.String() + " may not read here",
		hint:   "add it to [serve] read_from on this node, or give it a token of [serve] read_tokens"})
}

// enqueuing guards what causes a trace.
func (s *site) enqueuing(next func(http.ResponseWriter, *http.Request, client)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a := s.rules()
		who := clientOf(r, a.TrustedProxies)
		if p := s.guard(r, who, a); p != nil {
			s.refuse(w, r, p)
			return
		}
		next(w, r, who)
	}
}

// guard says why a request may not enqueue, or nil.
func (s *site) guard(r *http.Request, who client, a *Access) *problem {
	if !hostAllowed(r.Host, s.PublicURL) && !onUnix(r) {
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
	if who.mayEnqueue(a.AllowFrom) {
		return nil
	}
	p := &problem{status: http.StatusForbidden, code: codeClient,
		detail: "client " + who.String() + " may not enqueue here",
		hint:   "add it to [serve] allow_from on this node, or give it a token of [serve] tokens_file"}
	if who.passedOn {
		p.detail = "the request was passed on by " + who.sender() + ", whose word for who asked is not believed or not clear"
		p.hint = "ask without a proxy (curl --noproxy '*'), add the proxy to [serve] trusted_proxies and let it overwrite X-Forwarded-For, or send a token of [serve] tokens_file"
	}
	return s.byToken(r, who, a.EnqueueTokens, p)
}

// byToken lets a request through that has one of the tokens. refused is
// the answer where there are none to have.
func (s *site) byToken(r *http.Request, who client, tokens *Tokens, refused *problem) *problem {
	if tokens == nil {
		return refused
	}
	secret, given := secretOf(r)
	if !given {
		return &problem{status: http.StatusUnauthorized, code: codeToken, detail: refused.detail + " without a token",
			hint: "send the header Authorization: Bearer TOKEN (curl -H), or in a browser any user name and the token as password"}
	}
	now := s.Now()
	if wait, empty := s.guesses.empty(who.limitedAs(), now); empty {
		return &problem{status: http.StatusTooManyRequests, code: codeGuesses, retry: wait,
			detail: "too many wrong tokens from " + who.String(), hint: "wait, then send the right one"}
	}
	s.refresh(tokens)
	if tokens.Has(secret) {
		return nil
	}
	s.guesses.take(who.limitedAs(), 1, now)
	s.metrics.wrongTokens.Add(1)
	s.Log.WarnContext(r.Context(), "wrong token", "client", who.String(), "path", r.URL.Path)
	return &problem{status: http.StatusUnauthorized, code: codeToken, detail: "the token is not one of this node",
		hint: "send the header Authorization: Bearer TOKEN with a line of the file that [serve] names, or in a browser any user name and the token as password"}
}

// refresh reads tokens again whose file has changed.
func (s *site) refresh(t *Tokens) {
	if !t.Changed() {
		return
	}
	if err := t.Reload(); err != nil {
		s.Log.Error("the tokens stay as they were", "err", err)
		return
	}
	s.Log.Info("tokens read again", "file", t.path, "tokens", t.Len())
}

func (s *site) hostProblem(r *http.Request) *problem {
	return &problem{status: http.StatusForbidden, code: codeHost,
		detail: "this server is not known as " + short(r.Host),
		hint:   "ask by IP address or as localhost, or add the name to [serve] public_url"}
}
