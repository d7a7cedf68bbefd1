package spool

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// startWatch runs a watch with long times unless given, and takes its first hint.
func startWatch(t *testing.T, s *Spool, w watching) <-chan struct{} {
	t.Helper()
	hints := make(chan struct{}, 1)
	w.s, w.hints = s, hints
	for _, d := range []*time.Duration{&w.scan, &w.poll, &w.again} {
		if *d == 0 {
			*d = time.Hour
		}
	}
	if w.local == nil {
		w.local = func() bool { return true }
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	wantHint(t, hints, "at the start")
	return hints
}

func wantHint(t *testing.T, hints <-chan struct{}, when string) {
	t.Helper()
	select {
	case <-hints:
	case <-time.After(time.Minute):
		t.Fatalf("no hint %s", when)
	}
}

func testSpool(t *testing.T) *Spool {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "spool"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestWatchHints(t *testing.T) {
	tests := map[string]struct {
		w  watching
		do func(t *testing.T, s *Spool)
	}{
		"a job submitted": {watching{}, func(t *testing.T, s *Spool) {
			if _, err := s.Submit(t.Context(), Job{Target: "203.0.113.7"}); err != nil {
				t.Error(err)
			}
		}},
		"a file dropped": {watching{}, func(t *testing.T, s *Spool) {
			if _, err := s.SubmitDrop(t.Context(), Job{Target: "203.0.113.7"}); err != nil {
				t.Error(err)
			}
		}},
		"the scan":                      {watching{scan: time.Millisecond}, func(*testing.T, *Spool) {}},
		"the poll where no watch helps": {watching{poll: time.Millisecond, local: func() bool { return false }}, func(*testing.T, *Spool) {}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			s := testSpool(t)
			hints := startWatch(t, s, tt.w)
			tt.do(t, s)
			wantHint(t, hints, "after "+name)
		})
	}
}

// TestWatchLooksAgain: a file that was still being written when it was hinted
// at gets a second hint after its grace.
func TestWatchLooksAgain(t *testing.T) {
	s := testSpool(t)
	hints := startWatch(t, s, watching{again: 50 * time.Millisecond})
	wantHint(t, hints, "from the timer of the start")
	if err := os.WriteFile(s.path("drop", "x"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	wantHint(t, hints, "for the file")
	wantHint(t, hints, "after the grace")
}

// TestWatchSurvivesAReplacedDirectory: the watch moves to the directory that
// has the name now.
func TestWatchSurvivesAReplacedDirectory(t *testing.T) {
	s := testSpool(t)
	hints := startWatch(t, s, watching{poll: time.Millisecond})
	if err := os.Remove(s.path("new", "")); err != nil {
		t.Fatal(err)
	}
	wantHint(t, hints, "for the lost directory")
	if err := os.Mkdir(s.path("new", ""), 0o700); err != nil {
		t.Fatal(err)
	}
	// Each hint may still be of the polling; once the watch is back there are
	// only those of files. So: files, until one is seen after silence.
	quiet := time.NewTimer(0)
	defer quiet.Stop()
	for silent := false; !silent; {
		quiet.Reset(200 * time.Millisecond)
		select {
		case <-hints:
		case <-quiet.C:
			silent = true
		}
	}
	if err := os.WriteFile(s.path("new", "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wantHint(t, hints, "for a file in the new directory")
}
