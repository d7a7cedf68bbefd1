package spool_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtrq/mtrq/spool"
)

// TestRunStateOfTheDocs reads the example of docs/formats.md: every field
// of it is known, and writing it again loses none.
func TestRunStateOfTheDocs(t *testing.T) {
	doc := docExample(t, "json run")
	dec := json.NewDecoder(bytes.NewReader([]byte(doc)))
	dec.DisallowUnknownFields()
	var st spool.RunState
	if err := dec.Decode(&st); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	var want, got any
	if err := json.Unmarshal([]byte(doc), &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(again, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read and written (-docs +got):\n%s", diff)
	}
}

func TestRunState(t *testing.T) {
	s, err := spool.Open(t.TempDir(), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 23, 14, 5, 33, 0, time.UTC)
	if _, tracing, why := s.RunState(now); tracing || why == "" {
		t.Error("somebody traces where nobody has written a state")
	}
	for _, c := range []struct {
		name    string
		age     time.Duration
		state   string
		tracing bool
	}{
		{"fresh", time.Second, "running", true},
		{"as old as it may be", spool.RunStateStale, "running", true},
		{"stale", spool.RunStateStale + time.Millisecond, "running", false},
		{"from before the clock was set back", -time.Minute, "running", false},
		{"draining", time.Second, "draining", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := s.WriteRunState(spool.RunState{At: now.Add(-c.age), State: c.state}); err != nil {
				t.Fatal(err)
			}
			if _, tracing, why := s.RunState(now); tracing != c.tracing || tracing == (why != "") {
				t.Errorf("got tracing %t (%s), want %t", tracing, why, c.tracing)
			}
		})
	}
}

// TestRunStateThatCannotBeRead: only a file that is not there means that nobody has written.
func TestRunStateThatCannotBeRead(t *testing.T) {
	for _, c := range []struct {
		name   string
		make   func(path string) error
		why    string
		unread error // nil: any
	}{
		{"no file", func(string) error { return nil }, "no mtrq run has written its state here", nil},
		{"a link to itself", func(path string) error { return os.Symlink(path, path) }, "cannot be read: ", syscall.ELOOP},
		{"a directory", func(path string) error { return os.Mkdir(path, 0o700) }, "cannot be read: ", syscall.EISDIR},
		{"empty after a power cut", func(path string) error { return os.WriteFile(path, nil, 0o600) }, "cannot be read: ", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, spool.Options{})
			check(t, c.make(filepath.Join(s.Dir(), "state", spool.RunStateFile)))
			st, tracing, why := s.RunState(time.Now())
			if tracing || !strings.Contains(why, c.why) || c.unread != nil && !errors.Is(st.Unread, c.unread) || (st.Unread == nil) != (c.name == "no file") {
				t.Errorf("got %v, %q, %v; want %q, %v", tracing, why, st.Unread, c.why, c.unread)
			}
		})
	}
}

// TestRunStateOfWhoCannotWriteIt: a node that holds the spool is not dead,
// whatever its state says.
func TestRunStateOfWhoCannotWriteIt(t *testing.T) {
	s := open(t, spool.Options{})
	old := spool.RunState{At: time.Now().Add(-time.Hour), State: "running", PID: os.Getpid()}
	wants := func(what, why string, by int) {
		t.Helper()
		for _, st := range []*spool.RunState{nil, &old} {
			if st != nil {
				check(t, s.WriteRunState(*st))
			}
			got, tracing, said := s.RunState(time.Now())
			if tracing || got.HeldBy != by || strings.Contains(said, "holds the spool") != (by != 0) || !strings.Contains(said, why) {
				t.Errorf("%s, state %v: tracing %v, held by %d, %q", what, st != nil, tracing, got.HeldBy, said)
			}
		}
		check(t, s.RemoveState(spool.RunStateFile))
	}
	wants("nobody", "", 0)
	q := lock(t, s)
	wants("locked", "has written no state", os.Getpid())
	check(t, q.Close())
	wants("given free", "", 0)
}

func TestLate(t *testing.T) {
	ms := func(v float64) *float64 { return &v }
	for _, c := range []struct {
		unprobed *float64
		waits    time.Duration
		late     bool
	}{{nil, 0, false}, {ms(3), 3 * time.Millisecond, false}, {ms(10000), 10 * time.Second, false}, {ms(10001), 10001 * time.Millisecond, true}} {
		waits, late := spool.RunState{UnprobedMS: c.unprobed}.Late()
		if waits != c.waits || late != c.late {
			t.Errorf("%v: got %s, %v; want %s, %v", c.unprobed, waits, late, c.waits, c.late)
		}
	}
}
