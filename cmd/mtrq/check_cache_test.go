package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mtrq/mtrq/internal/config"
)

func TestCheckCache(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, dir, want string
		warn            bool
	}{
		{"there", dir, dir, false},
		{"not yet", filepath.Join(dir, "a", "b"), ", made by the first mtrq run", false},
		{"a file", file, "you may not write it (not a directory)", true},
		{"below a file", filepath.Join(file, "cache"), "you may not make it in " + file + " (not a directory)", true},
	} {
		cfg := &config.Config{}
		cfg.Archive.CacheDir, cfg.Watch.Targets = tc.dir, []string{"203.0.113.7"}
		got := checkCache(cfg)
		if len(got) != 1 || !strings.Contains(got[0].text, tc.want) || got[0].warn != tc.warn || got[0].err != nil {
			t.Errorf("%s: got %+v, want %q", tc.name, got, tc.want)
		}
	}
	if got := checkCache(&config.Config{}); got != nil {
		t.Errorf("nothing is watched: got %+v", got)
	}
}
