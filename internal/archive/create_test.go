package archive

import (
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestFlagsUnknown tells errors after which link and unlink do what rename
// cannot from those that they would hide.
func TestFlagsUnknown(t *testing.T) {
	for errno, want := range map[unix.Errno]bool{
		unix.EINVAL: true, unix.ENOSYS: true, unix.EOPNOTSUPP: true,
		unix.EEXIST: false, unix.ENOSPC: false, unix.EIO: false, unix.EROFS: false,
	} {
		err := fmt.Errorf("rename: %w", &os.LinkError{Op: "rename", Err: errno})
		if got := flagsUnknown(err); got != want {
			t.Errorf("%v: %v, want %v", errno, got, want)
		}
	}
}
