package archive

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestStrangersLock holds the lock of all that another user can open: files
// and directories that are readable for all. Writers and upkeep go on.
func TestStrangersLock(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "UTC")
	years(t, w, 2)
	for _, e := range append(mustDir(t, dir), nil) {
		name := "."
		if e != nil {
			name = e.Name()
		}
		st, err := os.Stat(filepath.Join(dir, name))
		ok(t, err)
		if st.Mode().Perm()&0o004 == 0 {
			continue
		}
		f, err := os.Open(filepath.Join(dir, name))
		ok(t, err)
		defer f.Close()
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			t.Fatalf("%s is locked, and any user can open it: %v", name, err)
		}
	}
	write(t, w, makeReport(t, noon, 1, "203.0.113.7"))
	other := newWriter(t, dir, "UTC")
	write(t, other, makeReport(t, noon, 2, "203.0.113.7"))
	_, err := w.Reindex(t.Context(), nil, nil)
	ok(t, err)
	wantSound(t, dir, "while a stranger holds locks")
}

// TestLockModes makes the locks of an archive its owner's alone, whatever
// they were, and closes its marks.
func TestLockModes(t *testing.T) {
	dir := t.TempDir()
	ok(t, os.WriteFile(filepath.Join(dir, lockName), nil, 0o644))
	w := newWriter(t, dir, "UTC")
	write(t, w, makeReport(t, noon, 1, "203.0.113.7"))
	seen := 0
	for _, e := range mustDir(t, dir) {
		if !strings.HasPrefix(e.Name(), lockName) && !strings.HasPrefix(e.Name(), markPrefix) {
			continue
		}
		seen++
		st, err := e.Info()
		ok(t, err)
		if st.Mode().Perm() != 0o600 {
			t.Errorf("%s is %v, want -rw-------", e.Name(), st.Mode())
		}
	}
	if seen != 3 {
		t.Errorf("%d locks and marks, want 3", seen)
	}
}

// TestVerifyCopy verifies a copy in which nobody has written, so that there
// is nothing to lock.
func TestVerifyCopy(t *testing.T) {
	was := ""
	dir := yearsIn(t, &was, 2)
	ok(t, os.Remove(filepath.Join(dir, lockName)))
	wantSound(t, dir, "without a lock")
}
