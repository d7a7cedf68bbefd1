package spool_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

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
