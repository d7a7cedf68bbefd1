package spool_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/mtrq/mtrq/spool"
)

// TestRootGivesFilesToTheOwner: what root enqueues must be readable for the
// user who runs the spool.
func TestRootGivesFilesToTheOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	const nobody = 65534
	s, err := spool.Open(t.TempDir(), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	err = filepath.WalkDir(s.Dir(), func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, nobody, nobody)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Submit(t.Context(), spool.Job{Target: "192.0.2.1", Source: "cli"}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SubmitBatch(t.Context(), spool.Job{Source: "cli"}, []string{"192.0.2.1", "192.0.2.2"}); err != nil {
		t.Fatal(err)
	}
	q, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	files, err := filepath.Glob(s.Dir() + "/new/*")
	if err != nil || len(files) != 2 {
		t.Fatalf("new/ holds %q (%v), want a job and a batch", files, err)
	}
	for _, f := range append(files, s.Dir()+"/run.lock") {
		fi, err := os.Stat(f)
		if err != nil {
			t.Fatal(err)
		}
		if uid := fi.Sys().(*syscall.Stat_t).Uid; uid != nobody {
			t.Errorf("%s belongs to uid %d, want %d", f, uid, nobody)
		}
	}
}
