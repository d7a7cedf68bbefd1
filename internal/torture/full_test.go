package torture

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// TestFullDisks is the short form of TestTortureFullDisks.
func TestFullDisks(t *testing.T) {
	if ownMounts(t) {
		fullDisks(t, 3*time.Second)
	}
}

// fullDisks fills the disk of the spool, then that of the archive, to the
// last block and to the last inode, each for so long under load, and makes
// room again. The node must live through it, senders must be told, and in the
// end nothing may be lost.
func fullDisks(t *testing.T, each time.Duration) {
	needMkfs(t, "ext4")
	const targets = 20
	n := network(t, targets)
	disks := map[string]*disk{}
	for _, name := range []string{"spool", "archive"} {
		where := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(where, 0o755); err != nil {
			t.Fatal(err)
		}
		d := makeSized(t, "ext4", where, 256<<20, "-m", "0", "-N", "16000")
		d.mount(t)
		t.Cleanup(func() { unmountLater(t, d) }) // after the node has ended
		disks[name] = d
	}
	s := newSite(t, n, filepath.Join(disks["spool"].dir, "spool"), filepath.Join(disks["archive"].dir, "archive"))
	node := s.node(t)
	node.start()

	stop := make(chan struct{})
	var senders sync.WaitGroup
	var refused, accepted atomic.Int64
	r := chance(t)
	for range 2 {
		own := rand.New(rand.NewPCG(r.Uint64(), 3))
		senders.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(time.Duration(50+own.IntN(200)) * time.Millisecond):
				}
				_, err := s.enqueue(t, 0, s.some(own, 1+own.IntN(3), targets)...)
				switch {
				case err == nil:
					accepted.Add(1)
				case strings.Contains(err.Error(), "no space") || strings.Contains(err.Error(), "free space"):
					refused.Add(1)
				default:
					t.Errorf("a sender was told %v", err)
					return
				}
			}
		})
	}
	for _, name := range []string{"spool", "archive"} {
		for _, what := range []string{"blocks", "inodes"} {
			awaitReports(t, s, 5) // the load is on
			filler := filepath.Join(disks[name].dir, "filler")
			if err := os.Mkdir(filler, 0o755); err != nil {
				t.Fatal(err)
			}
			fill(t, filler, what)
			wasRefused, wasAccepted := refused.Load(), accepted.Load()
			for end := time.Now().Add(each); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
				fill(t, filler, what) // what finished jobs have freed
			}
			told, took := refused.Load()-wasRefused, accepted.Load()-wasAccepted
			if err := os.RemoveAll(filler); err != nil {
				t.Fatal(err)
			}
			t.Logf("%s without %s for %s: %d senders refused, %d accepted", name, what, each, told, took)
			switch {
			case name == "spool" && told == 0:
				t.Errorf("no sender was refused while the spool had no %s: it was not full", what)
			case name == "archive" && took == 0:
				t.Errorf("no sender was accepted while the archive had no %s", what)
			}
		}
	}
	close(stop)
	senders.Wait()
	await(t, "the end of all jobs", func() bool {
		a, err := look(s.spool, s.archive)
		if err != nil {
			return false // a file went while it looked
		}
		return !slices.ContainsFunc(a.faults(s.acks), func(f string) bool { return !strings.Contains(f, "archive/.writer-") })
	})
	node.stop()
	a := s.held(t)
	s.sound(t)
	t.Logf("%d jobs acknowledged, %d reported (%d in the report of another), %d in bad/", len(s.acks), len(a.reports), a.joined, len(a.bad))
}

// awaitReports waits until so many more reports are there.
func awaitReports(t *testing.T, s *site, more int) {
	t.Helper()
	from := -1
	await(t, fmt.Sprintf("%d more reports", more), func() bool {
		files, err := filepath.Glob(filepath.Join(s.archive, "*/*/*/*/*.json"))
		if err != nil {
			t.Fatal(err)
		}
		if from < 0 {
			from = len(files)
		}
		return len(files) >= from+more
	})
}

// await looks at what the world shows until it is as wanted.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	lab.Await(t, patience, 50*time.Millisecond, what, ok)
}

// fill takes all that a file system has left of blocks or inodes.
func fill(t *testing.T, into, what string) {
	t.Helper()
	for {
		f, err := os.CreateTemp(into, "f")
		if err == nil && what == "blocks" {
			block := make([]byte, 1<<20)
			for size := len(block); size >= 1024 && err == nil; {
				if _, err = f.Write(block[:size]); errors.Is(err, syscall.ENOSPC) && size > 1024 {
					size, err = size/2, nil
				}
			}
		}
		if f != nil {
			err = errors.Join(err, f.Close())
		}
		if errors.Is(err, syscall.ENOSPC) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
