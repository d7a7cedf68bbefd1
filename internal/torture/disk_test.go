package torture

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A disk is a file system in an image file, mounted in the test's own mount
// namespace.
type disk struct {
	kind  string // ext4, xfs, btrfs
	image string
	dir   string
}

// minimum sizes that the mkfs programs accept; the images are sparse.
func imageSize(kind string) int64 {
	switch kind {
	case "xfs":
		return 300 << 20
	case "btrfs":
		return 128 << 20
	}
	return 24 << 20
}

// needMkfs skips where a file system cannot be made or mounted here.
func needMkfs(t *testing.T, kind string) {
	t.Helper()
	if _, err := exec.LookPath("mkfs." + kind); err != nil {
		t.Skipf("needs mkfs.%s: %v", kind, err)
	}
	known, err := os.ReadFile("/proc/filesystems")
	if err != nil || !strings.Contains(string(known), "\t"+kind+"\n") {
		t.Skipf("this kernel has no %s (or not loaded as a module)", kind)
	}
}

// makeDisk makes an empty file system below a directory.
func makeDisk(t *testing.T, kind, where string) *disk {
	t.Helper()
	return makeSized(t, kind, where, imageSize(kind))
}

func makeSized(t *testing.T, kind, where string, size int64, args ...string) *disk {
	t.Helper()
	d := &disk{kind, filepath.Join(where, kind+".img"), filepath.Join(where, kind)}
	if err := os.Mkdir(d.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(d.image)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(size); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	quiet := map[string][]string{"ext4": {"-q", "-E", "lazy_itable_init=0,lazy_journal_init=0"}, "xfs": {"-q"}, "btrfs": {"-q"}}[kind]
	sh(t, "mkfs."+kind, append(append(quiet, args...), d.image)...)
	return d
}

// mount mounts it so that nothing reaches the image by itself for minutes.
func (d *disk) mount(t *testing.T) {
	t.Helper()
	options := map[string]string{"ext4": "loop,commit=300", "xfs": "loop", "btrfs": "loop,commit=300"}[d.kind]
	sh(t, "mount", "-t", d.kind, "-o", options, d.image, d.dir)
}

func (d *disk) unmount(t *testing.T) {
	t.Helper()
	if err := umount(d.dir); err != nil {
		t.Fatal(err)
	}
}

// unmountLater is unmount when the test has ended.
func unmountLater(t *testing.T, d *disk) {
	if err := umount(d.dir); err != nil {
		t.Error(err)
	}
}

// umount waits for the children of tests that run beside this one: between
// fork and exec they have its files open, too.
func umount(dir string) error {
	for try := 0; ; try++ {
		out, err := exec.Command("umount", dir).CombinedOutput()
		if err == nil {
			return nil
		}
		if try == 100 || !bytes.Contains(out, []byte("busy")) {
			return fmt.Errorf("umount %s: %w\n%s", dir, err, out)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// copyImage copies an image as it is now, holes and all.
func copyImage(t *testing.T, from, to string) {
	t.Helper()
	sh(t, "cp", "--sparse=always", "--reflink=auto", from, to)
}

// goDown stops a file system at once, without flushing its log: what the
// next mount finds is what the disk would hold after a power cut
// (EXT4_IOC_SHUTDOWN with NOLOGFLUSH, XFS_IOC_GOINGDOWN; one number).
func goDown(f *os.File) error {
	flags := uint32(2)
	const shutdown = 0x8004587d
	return ioctl(int(f.Fd()), shutdown, unsafe.Pointer(&flags))
}

// canGoDown says whether a kind of file system knows how to.
func canGoDown(t *testing.T, kind string) bool {
	t.Helper()
	d := makeDisk(t, kind, t.TempDir())
	d.mount(t)
	defer d.unmount(t)
	f, err := os.Open(d.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() // only read from
	err = goDown(f)
	if err != nil && err != unix.ENOTTY && err != unix.EOPNOTSUPP {
		t.Fatalf("shut %s down: %v", kind, err)
	}
	return err == nil
}

func sh(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
