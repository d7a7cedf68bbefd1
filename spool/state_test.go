package spool_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mtrq/mtrq/spool"
)

// TestWhatKilledWritersLeft goes when a node says for the first time how it
// is; what is young may still be somebody's.
func TestWhatKilledWritersLeft(t *testing.T) {
	s := open(t, spool.Options{})
	old := time.Now().Add(-time.Hour)
	for _, name := range []string{"state/.tmp-1", "state/pause/.tmp-2", "state/pause/203.0.113.7"} {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(s.Dir(), name)), 0o755))
		put(t, s, name, "half")
		check(t, os.Chtimes(filepath.Join(s.Dir(), name), old, old))
	}
	put(t, s, "state/.tmp-3", "half")
	check(t, s.WriteRunState(spool.RunState{}))
	wantTree(t, s, nil, "state/.tmp-3", "state/pause/203.0.113.7", "state/run.json")
}

// TestLookMakesNothing: who looks at a mistyped name makes no spool of it.
func TestLookMakesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "typo")
	s, err := spool.Look(dir, spool.Options{})
	check(t, err)
	if _, tracing, why := s.RunState(time.Now()); tracing || why == "" {
		t.Errorf("tracing %v, why %q", tracing, why)
	}
	if _, err := s.Depth(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("depth: %v, want fs.ErrNotExist", err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it is there: %v", err)
	}
	made := open(t, spool.Options{})
	id := submit(t, made, spool.Job{Target: "203.0.113.7"})
	s, err = spool.Look(made.Dir(), spool.Options{})
	check(t, err)
	if p, err := s.Where(id); err != nil || p.State != spool.StateQueued {
		t.Errorf("where: %+v, %v", p, err)
	}
}
