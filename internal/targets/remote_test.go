package targets

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// server is a real HTTP server of one list.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	media    string
	body     string
	status   int
	etag     bool
	same     int // answers 304
	asked    int
	redirect string
}

func newServer(t *testing.T) *server {
	s := &server{status: http.StatusOK}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *server) set(media, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.media, s.body, s.status = media, body, http.StatusOK
}

func (s *server) fail(status int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status = status
}

func (s *server) count() (asked, same int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked, s.same
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	if s.redirect != "" {
		http.Redirect(w, r, s.redirect, http.StatusFound)
		return
	}
	if s.status != http.StatusOK {
		http.Error(w, "no", s.status)
		return
	}
	if s.etag {
		tag := fmt.Sprintf("%q", fmt.Sprint(len(s.body), s.body[:min(len(s.body), 60)]))
		tag = strings.ReplaceAll(tag, " ", "_")
		tag = strings.ReplaceAll(tag, `\"`, "'")
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			s.same++
			w.WriteHeader(http.StatusNotModified)
			return
		}
	}
	w.Header().Set("Content-Type", s.media)
	_, _ = io.WriteString(w, s.body)
}

// often is Lists that fetches all the time.
func often(urls ...string) *Lists {
	return &Lists{URLs: urls, RefreshURL: 5 * time.Millisecond}
}

func TestURL(t *testing.T) {
	s := newServer(t)
	s.set("application/json; charset=utf-8", `[{"targets": ["203.0.113.1:9100"], "labels": {"site": "hk"}}]`)
	w := start(t, often(s.URL))
	if src, _ := sourceOf(w.last, s.URL); src.Err != "not looked at yet; no target of it is known yet" || !src.At.IsZero() {
		t.Errorf("at the start: %+v", src)
	}
	w.has("203.0.113.1")
	w.hasErr(s.URL, "")
	s.set("text/plain", "203.0.113.2 site=sg\n")
	w.has("203.0.113.2")
	for _, c := range []struct {
		name string
		do   func()
		err  string
	}{
		{"gone", func() { s.fail(http.StatusNotFound) }, "answers 404 Not Found; used is the last good list"},
		{"broken", func() { s.set("application/json", `[{"targets": [`) }, "ends before its ]"},
		{"a portal", func() { s.set("text/html", "<html>") }, `answers with "text/html": a list is application/json or text/plain`},
		{"nothing said", func() { s.set("application/octet-stream", "203.0.113.9") }, "without a Content-Type"},
		{"huge", func() { s.set("text/plain", strings.Repeat("203.0.113.9\n", 2<<20)) }, "more than 16 MiB"},
		{"empty", func() { s.set("text/plain", "") }, "is empty since"},
	} {
		c.do()
		l := w.hasErr(s.URL, c.err)
		if got := namesOf(l); got != "203.0.113.2" {
			t.Errorf("%s: got %s", c.name, got)
		}
	}
	s.set("text/plain", "203.0.113.3\n")
	w.has("203.0.113.3")
	w.hasErr(s.URL, "")
}

func TestURLNotModified(t *testing.T) {
	s := newServer(t)
	s.etag = true
	s.set("text/plain", "203.0.113.1\n")
	now := newClock()
	l := often(s.URL)
	l.Now, l.Dir = now.now, t.TempDir()
	w := start(t, l)
	w.has("203.0.113.1")
	w.waitFor("answers 304", func() bool { _, same := s.count(); return same > 2 })
	now.add(time.Hour)
	w.waitFor("a later time of reading", func() bool {
		src, _ := sourceOf(List{Sources: l.Sources()}, s.URL)
		return src.At.Equal(now.now())
	})
	// Empty, and the same empty a minute later.
	s.set("text/plain", "")
	w.hasErr(s.URL, "is empty since")
	now.add(time.Minute)
	l.Reload()
	w.has()
	w.hasErr(s.URL, "")
	// A failure between two answers that are the same.
	s.set("text/plain", "203.0.113.2\n")
	w.has("203.0.113.2")
	s.fail(http.StatusBadGateway)
	w.hasErr(s.URL, "answers 502 Bad Gateway")
	s.set("text/plain", "203.0.113.2\n")
	w.hasErr(s.URL, "")
	w.stop()

	// The ETag outlives the process.
	_, before := s.count()
	asked, _ := s.count()
	again := often(s.URL)
	again.Dir, again.RefreshURL = l.Dir, time.Hour
	w = start(t, again)
	w.hasErr(s.URL, "")
	w.has("203.0.113.2")
	// A request that was under way at the stop may be counted only now; it has the ETag, too.
	if a, same := s.count(); a == asked || a-asked != same-before {
		t.Errorf("asked %d times, %d of them answered 304, want each", a-asked, same-before)
	}
}

// waitFor waits for what no List tells.
func (w *watched) waitFor(what string, ok func() bool) {
	w.t.Helper()
	for began := time.Now(); !ok(); time.Sleep(time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			w.t.Fatalf("%s: not seen", what)
		}
	}
}

func TestURLRedirects(t *testing.T) {
	plain := newServer(t)
	plain.set("text/plain", "203.0.113.1\n")
	secure := &server{status: http.StatusOK}
	secure.set("text/plain", "203.0.113.2\n")
	secure.Server = httptest.NewTLSServer(secure)
	t.Cleanup(secure.Close)
	for _, c := range []struct {
		name     string
		from, to *server
		want     string
		err      string
	}{
		{"http to http", newServer(t), plain, "203.0.113.1", ""},
		{"http to https", newServer(t), secure, "203.0.113.2", ""},
		{"https to http", tlsServer(t), plain, "", "redirects from https to \"http\": not followed"},
		{"for ever", nil, nil, "", "redirects more than 5 times"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.from == nil {
				c.from = newServer(t)
				c.to = c.from
			}
			c.from.redirect = c.to.URL
			l := often(c.from.URL)
			// The certificates are those of httptest; all its servers have the same.
			l.Client = secure.Client()
			w := start(t, l)
			w.has(strings.Fields(c.want)...)
			w.hasErr(c.from.URL, c.err)
			w.stop()
			l.Client.CloseIdleConnections()
		})
	}
}

func tlsServer(t *testing.T) *server {
	s := &server{status: http.StatusOK}
	s.Server = httptest.NewTLSServer(s)
	t.Cleanup(s.Close)
	return s
}

// TestURLPassword: it is sent, and told nobody.
func TestURLPassword(t *testing.T) {
	s := newServer(t)
	s.fail(http.StatusForbidden)
	w := start(t, often(strings.Replace(s.URL, "http://", "http://me:secret@", 1)))
	l := w.until("the refusal", func(l List) bool {
		return len(l.Sources) == 2 && strings.Contains(l.Sources[1].Err, "answers 403 Forbidden")
	})
	if s := fmt.Sprint(l.Sources); strings.Contains(s, "secret") {
		t.Errorf("got %s", s)
	}
}

// silent is a server that takes a request and never answers.
type silent struct{ asked chan time.Time }

func (s silent) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked <- time.Now()
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// TestURLBackOff: each fetch ends after 10 s, and the next ones wait longer
// and longer, up to five minutes.
func TestURLBackOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make(chan time.Time, 100)
		l := &Lists{URLs: []string{"http://lists.example.net/targets"}, Client: &http.Client{Transport: silent{asked}}}
		var last atomic.Pointer[List]
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- l.Run(ctx, func(l List) { last.Store(&l) }) }()
		at := <-asked
		for i, want := range []time.Duration{5, 10, 20, 40, 80, 160, 300, 300} {
			next := <-asked
			got, want := next.Sub(at)-fetchTimeout, want*time.Second
			if got < want*9/10 || got > want*11/10 {
				t.Errorf("before retry %d: waited %s, want %s ± 10 %%", i+1, got, want)
			}
			at = next
		}
		synctest.Wait()
		if s, _ := sourceOf(*last.Load(), l.URLs[0]); !strings.Contains(s.Err, "no whole answer within 10s") {
			t.Errorf("got %+v", s)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
