package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

// ErrBusy means that another process (or another Queue of this one) holds
// the spool.
var ErrBusy = errors.New("spool is in use")

// A Queue is the runner's side of a spool: it alone moves jobs into and out
// of cur/. Its methods, and those of its claims, may be called from several
// goroutines.
type Queue struct {
	s    *Spool
	lock *os.File

	mu        sync.Mutex
	recovered bool
	held      map[ulid.ULID]*Claim     // handed out and not over
	batches   map[ulid.ULID]*heldBatch // batch files in cur/
	left      map[string]bool          // files in drop/ that could not be taken, noted once
	kept      map[ulid.ULID]kept       // in new/, and not to be claimed yet
	ahead     map[string]stillness     // files in drop/ with times of the future
	drop      dropState
	senders   senders
	waiting   waiting
	more      bool // the last sweep of drop/ left some for the next
	closed    bool
}

// Lock takes the spool for one runner. The error wraps ErrBusy while another has it.
// Call Recover next, and Close at the end; the kernel frees the lock of a process that
// dies.
func (s *Spool) Lock() (*Queue, error) {
	path := s.path("", "run.lock")
	for {
		f, err := lockFile(path)
		if err != nil {
			return nil, fmt.Errorf("lock spool %s: %w", s.dir, err)
		}
		// Someone may have removed the file between open and lock: then we
		// hold a lock that nobody else will meet.
		same, err := isStill(f, path)
		if err == nil && same {
			err = writePID(f)
		}
		if err != nil {
			return nil, fmt.Errorf("lock spool %s: %w", s.dir, errors.Join(err, f.Close()))
		}
		if !same {
			if err := f.Close(); err != nil {
				return nil, fmt.Errorf("lock spool %s: %w", s.dir, err)
			}
			continue
		}
		return &Queue{s: s, lock: f, held: map[ulid.ULID]*Claim{}, batches: map[ulid.ULID]*heldBatch{}}, nil
	}
}

// lockFile opens and locks. Whoever may read the file could hold the lock
// and keep every runner out: nobody else may.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if st, err := f.Stat(); err == nil && st.Mode().Perm() != 0o600 {
		_ = f.Chmod(0o600) // of an earlier version; not ours to change where another user made it
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		if err := giveToOwner(f); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f, nil
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("%w by %s: stop the other runner, or use another spool", ErrBusy, holder(f))
	} else {
		err = &fs.PathError{Op: "flock", Path: path, Err: err}
	}
	return nil, errors.Join(err, f.Close())
}

// holder names who wrote the lock file last.
func holder(f *os.File) string {
	buf := make([]byte, 32)
	n, _ := f.ReadAt(buf, 0) // an empty or short file is no pid, as the next line finds
	pid, err := strconv.Atoi(strings.TrimSpace(string(buf[:n])))
	if err != nil || pid <= 0 {
		return "another process"
	}
	return "process " + strconv.Itoa(pid)
}

// locksFile lists the locks of this machine, for everybody to read.
const locksFile = "/proc/locks"

// holder gives the process that holds the spool, 0 where none does or that cannot
// be known (it lives in another PID namespace). It only looks: to try the lock itself
// would need the owner's rights, and could turn away a runner that starts at that
// moment. pid is that of run.json.
func (s *Spool) holder(pid int) int {
	st, err := s.fs.lstat(s.path("", "run.lock"))
	if err != nil {
		return 0
	}
	locks, err := os.ReadFile(locksFile)
	if err != nil {
		return 0
	}
	return holderIn(string(locks), st, pid)
}

// holderIn finds who has a file locked for writing. Lines look like
//
//	1: FLOCK  ADVISORY  WRITE 4711 fe:01:131077 0 EOF
//
// with device and inode; what waits for a lock has "->" after the number. btrfs and
// overlayfs give stat another device than the lock has: there the process must be
// the one that is expected.
func holderIn(locks string, file unix.Stat_t, pid int) int {
	device := fmt.Sprintf("%02x:%02x", unix.Major(file.Dev), unix.Minor(file.Dev))
	inode := strconv.FormatUint(file.Ino, 10)
	for line := range strings.Lines(locks) {
		f := strings.Fields(line)
		if len(f) < 6 || f[1] != "FLOCK" || f[3] != "WRITE" {
			continue
		}
		by, err := strconv.Atoi(f[4])
		at := strings.LastIndexByte(f[5], ':')
		if err != nil || by <= 0 || at < 0 || f[5][at+1:] != inode {
			continue
		}
		if f[5][:at] == device || by == pid {
			return by
		}
	}
	return 0
}

func isStill(f *os.File, path string) (bool, error) {
	mine, err := f.Stat()
	if err != nil {
		return false, err
	}
	there, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return os.SameFile(mine, there), nil
}

func writePID(f *os.File) error {
	pid := strconv.Itoa(os.Getpid()) + "\n"
	if _, err := f.WriteAt([]byte(pid), 0); err != nil {
		return err
	}
	return f.Truncate(int64(len(pid)))
}

// Close gives the spool free. Batches of which nothing is in hand go back to
// new/; claims that are not over stay in cur/ for the next Recover. What
// Finish, Return and Bad did is durable when Close returns nil.
func (q *Queue) Close() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return nil
	}
	q.closed = true
	q.tellRemoved(true)
	errs := []error{q.returnBatches(), q.s.sync("bad", "new", "cur"), q.lock.Close()}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close spool %s: %w", q.s.dir, err)
	}
	return nil
}
