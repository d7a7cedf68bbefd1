package hook

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"go.uber.org/goleak"

	"github.com/mtrq/mtrq/report"
)

func TestMain(m *testing.M) {
	if os.Getenv("MTRQ_TEST_PLAIN") != "" {
		plainChild()
		return
	}
	goleak.VerifyTestMain(m)
}

const patience = time.Minute // for an event that comes at once on an idle machine

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v in vain: %s", patience, what)
		}
	}
}

// incident is one that began at a fixed time; n is told from others by its ID.
func incident(n byte, targets ...string) *report.Incident {
	at := time.Date(2026, 11, 23, 6, 5, 32, 0, time.UTC)
	inc := &report.Incident{
		Schema: report.IncidentSchema, ID: ulid.ULID{0: 1, 15: n}, State: report.IncidentOpen,
		Times:    report.IncidentTimes{Began: at, Opened: at.Add(3 * time.Second)},
		Affected: len(targets),
		Verdict:  report.Verdict{Class: report.RealLoss, Grade: report.Likely, Sentence: "packets are lost"},
	}
	for _, name := range targets {
		inc.Members = append(inc.Members, report.Member{Target: name, Address: netip.MustParseAddr("203.0.113.7")})
	}
	return inc
}

func closed(inc *report.Incident) *report.Incident {
	c := *inc
	end := inc.Times.Opened.Add(time.Minute)
	c.State, c.Times.Recovered, c.Times.Closed = report.IncidentClosed, &end, &end
	return &c
}

// logged is a log that a test can read while it is written.
type logged struct {
	mu  sync.Mutex
	buf strings.Builder
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// sender is a Sender whose log can be read.
func sender(dir string, hooks ...Hook) (*Sender, *logged) {
	log := &logged{}
	return &Sender{
		Hooks: hooks, Dir: dir, Node: "hk1", Link: "https://mtrq.example.net/",
		Log: slog.New(slog.NewTextHandler(log, nil)),
	}, log
}

// start runs s. stop ends it and waits; it may be called twice.
func start(t *testing.T, s *Sender) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		select {
		case err := <-done:
			if err != nil {
				t.Errorf("run: %v", err)
			}
		case <-time.After(patience):
			t.Error("Run does not end")
		}
	})
	t.Cleanup(stop)
	return stop
}

// got is one request as a receiver saw it.
type got struct {
	Message
	key  string // Idempotency-Key
	kind string
	body string
	path string
}

// receiver is a handler that notes what it accepts.
type receiver struct {
	mu     sync.Mutex
	all    []got                       // every request
	ok     []got                       // those answered with 204
	answer func(n int, g got) []string // n from 0: status and headers as "Name: value"; nil: 204
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	data, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	g := got{key: req.Header.Get("Idempotency-Key"), kind: req.Header.Get("Content-Type"), body: string(data), path: req.URL.Path}
	_ = json.Unmarshal(data, &g.Message) // a template may make anything
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, g)
	if r.answer != nil {
		if a := r.answer(len(r.all)-1, g); a != nil {
			for _, h := range a[1:] {
				name, value, _ := strings.Cut(h, ": ")
				w.Header().Set(name, value)
			}
			status := 0
			for _, c := range a[0] {
				status = status*10 + int(c-'0')
			}
			w.WriteHeader(status)
			return
		}
	}
	r.ok = append(r.ok, g)
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) accepted() []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]got(nil), r.ok...)
}

func (r *receiver) requests() []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]got(nil), r.all...)
}

func events(gs []got) (out []string) {
	for _, g := range gs {
		out = append(out, g.Incident[25:]+" "+g.Event)
	}
	return out
}

// script writes a program of the shell.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "notify")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// files lists the messages on the disk.
func files(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func both() []string { return []string{OnOpen, OnClose} }
