package spool_test

import (
	"bytes"
	"encoding/json"
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
