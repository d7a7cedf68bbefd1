package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Space is one unnamed network namespace, held only by a file descriptor of this process: when the process ends,
// by kill -9 too, nothing of it stays. Its methods may be called from several goroutines.
type Space struct {
	mu sync.RWMutex // held for reading while fd is in use
	fd int          // namespace; -1 once closed
}

// errSpaceClosed is returned by methods of a Space whose network has been closed.
var errSpaceClosed = errors.New("network namespace is closed")

// newSpace makes an empty namespace whose loopback is still down. It needs CAP_SYS_ADMIN.
func newSpace() (*Space, error) {
	s := &Space{fd: -1}
	err := onThread(func() error {
		home, err := openThreadNetns()
		if err != nil {
			return err
		}
		defer unix.Close(home)
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make a network namespace: %w", err)
		}
		fd, err := openThreadNetns()
		if back := unix.Setns(home, unix.CLONE_NEWNET); back != nil {
			return &strandedError{back}
		}
		s.fd = fd
		return err
	})
	if err != nil {
		return nil, err
	}
	return s, nil
}

// Do runs fn on one OS thread inside the namespace and returns its error. Sockets, pipes to child processes and
// files of /proc/sys/net that fn opens itself belong to the namespace and stay usable outside of Do. A goroutine
// started by fn runs outside.
func (s *Space) Do(fn func() error) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.fd < 0 {
		return errSpaceClosed
	}
	return onThread(func() error {
		home, err := openThreadNetns()
		if err != nil {
			return err
		}
		defer unix.Close(home)
		if err := unix.Setns(s.fd, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter the network namespace: %w", err)
		}
		fnErr := fn()
		if err := unix.Setns(home, unix.CLONE_NEWNET); err != nil {
			return &strandedError{err}
		}
		return fnErr
	})
}

// Command is exec.CommandContext for a program that runs inside the namespace. The process that Start makes *is*
// the program (nsenter execs it), so its pid, signals and exit code are the program's own. It is killed when this
// process dies. To run it as another user use Start of Space, which needs no rights after the fork.
func (s *Space) Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	s.mu.RLock()
	defer s.mu.RUnlock()
	path, err := exec.LookPath(name)
	if err != nil {
		cmd := exec.CommandContext(ctx, name, args...)
		return cmd // carries the look-up error, Start returns it
	}
	ns := "/proc/" + strconv.Itoa(os.Getpid()) + "/fd/" + strconv.Itoa(s.fd)
	cmd := exec.CommandContext(ctx, "nsenter", append([]string{"--net=" + ns, "--", path}, args...)...)
	if s.fd < 0 {
		cmd.Err = errSpaceClosed
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// Start starts a command made by exec.Command inside the namespace, with whatever credentials it asks for.
func (s *Space) Start(cmd *exec.Cmd) error { return s.Do(cmd.Start) }

// close gives up this process's hold. The namespace ends with the last process or socket inside.
func (s *Space) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return nil
	}
	fd := s.fd
	s.fd = -1
	return unix.Close(fd)
}

// strandedError says that a thread could not be brought back to the namespace it came from.
type strandedError struct{ err error }

func (e *strandedError) Error() string { return "return from the network namespace: " + e.err.Error() }
func (e *strandedError) Unwrap() error { return e.err }

// onThread runs fn on a goroutine with an OS thread of its own. The thread goes back to the runtime unless it is
// stranded in a foreign namespace. Threads are not ended without need, because a child started from a thread
// gets its Pdeathsig when that thread ends.
func onThread(fn func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		finished := false
		defer func() {
			if !finished { // fn called runtime.Goexit (t.Fatal): the thread may be inside still, let it end
				done <- errors.New("function left its network namespace by Goexit")
			}
		}()
		err := fn()
		finished = true
		var stranded *strandedError
		if !errors.As(err, &stranded) {
			runtime.UnlockOSThread()
		}
		done <- err
	}()
	return <-done
}

// openThreadNetns opens the namespace of the calling thread, which must be locked.
func openThreadNetns() (int, error) {
	fd, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open the thread's network namespace: %w", err)
	}
	return fd, nil
}
