package spool_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/spool"
)

func TestDepth(t *testing.T) {
	sp, err := spool.Open(t.TempDir(), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	depth := func(want spool.Depth) {
		t.Helper()
		if got, err := sp.Depth(); err != nil || got != want {
			t.Errorf("depth %+v, %v; want %+v", got, err, want)
		}
	}
	depth(spool.Depth{})
	for range 3 {
		if _, err := sp.Submit(context.Background(), spool.Job{Target: "203.0.113.7"}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := sp.SubmitBatch(context.Background(), spool.Job{}, []string{"203.0.113.7", "203.0.113.8"}); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"drop/a.toml": "", "drop/.hidden": "", // the second is not there yet
		"bad/01KAR1ABTB5H2ZJ0Q4V7W8X9YZ.job": "", "bad/01KAR1ABTB5H2ZJ0Q4V7W8X9YZ.job.reason": "why", // one job
		"cur/01KAR1ABTB5H2ZJ0Q4V7W8X9YZ.events": "", // belongs to a job
	} {
		if err := os.WriteFile(filepath.Join(sp.Dir(), name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	depth(spool.Depth{Drop: 1, New: 4, Bad: 1})
	if err := os.Remove(filepath.Join(sp.Dir(), "cur/01KAR1ABTB5H2ZJ0Q4V7W8X9YZ.events")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(sp.Dir(), "cur")); err != nil {
		t.Fatal(err)
	}
	if _, err := sp.Depth(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without cur/: %v", err)
	}
}

// TestOldestQueued: by when jobs were accepted, not by the IDs that senders chose.
func TestOldestQueued(t *testing.T) {
	at := time.Date(2026, 11, 23, 14, 5, 33, 0, time.UTC)
	s := open(t, spool.Options{Now: func() time.Time { return at }})
	want := func(what string, accepted time.Time) {
		t.Helper()
		got, err := s.OldestQueued()
		check(t, err)
		if !got.Equal(accepted) {
			t.Errorf("%s: got %v, want %v", what, got, accepted)
		}
	}
	want("an empty new/", time.Time{})
	check(t, os.WriteFile(filepath.Join(s.Dir(), "new", "stray"), nil, 0o600))
	want("what is no job", time.Time{})
	submitBatch(t, s, "203.0.113.8", "203.0.113.9")
	want("a batch", at)
	chosen := ulid.MustNew(ulid.Timestamp(at.Add(-time.Hour)), ulid.DefaultEntropy())
	job := fmt.Sprintf("id = \"%s\"\ntarget = \"203.0.113.7\"\nsource = \"drop\"\naccepted = %s\n", chosen, at.Add(-time.Second).Format(time.RFC3339))
	check(t, os.WriteFile(filepath.Join(s.Dir(), "new", chosen.String()+".job"), []byte(job), 0o600))
	want("an ID of an hour before", at.Add(-time.Second))
}

// TestLines: jobs of a claimed batch that no claim has handed out.
func TestLines(t *testing.T) {
	at := time.Date(2026, 11, 23, 14, 5, 33, 0, time.UTC)
	s := open(t, spool.Options{Now: func() time.Time { return at }})
	q := lock(t, s)
	submitBatch(t, s, "203.0.113.8", "203.0.113.9", "203.0.113.10")
	for _, want := range []int{2, 1, 0} {
		c := claim(t, q, 1)
		if n, oldest := q.Lines(); len(c) != 1 || n != want || oldest.IsZero() != (want == 0) {
			t.Errorf("%d claims, %d lines, the oldest of %v; want %d", len(c), n, oldest, want)
		}
	}
}
