package archive

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The files that are locked, by flock. Only the archive's owner can open
// them: whoever can open a file, be it to read, can hold its lock for ever.
// Neither may be removed while a writer lives.
const (
	lockName   = ".lock"        // held while anything is changed
	upkeepName = ".lock-upkeep" // held by the one that prunes, reindexes or mends
)

// openLock opens such a file, and makes it where there is none.
func openLock(root *os.Root, name string) (*os.File, error) {
	f, err := root.OpenFile(name, os.O_RDWR|os.O_CREATE|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("open %s: %w", name, errIrregular)
	}
	if err == nil && st.Mode().Perm() != 0o600 { // copied, or made by hand
		err = f.Chmod(0o600)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// lockWait is how long another process may hold the archive; a batch takes
// well below a second.
const lockWait = 30 * time.Second

// locked runs fn while no other process changes the archive.
func (w *Writer) locked(fn func() error) error { return whileLocked(w.lockFile, unix.LOCK_EX, fn) }

// whileLocked runs fn with the lock of an archive, LOCK_EX or LOCK_SH, for which
// it waits. The kernel drops the lock of a process that dies.
func whileLocked(f *os.File, how int, fn func() error) (err error) {
	deadline := time.Now().Add(lockWait)
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		err := tryLock(f, how)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return fmt.Errorf("lock %s: %w", lockName, err)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("lock %s: %w: another process has held it for %v", lockName, ErrBusy, lockWait)
		}
		time.Sleep(wait) // flock tells nobody when it becomes free without blocking for ever
	}
	defer func() {
		if e := unix.Flock(int(f.Fd()), unix.LOCK_UN); e != nil && err == nil {
			err = fmt.Errorf("unlock %s: %w", lockName, e)
		}
	}()
	return fn()
}

// tryLock takes a lock, LOCK_EX or LOCK_SH; EWOULDBLOCK where somebody else
// has it.
func tryLock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}
