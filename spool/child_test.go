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

	"github.com/mtrq/mtrq/spool"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

func itoa(n int) string { return strconv.Itoa(n) }

// runChild is what the test binary does when it was started as a helper.
func runChild(what string) int {
	var err error
	switch what {
	case "life":
		err = childLife(os.Args[1], os.Args[2], os.Args[3])
	case "drop":
		err = childDrop(os.Args[1], os.Args[2])
	case "take":
		err = childTake(os.Args[1], os.Args[2])
	case "denied":
		err = childDenied(os.Args[1], os.Args[2])
	default:
		err = fmt.Errorf("unknown child %q", what)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// childDenied tries what a user without rights may not do.
func childDenied(dir, id string) error {
	s, err := spool.Open(dir, spool.Options{})
	if err != nil {
		return err
	}
	ctx := context.Background()
	_, err = s.Submit(ctx, spool.Job{Target: "203.0.113.7"})
	fmt.Println("submit:", err)
	_, err = s.SubmitDrop(ctx, spool.Job{Target: "203.0.113.7"})
	fmt.Println("drop:", err)
	_, err = s.Where(ulid.MustParse(id))
	fmt.Println("where:", err)
	return nil
}

// asNobody runs a child as a user without any rights.
func asNobody(t *testing.T, what string, args ...string) string {
	t.Helper()
	return asUser(t, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}, what, args...)
}

// asUser runs a child as somebody else.
func asUser(t *testing.T, who *syscall.SysProcAttr, what string, args ...string) string {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to become another user")
	}
	// The test binary lies where only root can reach it.
	self, err := os.ReadFile(os.Args[0])
	check(t, err)
	dir := t.TempDir()
	reachable(t, dir)
	bin := filepath.Join(dir, "child")
	check(t, os.WriteFile(bin, self, 0o755))
	cmd := exec.CommandContext(t.Context(), bin, args...)
	cmd.Env = append(os.Environ(), "SPOOL_TEST_CHILD="+what)
	cmd.Dir = "/"
	cmd.SysProcAttr = who
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("child %s: %v\n%s", what, err, out)
	}
	return string(out)
}

func contextEnded(t *testing.T) (context.Context, context.CancelFunc) {
	return context.WithCancel(t.Context())
}

// reachable opens a directory of t.TempDir, and the test's own above it, to
// everybody.
func reachable(t *testing.T, dir string) {
	t.Helper()
	check(t, os.Chmod(dir, 0o755))
	check(t, os.Chmod(filepath.Dir(dir), 0o755))
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
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("in its own mount namespace: %v\n%s", err, out)
	} else {
		t.Logf("in its own mount namespace:\n%s", out)
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
