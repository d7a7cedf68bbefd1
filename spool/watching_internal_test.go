package spool

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// noted is a spool that keeps its notes.
func noted(t *testing.T) (*Spool, func() string) {
	t.Helper()
	var mu sync.Mutex
	var texts []string
	s, err := Open(filepath.Join(t.TempDir(), "spool"), Options{Note: func(n Note) {
		mu.Lock()
		defer mu.Unlock()
		texts = append(texts, string(n.What)+": "+n.Text)
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s, func() string {
		mu.Lock()
		defer mu.Unlock()
		return strings.Join(texts, "\n")
	}
}

func awaitWatching(t *testing.T, s *Spool, what string, ok func(Watching) bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(s.Watching()); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s: %+v", what, s.Watching())
		}
	}
}

// TestWatchOverflow drops more files than the kernel keeps hints of, while
// nobody reads them: it is noticed, said once, counted, and looked through.
func TestWatchOverflow(t *testing.T) {
	text, err := os.ReadFile("/proc/sys/fs/inotify/max_queued_events")
	if err != nil {
		t.Fatal(err)
	}
	most, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || most > 100_000 {
		t.Skipf("the kernel keeps %s hints: too many to overflow", text)
	}
	s, notes := noted(t)
	release := make(chan struct{})
	var once sync.Once
	stalled := make(chan struct{})
	hints := startWatch(t, s, watching{stall: func() { once.Do(func() { close(stalled) }); <-release }})
	<-stalled
	for i := range most + 100 {
		if err := os.WriteFile(s.path("drop", strconv.Itoa(i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for len(hints) > 0 {
		<-hints
	}
	close(release)
	wantHint(t, hints, "after the overflow")
	awaitWatching(t, s, "an overflow", func(w Watching) bool { return w.On && w.Overflows == 1 })
	if n := strings.Count(notes(), "max_queued_events"); n != 1 {
		t.Errorf("the overflow was noted %d times:\n%s", n, notes())
	}
}

// TestWatchOfAReplacedDirectory counts the watch that was lost, and says why
// there is none while the directory is away.
func TestWatchOfAReplacedDirectory(t *testing.T) {
	s, notes := noted(t)
	startWatch(t, s, watching{poll: 10 * time.Millisecond})
	awaitWatching(t, s, "a watch", func(w Watching) bool { return w.On })
	if err := os.Remove(s.path("drop", "")); err != nil {
		t.Fatal(err)
	}
	awaitWatching(t, s, "the lost watch", func(w Watching) bool {
		return !w.On && w.Lost == 1 && strings.Contains(w.Why, "drop/ cannot be watched")
	})
	if err := os.Mkdir(s.path("drop", ""), 0o700); err != nil {
		t.Fatal(err)
	}
	awaitWatching(t, s, "another watch", func(w Watching) bool { return w.On && w.Why == "" })
	if n := strings.Count(notes(), "looked through every 2 s"); n != 1 {
		t.Errorf("it was noted %d times:\n%s", n, notes())
	}
}

// TestWatchWithoutInstances lives in a user namespace that has no inotify
// instance, until it gets some.
func TestWatchWithoutInstances(t *testing.T) {
	const limit = "/proc/sys/user/max_inotify_instances"
	if os.Getenv("SPOOL_TEST_USERNS") != t.Name() {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
		cmd.Env = append(os.Environ(), "SPOOL_TEST_USERNS="+t.Name())
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags:  unix.CLONE_NEWUSER,
			UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		}
		out, err := cmd.CombinedOutput()
		if err != nil && len(out) == 0 {
			t.Skipf("needs user namespaces: %v", err)
		}
		if strings.Contains(string(out), "--- SKIP") {
			t.Skipf("%s", out)
		}
		if err != nil {
			t.Errorf("in its own user namespace: %v\n%s", err, out)
		}
		return
	}
	set := func(n int) error { return os.WriteFile(limit, fmt.Appendln(nil, n), 0) }
	if err := set(0); err != nil {
		t.Skipf("needs a limit of its own: %v", err)
	}
	s, notes := noted(t)
	hints := startWatch(t, s, watching{poll: 10 * time.Millisecond})
	wantHint(t, hints, "by looking through")
	awaitWatching(t, s, "no watch", func(w Watching) bool {
		return !w.On && strings.Contains(w.Why, "max_user_instances")
	})
	if err := set(128); err != nil {
		t.Fatal(err)
	}
	awaitWatching(t, s, "a watch", func(w Watching) bool { return w.On })
	if n := strings.Count(notes(), "no inotify instance"); n != 1 {
		t.Errorf("it was noted %d times:\n%s", n, notes())
	}
}

func TestNetworkFilesystemsAreKnown(t *testing.T) {
	for magic, want := range map[uint32]bool{
		unix.NFS_SUPER_MAGIC: true, unix.SMB2_SUPER_MAGIC: true, unix.FUSE_SUPER_MAGIC: true,
		unix.EXT4_SUPER_MAGIC: false, unix.XFS_SUPER_MAGIC: false, unix.BTRFS_SUPER_MAGIC: false, unix.TMPFS_MAGIC: false, unix.OVERLAYFS_SUPER_MAGIC: false,
	} {
		if got := isNetwork(magic); got != want {
			t.Errorf("magic %#x: network %t, want %t", magic, got, want)
		}
	}
	s, _ := noted(t)
	startWatch(t, s, watching{poll: time.Millisecond, local: func() bool { return false }})
	awaitWatching(t, s, "a reason", func(w Watching) bool { return strings.Contains(w.Why, "network filesystem") })
}
