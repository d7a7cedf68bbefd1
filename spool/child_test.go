package spool_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func itoa(n int) string { return strconv.Itoa(n) }

func runChild(string) int { return 0 }

func contextEnded(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// inOwnMounts runs the calling test once more in a process with a mount
// namespace of its own, so that no mount outlives it however it ends. It
// returns true there, and false, with the verdict passed on, in the caller.
func inOwnMounts(t *testing.T) bool {
	t.Helper()
	if os.Getenv("SPOOL_TEST_MOUNTS") == t.Name() {
		return true
	}
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), "SPOOL_TEST_MOUNTS="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("in its own mount namespace: %v\n%s", err, out)
	}
	return false
}

// tinyFS mounts a tmpfs of so many bytes. Only inOwnMounts.
func tinyFS(t *testing.T, bytes int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tiny")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("spool-test", dir, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}
