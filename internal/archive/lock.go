package archive

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// lockWait is how long another process may hold the archive; a batch takes
// well below a second.
const lockWait = 30 * time.Second

// locked runs fn while no other process changes the archive. The kernel
// drops the lock of a process that dies.
func (w *Writer) locked(fn func() error) (err error) {
	deadline := time.Now().Add(lockWait)
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		err := tryLock(w.lockFile)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("lock %s: %w", infoName, err)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("lock %s: %w: another process has held it for %v", infoName, ErrBusy, lockWait)
		}
		time.Sleep(wait) // flock tells nobody when it becomes free without blocking for ever
	}
	defer func() {
		if e := unix.Flock(int(w.lockFile.Fd()), unix.LOCK_UN); e != nil && err == nil {
			err = fmt.Errorf("unlock %s: %w", infoName, e)
		}
	}()
	return fn()
}

func tryLock(f *os.File) error {
	for {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
