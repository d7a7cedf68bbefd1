package durable_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/mtrq/mtrq/internal/durable"
)

func TestWrite(t *testing.T) {
	dir := t.TempDir()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close() // only a directory
	want := func(name, content string) {
		t.Helper()
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != content {
			t.Errorf("%s holds %q, %v; want %q", name, got, err, content)
		}
	}
	path := filepath.Join(dir, "a")
	if err := durable.WriteNew(nil, path, []byte("one"), 0o600); err != nil {
		t.Error(err)
	}
	if st, err := os.Stat(path); err != nil || st.Mode() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", st.Mode(), err)
	}
	for _, name := range []string{path, "a"} { // "a" below root
		in := root
		if filepath.IsAbs(name) {
			in = nil
		}
		if err := durable.WriteNew(in, name, []byte("two"), 0o600); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s was written again: %v", name, err)
		}
	}
	want("a", "one")
	if err := durable.WriteTemp(path, []byte("three"), 0o600); err != nil {
		t.Error(err)
	}
	want("a", "three")
	if err := durable.WriteNew(root, "../b", nil, 0o600); err == nil {
		t.Error("a file outside of root was written")
	}
	if err := durable.SyncDir(dir); err != nil {
		t.Error(err)
	}
	if err := durable.SyncDir(filepath.Join(dir, "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a directory that is not there: %v", err)
	}
}
