package spool

import (
	"os"
	"strconv"
	"testing"
)

// TestModelSeed runs one sequence alone, with every call to the filesystem.
func TestModelSeed(t *testing.T) {
	seed, err := strconv.ParseUint(os.Getenv("MTRQ_MODEL_SEED"), 10, 64)
	if err != nil {
		t.Skip("MTRQ_MODEL_SEED names no sequence")
	}
	w := newWorld(seed, nil)
	w.fs.told = func(text string) { t.Log(text) }
	if err := w.live(); err != nil {
		t.Error(err)
	}
}
