package torture

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A catcher stands between a program and the kernel: each system call of the
// program that touches the disk waits until the catcher has looked at it
// (seccomp_unotify(2)). strace counts calls by thread, and a Go program moves
// between its threads as it likes; the catcher sees all of them in one row,
// and harms exactly the one that is meant. What it kills is killed before the
// call takes place.
type catcher struct {
	below string     // calls that touch no path below it pass unseen
	at    call       // to be harmed; zero: none
	errno unix.Errno // given in place of the call; 0: the process is killed
	// harm, unless nil, is called when at is reached, while the program
	// waits; then the process is killed.
	harm func()

	calls []call
	seen  map[string]int
	done  bool // at was reached
}

// watched are the calls by which submit, claim and finish touch the disk,
// and where each has its file: in a path, in two, or in a descriptor.
func watched() map[int]struct {
	name string
	kind callKind
} {
	type w = struct {
		name string
		kind callKind
	}
	return map[int]w{
		unix.SYS_OPENAT: {"openat", byPath}, unix.SYS_NEWFSTATAT: {"newfstatat", byPath}, unix.SYS_MKDIRAT: {"mkdirat", byPath},
		unix.SYS_UNLINKAT: {"unlinkat", byPath}, unix.SYS_FCHMODAT: {"fchmodat", byPath}, unix.SYS_SETXATTR: {"setxattr", byPlainPath},
		unix.SYS_UTIMENSAT: {"utimensat", byPath}, unix.SYS_STATFS: {"statfs", byPlainPath}, unix.SYS_RENAMEAT: {"renameat", byTwoPaths}, unix.SYS_RENAMEAT2: {"renameat2", byTwoPaths},
		unix.SYS_LINKAT: {"linkat", byTwoPaths}, unix.SYS_READ: {"read", byFD}, unix.SYS_PREAD64: {"pread64", byFD},
		unix.SYS_WRITE: {"write", byFD}, unix.SYS_PWRITE64: {"pwrite64", byFD}, unix.SYS_FTRUNCATE: {"ftruncate", byFD},
		unix.SYS_FSYNC: {"fsync", byFD}, unix.SYS_FDATASYNC: {"fdatasync", byFD}, unix.SYS_CLOSE: {"close", byFD},
		unix.SYS_FCHMOD: {"fchmod", byFD}, unix.SYS_FCHOWN: {"fchown", byFD}, unix.SYS_GETDENTS64: {"getdents64", byFD},
		unix.SYS_FSTAT: {"fstat", byFD}, unix.SYS_FSTATFS: {"fstatfs", byFD}, unix.SYS_FLOCK: {"flock", byFD},
	}
}

type callKind int

const (
	byFD callKind = iota
	byPath
	byPlainPath
	byTwoPaths
)

// notification is struct seccomp_notif.
type notification struct {
	ID    uint64
	PID   uint32
	Flags uint32
	NR    int32
	Arch  uint32
	IP    uint64
	Args  [6]uint64
}

// answer is struct seccomp_notif_resp.
type answer struct {
	ID    uint64
	Val   int64
	Error int32
	Flags uint32
}

// catch looks at the calls that wait at a listener, until the last process
// that has its filter has ended. It closes the listener.
func (c *catcher) catch(listener int) error {
	defer unix.Close(listener)
	c.seen = map[string]int{}
	names := watched()
	for {
		fds := []unix.PollFd{{Fd: int32(listener), Events: unix.POLLIN}}
		if _, err := unix.Poll(fds, -1); errors.Is(err, unix.EINTR) {
			continue
		} else if err != nil {
			return fmt.Errorf("poll: %w", err)
		}
		if fds[0].Revents&unix.POLLIN == 0 {
			return nil // the last one has ended
		}
		var n notification
		if err := ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_RECV, unsafe.Pointer(&n)); errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINTR) {
			continue // it was killed meanwhile
		} else if err != nil {
			return fmt.Errorf("receive: %w", err)
		}
		a := answer{ID: n.ID, Flags: unix.SECCOMP_USER_NOTIF_FLAG_CONTINUE}
		if w, ok := names[int(n.NR)]; ok {
			if path := c.path(&n, w.kind); path != "" && c.reached(w.name, path) {
				if c.harm != nil {
					c.harm()
				}
				if c.errno == 0 {
					if err := unix.Kill(group(n.PID), unix.SIGKILL); err != nil {
						return fmt.Errorf("kill: %w", err)
					}
				}
				a.Flags, a.Error = 0, -int32(c.errno)
			}
		}
		if err := ioctl(listener, unix.SECCOMP_IOCTL_NOTIF_SEND, unsafe.Pointer(&a)); err != nil && !errors.Is(err, unix.ENOENT) {
			return fmt.Errorf("send: %w", err)
		}
	}
}

// reached notes a call and says whether it is the one to harm.
func (c *catcher) reached(name, path string) bool {
	k := call{name: name, path: path}
	c.seen[name+" "+path]++
	k.nth = c.seen[name+" "+path]
	c.calls = append(c.calls, k)
	if c.done || k != c.at {
		return false
	}
	c.done = true
	return true
}

// path is what a call touches below the directory, IDs and times taken out;
// "" for what lies elsewhere.
func (c *catcher) path(n *notification, kind callKind) string {
	link := func(fd uint64) string {
		name := fmt.Sprintf("/proc/%d/fd/%d", n.PID, int32(fd))
		if int32(fd) == unix.AT_FDCWD {
			name = fmt.Sprintf("/proc/%d/cwd", n.PID)
		}
		p, _ := os.Readlink(name) // a socket or nothing: not ours
		return p
	}
	joined := func(fd, ptr uint64) string {
		p := cString(n.PID, ptr)
		if !filepath.IsAbs(p) {
			p = filepath.Join(link(fd), p)
		}
		return p
	}
	var paths []string
	switch kind {
	case byFD:
		paths = []string{link(n.Args[0])}
	case byPlainPath:
		paths = []string{joined(uint64(0xffffffffffffff9c), n.Args[0])}
	case byPath:
		paths = []string{joined(n.Args[0], n.Args[1])}
	case byTwoPaths:
		paths = []string{joined(n.Args[0], n.Args[1]), joined(n.Args[2], n.Args[3])}
	}
	var parts []string
	for _, p := range paths {
		if rest, ok := strings.CutPrefix(p, c.below+"/"); ok {
			parts = append(parts, plainPath(rest))
		}
	}
	return strings.Join(parts, " > ")
}

// cString reads a string of another process.
func cString(pid uint32, ptr uint64) string {
	f, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return ""
	}
	defer f.Close() // only read from
	buf := make([]byte, 4096)
	n, _ := f.ReadAt(buf, int64(ptr)) // short where the page ends
	s, _, _ := bytes.Cut(buf[:n], []byte{0})
	return string(s)
}

// group is the process of a thread.
func group(tid uint32) int {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", tid))
	if err == nil {
		for line := range strings.Lines(string(status)) {
			var pid int
			if _, err := fmt.Sscanf(line, "Tgid: %d", &pid); err == nil {
				return pid
			}
		}
	}
	return int(tid)
}

func ioctl(fd int, request uint, arg unsafe.Pointer) error {
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(arg)); errno != 0 {
		return errno
	}
	return nil
}

// caught is what this program does when it is started to be caught: it gives
// the listener away through descriptor 3 and becomes the command.
func caught(command []string) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	var filter []unix.SockFilter
	filter = append(filter, unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}) // the number of the call
	names := watched()
	left := len(names)
	for nr := range names {
		left--
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: uint8(left + 1), K: uint32(nr)})
	}
	filter = append(filter,
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
		unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_USER_NOTIF})
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	env, argv := os.Environ(), command
	const flags = unix.SECCOMP_FILTER_FLAG_NEW_LISTENER | unix.SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, flags, uintptr(unsafe.Pointer(&prog)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	if err := unix.Sendmsg(3, []byte{1}, unix.UnixRights(int(fd)), nil, 0); err != nil {
		return err
	}
	// From here on every read, write and close of this thread waits for the
	// catcher.
	if _, _, err := unix.Recvfrom(3, make([]byte, 1), 0); err != nil {
		return err
	}
	unix.CloseOnExec(3)
	return syscall.Exec(argv[0], argv, env)
}

// takeListener receives the listener of a program that wants to be caught,
// and lets it go on.
func takeListener(sock int) (int, error) {
	oob := make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := unix.Recvmsg(sock, make([]byte, 1), oob, 0)
	if err != nil || n == 0 {
		return -1, fmt.Errorf("the program did not come: %w", errors.Join(err, os.ErrProcessDone))
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(msgs) != 1 {
		return -1, fmt.Errorf("%d messages: %w", len(msgs), err)
	}
	fds, err := unix.ParseUnixRights(&msgs[0])
	if err != nil {
		return -1, err
	}
	unix.CloseOnExec(fds[0])
	return fds[0], unix.Sendto(sock, []byte{1}, unix.MSG_NOSIGNAL, nil)
}
