package spool

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestRenamedIntoPlace: what was renamed within drop/ is taken with the next
// hint, on a kernel that says nothing of who has it open, and however soon the
// rename came after the last write. What was written in place, or came from elsewhere, waits.
func TestRenamedIntoPlace(t *testing.T) {
	s, err := Open(t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	q, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Recover(nobody); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	hints, ended := make(chan struct{}, 1), make(chan struct{})
	go func() { defer close(ended); s.Watch(ctx, hints) }()
	defer func() { cancel(); <-ended }()
	<-hints // the watch is there

	drop := func(name string) string { return s.path("drop", name) }
	elsewhere := filepath.Join(s.Dir(), "elsewhere")
	began := time.Now()
	for from, to := range map[string]string{
		drop(".plain"): "plain", drop("visible.part"): "visible", drop(`.q" ← "`): `q" ← "`, drop("in-place"): "", elsewhere: "from-elsewhere",
		drop(`in" ← "place`): "", drop(".again"): "again",
	} {
		if err := os.WriteFile(from, []byte(goodJob), 0o644); err != nil {
			t.Fatal(err)
		}
		if to != "" {
			if err := os.Rename(from, drop(to)); err != nil {
				t.Fatal(err)
			}
		}
	}
	// Whoever writes on after all is seen, too.
	f, err := os.OpenFile(drop("again"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString("protocol = \"tcp\"\n"); err != nil {
		t.Fatal(err)
	}
	// The last event of all: what came before it has been followed.
	if err := os.WriteFile(drop(".end"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(drop(".end"), drop("end")); err != nil {
		t.Fatal(err)
	}
	for {
		s.arrived.mu.Lock()
		_, done := s.arrived.ino["end"]
		s.arrived.mu.Unlock()
		if done {
			break
		}
		select {
		case <-hints:
		case <-time.After(time.Minute):
			t.Fatal("no hint")
		}
	}
	var got []string
	claims, err := q.Claim(nobody, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range claims {
		got = append(got, c.Job.SentAs)
	}
	if time.Since(began) > settleFor {
		t.Skip("this machine is too slow to tell")
	}
	slices.Sort(got)
	if want := []string{"plain", `q" ← "`, "visible"}; !slices.Equal(got, want) {
		t.Errorf("taken at once: %q, want %q", got, want)
	}
	s.arrived.mu.Lock()
	defer s.arrived.mu.Unlock()
	if n := len(s.arrived.ino); n != 1 { // "end" is no job
		t.Errorf("%d arrivals are still remembered: %v", n, s.arrived.ino)
	}
}
