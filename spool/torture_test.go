//go:build torture

package spool_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// TestTorturePowerCutAtEverySystemCall kills a life at each of its system calls, on
// an ext4 of its own that is then shut down without flushing anything: what
// the next mount finds is what the disk would hold after a power cut.
//
//	go test -tags torture -run PowerCut ./spool/
func TestTorturePowerCutAtEverySystemCall(t *testing.T) {
	needStrace(t)
	if !inOwnMounts(t) {
		return
	}
	steps := lifeSteps(t, lifeDir(t, t.TempDir(), "whole"))
	lost := 0
	for _, st := range steps {
		outside := t.TempDir()
		disk := newDisk(t, outside)
		where := lifeDir(t, disk.mount(t), "life")
		acks := filepath.Join(outside, "acks")
		check(t, os.Symlink(acks, filepath.Join(where, "acks")))
		unix.Sync() // the directories themselves are there; the life is not
		strace(t, where, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", st.call, st.n))
		before := files(t, where)
		disk.cutPower(t)
		disk.mount(t)
		if files(t, where) != before {
			lost++
		}
		afterlife(t, "power cut at "+st.line, filepath.Join(where, "spool"), filepath.Join(where, "archive"), acks)
		disk.unmount(t)
	}
	t.Logf("power cut at %d system calls; %d times the disk held less than the kernel did", len(steps), lost)
	if lost == 0 {
		t.Error("no cut ever lost anything: the filesystem was flushed, this test proves nothing")
	}
}

// files lists names and sizes below a directory.
func files(t *testing.T, dir string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "find", dir, "-type", "f", "-not", "-name", "trace", "-printf", "%P %s\n").Output()
	check(t, err)
	return string(out)
}

// disk is an ext4 image, mounted in the test's own mount namespace.
type disk struct{ image, dir string }

func newDisk(t *testing.T, where string) *disk {
	t.Helper()
	d := &disk{filepath.Join(where, "image"), filepath.Join(where, "disk")}
	check(t, os.Mkdir(d.dir, 0o755))
	f, err := os.Create(d.image)
	check(t, err)
	check(t, f.Truncate(16<<20))
	check(t, f.Close())
	command(t, "mkfs.ext4", "-q", "-E", "lazy_itable_init=0", d.image)
	return d
}

func (d *disk) mount(t *testing.T) string {
	t.Helper()
	// The journal must not commit by itself while a life runs.
	command(t, "mount", "-o", "loop,commit=300", d.image, d.dir)
	return d.dir
}

func (d *disk) unmount(t *testing.T) {
	t.Helper()
	command(t, "umount", d.dir)
}

// cutPower stops the filesystem without flushing its log
// (EXT4_IOC_SHUTDOWN, EXT4_GOING_FLAGS_NOLOGFLUSH), then unmounts it.
func (d *disk) cutPower(t *testing.T) {
	t.Helper()
	f, err := os.Open(d.dir)
	check(t, err)
	flags := uint32(2)
	const ext4IocShutdown = 0x8004587d
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), ext4IocShutdown, uintptr(unsafe.Pointer(&flags)))
	check(t, f.Close())
	if errno != 0 {
		t.Fatalf("shut the filesystem down: %v", errno)
	}
	d.unmount(t)
}

func command(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// TestTortureJunk floods drop/ with 100,000 files that are no jobs.
func TestTortureJunk(t *testing.T) { junk(t, 100_000) }
