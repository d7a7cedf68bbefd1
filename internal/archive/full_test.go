package archive

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtrq/mtrq/report"
)

// fullEnv makes the test binary fill a small file system of its own.
const fullEnv = "MTRQ_TEST_ARCHIVE_FULL"

// TestFullDisk fills a real file system (a tmpfs in a mount namespace that
// ends with the process), once to the last page and once to the last inode.
func TestFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a tmpfs in a namespace of its own")
	}
	if options := os.Getenv(fullEnv); options != "" {
		fillDisk(t, options)
		return
	}
	for name, options := range map[string]string{"pages": "size=512k", "inodes": "size=64m,nr_inodes=60"} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run", "^TestFullDisk$")
			cmd.Env = append(os.Environ(), fullEnv+"="+options)
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func fillDisk(t *testing.T, options string) {
	dir := t.TempDir()
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("mtrq-test", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	fillers := filepath.Join(dir, "filler")
	if err := os.Mkdir(fillers, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if err := os.WriteFile(filepath.Join(fillers, fmt.Sprint(i)), make([]byte, 10<<10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	archive := filepath.Join(dir, "archive")
	w, err := OpenWriter(archive, "UTC")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	if err := w.Write(makeReport(t, at.AddDate(0, 0, -2), 1000, "198.18.0.9")); err != nil { // goes while the disk is full
		t.Fatal(err)
	}
	var reports []*report.Report
	kept, failed := 0, 0
	for i := 0; failed < 3; i++ {
		r := makeReport(t, at, uint64(i), fmt.Sprintf("198.18.0.%d", i%3))
		reports = append(reports, r)
		err := w.Write(r)
		switch {
		case err == nil:
			kept++
		case errors.Is(err, syscall.ENOSPC):
			failed++
		default:
			t.Fatalf("got %v, want ENOSPC", err)
		}
	}
	if kept == 0 {
		t.Fatal("nothing was kept before the disk was full")
	}
	entries, err := w.List(Query{})
	if err != nil || len(entries) < kept {
		t.Errorf("%d listed of %d kept, %v", len(entries), kept, err)
	}
	for _, e := range entries {
		if _, err := w.Load(e); err != nil {
			t.Error(err)
		}
	}
	for i := range 100 { // a report needs more inodes than one: take what is left
		if err := os.WriteFile(filepath.Join(fillers, fmt.Sprintf("last%d", i)), nil, 0o600); err != nil {
			break
		}
	}
	if done, err := w.Prune(t.Context(), Limits{Now: at, Keep: 24 * time.Hour, Force: true}, nil); err != nil || done.Days != 1 {
		t.Errorf("prune of a full disk: %+v, %v; want one day gone", done, err)
	}
	if err := os.RemoveAll(fillers); err != nil {
		t.Fatal(err)
	}
	for _, r := range reports {
		if err := w.Write(r); err != nil {
			t.Errorf("with room again: %v", err)
		}
	}
	checkExactlyOnce(t, w, archive, reports)
	for _, name := range treeOf(t, archive) {
		if strings.Contains(name, tmpPrefix) {
			t.Errorf("%s is left", name)
		}
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
