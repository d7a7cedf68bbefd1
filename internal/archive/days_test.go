package archive

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// TestDaysAreListedAgain: what is remembered of directories is what they
// hold, however soon after a look something comes or goes.
func TestDaysAreListedAgain(t *testing.T) {
	dir := t.TempDir()
	w, err := OpenWriter(dir, "UTC")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	want := func(days ...string) {
		t.Helper()
		for range 2 { // from the directories, and from memory
			got, err := a.Days()
			if err != nil {
				t.Fatal(err)
			}
			var text []string
			for _, d := range got {
				text = append(text, d.String())
			}
			if !slices.Equal(text, days) {
				t.Fatalf("%q, want %q", text, days)
			}
		}
	}
	add := func(path string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(dir, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	// aged makes a directory one that has not changed for long.
	aged := func(path string) {
		t.Helper()
		old := time.Now().Add(-time.Hour)
		if err := os.Chtimes(filepath.Join(dir, path), old, old); err != nil {
			t.Fatal(err)
		}
	}
	want()
	add("2026/11/23")
	want("2026-11-23")
	for _, d := range []string{".", "2026", "2026/11"} {
		aged(d)
	}
	want("2026-11-23") // now from memory
	add("2026/11/24")
	add("2026/10/31")
	want("2026-11-24", "2026-11-23", "2026-10-31")
	aged("2026/11")
	want("2026-11-24", "2026-11-23", "2026-10-31")
	if err := os.Remove(filepath.Join(dir, "2026/11/23")); err != nil {
		t.Fatal(err)
	}
	want("2026-11-24", "2026-10-31")
	// Another directory in its place, even one as old as the first.
	aged("2026/11")
	want("2026-11-24", "2026-10-31")
	if err := os.Rename(filepath.Join(dir, "2026/11"), filepath.Join(dir, "away")); err != nil {
		t.Fatal(err)
	}
	add("2026/11/02")
	st, err := os.Stat(filepath.Join(dir, "away"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(filepath.Join(dir, "2026/11"), st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	want("2026-11-02", "2026-10-31")
}
