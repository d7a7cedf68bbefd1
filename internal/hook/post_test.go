package hook

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtrq/mtrq/report"
)

func TestPost(t *testing.T) {
	r := &receiver{}
	srv := httptest.NewServer(r)
	defer srv.Close()
	s, _ := sender(t.TempDir(), Hook{On: both(), URL: srv.URL + "/in"}, Hook{On: []string{OnClose}, URL: srv.URL + "/close-only"})
	s.Text = func(inc *report.Incident) string { return "node hk1\n\ttarget \x1b[31m" + inc.Members[0].Target + "\n" }
	start(t, s)
	inc := incident(1, "203.0.113.7", "edge.example.net")
	s.Send(OnOpen, inc)
	inc.Members[0].Target = "192.0.2.1" // the watchdog goes on with it
	s.Send(OnOpen, inc)                 // a repeat
	s.Send("incident-changed", inc)     // nobody is on it
	s.Send(OnClose, closed(inc))
	eventually(t, "three messages", func() bool { return len(r.accepted()) >= 3 && s.Stats().Waiting == 0 })

	var in []got
	for _, g := range r.accepted() {
		if g.path == "/in" {
			in = append(in, g)
		} else if g.Event != OnClose {
			t.Errorf("%s got %s", g.path, g.Event)
		}
	}
	if d := cmp.Diff([]string{"1 incident-open", "1 incident-close"}, events(in)); d != "" {
		t.Fatalf("-want +got\n%s", d)
	}
	end := time.Date(2026, 11, 23, 6, 6, 35, 0, time.UTC)
	want := Message{
		Schema: 1, ID: messageID(inc.ID.String(), OnOpen, hookKeys(s.Hooks)[0]), Event: OnOpen, Incident: inc.ID.String(), Node: "hk1",
		Link:  "https://mtrq.example.net/incident/" + inc.ID.String(),
		Class: report.RealLoss, Grade: report.Likely, Sentence: "packets are lost",
		Targets: []string{"203.0.113.7", "edge.example.net"}, Affected: 2,
		Began: time.Date(2026, 11, 23, 6, 5, 32, 0, time.UTC), Opened: time.Date(2026, 11, 23, 6, 5, 35, 0, time.UTC),
		Text: "node hk1\n target  [31m203.0.113.7\n",
	}
	in[0].DelayedMS = 0
	if d := cmp.Diff(want, in[0].Message); d != "" {
		t.Errorf("message: -want +got\n%s", d)
	}
	if in[1].Closed == nil || !in[1].Closed.Equal(end) || in[1].Recovered == nil {
		t.Errorf("the close says recovered %v, closed %v; want %v", in[1].Recovered, in[1].Closed, end)
	}
	if in[0].key != want.ID || in[0].kind != "application/json" {
		t.Errorf("Idempotency-Key %q, Content-Type %q", in[0].key, in[0].kind)
	}
	if strings.Contains(in[0].body, "recovered") {
		t.Errorf("what is not known yet stands in %s", in[0].body)
	}
	if st := s.Stats(); st != (Stats{Delivered: 3}) {
		t.Errorf("stats %+v", st)
	}
}

// A server that fails, asks for patience and is well again gets the messages
// of each incident in order, the open first even where the close is queued
// before the open could be delivered.
func TestPostRetry(t *testing.T) {
	r := &receiver{answer: func(n int, _ got) []string {
		return [][]string{{"500"}, {"429", "Retry-After: 1"}, nil, nil}[n]
	}}
	srv := httptest.NewServer(r)
	defer srv.Close()
	s, log := sender("", Hook{On: both(), URL: srv.URL + "/secret"})
	start(t, s)
	inc := incident(1, "203.0.113.7")
	s.Send(OnOpen, inc)
	s.Send(OnClose, closed(inc))
	eventually(t, "both messages", func() bool { return s.Stats().Delivered == 2 })
	if d := cmp.Diff([]string{"1 incident-open", "1 incident-open", "1 incident-open", "1 incident-close"}, events(r.requests())); d != "" {
		t.Errorf("requests: -want +got\n%s", d)
	}
	all := r.requests()
	if all[0].key != all[2].key || all[0].key == all[3].key {
		t.Errorf("keys %s, %s, %s, %s: want one for each message", all[0].key, all[1].key, all[2].key, all[3].key)
	}
	// Half a second at least, and then the one that was asked for.
	if all[2].DelayedMS < 1500 || all[3].DelayedMS < 1500 {
		t.Errorf("delayed %d and %d ms, want 1500 or more", all[2].DelayedMS, all[3].DelayedMS)
	}
	if l := log.String(); strings.Count(l, "\n") != 2 || strings.Contains(l, "secret") {
		t.Errorf("want one line that it fails, one that it works again, and no secret:\n%s", l)
	}
}

func TestPostServerComesBack(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	s, log := sender(t.TempDir(), Hook{On: both(), URL: "http://" + addr + "/secret"})
	start(t, s)
	for n := range byte(3) {
		inc := incident(n, "203.0.113.7")
		s.Send(OnOpen, inc)
		s.Send(OnClose, closed(inc))
	}
	eventually(t, "a failure", func() bool { return strings.Contains(log.String(), "connection refused") })
	if ln, err = net.Listen("tcp", addr); err != nil {
		t.Skipf("the port is taken meanwhile: %v", err)
	}
	r := &receiver{}
	srv := &httptest.Server{Listener: ln, Config: &http.Server{Handler: r}}
	srv.Start()
	defer srv.Close()
	eventually(t, "all six messages", func() bool { return s.Stats().Delivered == 6 })
	want := []string{"0 incident-open", "0 incident-close", "1 incident-open", "1 incident-close", "2 incident-open", "2 incident-close"}
	if d := cmp.Diff(want, events(r.accepted())); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if l := log.String(); strings.Contains(l, "secret") || strings.Count(l, "hook fails") != 1 {
		t.Errorf("log:\n%s", l)
	}
}

func TestPostRefused(t *testing.T) {
	r := &receiver{answer: func(int, got) []string { return []string{"404"} }}
	srv := httptest.NewServer(r)
	defer srv.Close()
	dir := t.TempDir()
	s, log := sender(dir, Hook{On: both(), URL: srv.URL})
	stop := start(t, s)
	inc := incident(1, "203.0.113.7")
	s.Send(OnOpen, inc)
	s.Send(OnClose, closed(inc))
	eventually(t, "two refusals", func() bool { return s.Stats().Refused == 2 })
	stop()
	if n := len(r.requests()); n != 2 {
		t.Errorf("%d requests, want 2: nothing is tried again", n)
	}
	if left := files(t, dir); len(left) > 0 {
		t.Errorf("left on disk: %v", left)
	}
	if l := log.String(); strings.Count(l, "404 Not Found") != 2 {
		t.Errorf("log:\n%s", l)
	}
}

func TestPostRedirects(t *testing.T) {
	other := &receiver{}
	elsewhere := httptest.NewServer(other)
	defer elsewhere.Close()
	for name, tt := range map[string]struct {
		status, to string
		client     *http.Client
		follows    bool
	}{
		"another path":            {"307", "/new", nil, true},
		"another path, for ever":  {"308", "/new", nil, true},
		"another path by GET":     {"303", "/new", nil, false},
		"another path, as of old": {"302", "/new", nil, false},
		"another host":            {"307", elsewhere.URL + "/new", nil, false},
		"another host, client":    {"307", elsewhere.URL + "/new", elsewhere.Client(), false},
	} {
		t.Run(name, func(t *testing.T) {
			r := &receiver{answer: func(_ int, g got) []string {
				if g.path == "/new" {
					return nil
				}
				return []string{tt.status, "Location: " + tt.to}
			}}
			srv := httptest.NewServer(r)
			defer srv.Close()
			s, log := sender("", Hook{On: both(), URL: srv.URL + "/old"})
			s.Client = tt.client
			stop := start(t, s)
			s.Send(OnOpen, incident(1, "203.0.113.7"))
			if tt.follows {
				eventually(t, "the message", func() bool { return s.Stats().Delivered == 1 })
				if ok := r.accepted(); len(ok) != 1 || ok[0].Event != OnOpen || ok[0].key == "" {
					t.Errorf("got %+v", ok)
				}
				return
			}
			eventually(t, "a word in the log", func() bool { return strings.Contains(log.String(), "a redirect that is not followed") })
			stop()
			if n := len(r.accepted()) + len(other.requests()); n != 0 {
				t.Errorf("followed: %+v, %+v", r.accepted(), other.requests())
			}
		})
	}
}

func TestJudge(t *testing.T) {
	now := time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)
	for status, want := range map[int]string{
		200: "delivered", 202: "delivered", 204: "delivered",
		301: "again", 302: "again", 304: "again",
		400: "refused", 401: "refused", 403: "refused", 404: "refused", 410: "refused", 413: "refused", 422: "refused",
		408: "again", 425: "again", 429: "away",
		500: "again", 502: "again", 503: "away", 504: "again",
	} {
		o, got := judge(status, "", now), "again"
		switch {
		case o.err == nil:
			got = "delivered"
		case o.final:
			got = "refused"
		case o.away:
			got = "away"
		}
		if got != want {
			t.Errorf("%d: got %s, want %s", status, got, want)
		}
	}
	for in, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "0": 0, "-5": 0, "soon": 0, "86400": time.Hour, "99999999999999999999": 0,
		"Mon, 23 Nov 2026 06:00:30 GMT": 30 * time.Second, "Mon, 23 Nov 2026 05:00:00 GMT": 0, "Tue, 23 Nov 2027 06:00:00 GMT": time.Hour,
	} {
		if got := parseRetryAfter(in, now); got != want {
			t.Errorf("Retry-After %q: got %v, want %v", in, got, want)
		}
	}
}

func TestPostUnverifiedTLS(t *testing.T) {
	r := &receiver{}
	srv := httptest.NewTLSServer(r)
	srv.Config.ErrorLog = nil
	defer srv.Close()
	s, log := sender("", Hook{On: both(), URL: srv.URL})
	stop := start(t, s)
	s.Send(OnOpen, incident(1, "203.0.113.7"))
	eventually(t, "a word in the log", func() bool { return strings.Contains(log.String(), "certificate") })
	stop()
	if len(r.requests()) != 0 {
		t.Error("a receiver with a certificate of its own making got the message")
	}
	// With a client that knows it, it works.
	s, _ = sender("", Hook{On: both(), URL: srv.URL})
	s.Client = srv.Client()
	start(t, s)
	s.Send(OnOpen, incident(1, "203.0.113.7"))
	eventually(t, "the message", func() bool { return s.Stats().Delivered == 1 })
}

func TestGivenUp(t *testing.T) {
	r := &receiver{answer: func(int, got) []string { return []string{"500"} }}
	srv := httptest.NewServer(r)
	defer srv.Close()
	dir := t.TempDir()
	s, log := sender(dir, Hook{On: both(), URL: srv.URL})
	var ahead atomic.Int64
	s.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	stop := start(t, s)
	inc := incident(1, "203.0.113.7")
	s.Send(OnOpen, inc)
	s.Send(OnClose, closed(inc))
	eventually(t, "an attempt", func() bool { return strings.Contains(log.String(), "hook fails") })
	ahead.Store(int64(25 * time.Hour))
	eventually(t, "an end", func() bool { return s.Stats().GivenUp == 2 })
	stop()
	if l := log.String(); strings.Count(l, "given up") != 1 || s.Stats().Waiting != 0 || len(files(t, dir)) != 0 {
		t.Errorf("stats %+v, files %v, log:\n%s", s.Stats(), files(t, dir), l)
	}
}

func TestQueueIsBounded(t *testing.T) {
	s, log := sender("", Hook{On: both(), URL: "http://127.0.0.1:1/"})
	inc := incident(0, "203.0.113.7")
	for i := range maxQueue + 5 {
		inc.ID[14], inc.ID[15] = byte(i>>8), byte(i)
		s.Send(OnOpen, inc)
	}
	if st := s.Stats(); st.Waiting != maxQueue || st.Dropped != 5 {
		t.Errorf("stats %+v, want %d waiting and 5 dropped", st, maxQueue)
	}
	if n := strings.Count(log.String(), "queue of a hook is full"); n != 1 {
		t.Errorf("said %d times that the queue is full, want 1", n)
	}
}
