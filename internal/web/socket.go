package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socketMode is who may connect to a unix socket: its owner and group.
const socketMode = 0o660

// listenUnix opens a unix socket at path. A socket that is left there of
// a server that was killed is replaced, but only if nobody answers on it;
// a lock beside it keeps two servers that start together from taking
// each other's away. Nothing else that lies there is touched.
func listenUnix(ctx context.Context, path string) (*Listener, error) {
	lock, err := lockSocket(path)
	if err != nil {
		return nil, err
	}
	if err := clearSocket(ctx, path); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	// The kernel takes the mode from the socket, so that there is no moment
	// in which anybody could connect. What the umask took away comes back
	// after it.
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), socketMode) })
		return errors.Join(err, failed)
	}}
	l, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(err, l.Close(), lock.Close())
	}
	return &Listener{Listener: l, done: lock.Close}, nil // the lock's file stays: removing it would race
}

// lockSocket takes path.lock, which its process alone holds.
func lockSocket(path string) (*os.File, error) {
	f, err := os.OpenFile(path+".lock", os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = fmt.Errorf("%w: another mtrq serve has %s", syscall.EADDRINUSE, path)
		}
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// clearSocket takes away a socket on which nobody answers.
func clearSocket(ctx context.Context, path string) error {
	st, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st.Mode().Type() != fs.ModeSocket {
		return fmt.Errorf("%s is there already and no socket: name another path, or take it away", path)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		return errors.Join(fmt.Errorf("%w: somebody answers on %s", syscall.EADDRINUSE, path), c.Close())
	case errors.Is(err, syscall.ECONNREFUSED):
		return os.Remove(path)
	}
	return fmt.Errorf("ask who has %s: %w", path, err) // full backlog, no right: somebody may be there
}

// withPeer keeps the user at the other end of a unix socket.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return ctx
	}
	uid := -1
	err = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			uid = int(cred.Uid)
		}
	})
	if err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, uid)
}
