package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/report"
)

const (
	killAfter = time.Second // after the TERM
	maxOutput = 4 << 10     // bytes of stdout and stderr for the log
)

// runCommand runs a program with body on its standard input, and ends it with
// its whole process group when ctx does. It returns when it has ended.
func runCommand(ctx context.Context, argv, vars []string, body []byte) outcome {
	out := &tail{}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = append(baseEnvironment(), vars...)
	cmd.Dir = "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(body), out, out
	// A process that left the group may hold the pipes open.
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := startPlain(cmd); err != nil {
		return outcome{err: startError(err), away: true}
	}

	// The leader is left unreaped until its group is dead: its number, which
	// is the group's, cannot become anybody else's meanwhile.
	pid := cmd.Process.Pid
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
		}
	}()
	cut := false
	select {
	case <-ended:
	case <-ctx.Done():
		cut = true
		_ = unix.Kill(-pid, unix.SIGTERM) // it may have ended
		grace := time.NewTimer(killAfter)
		select {
		case <-ended:
		case <-grace.C:
		}
		grace.Stop()
	}
	_ = unix.Kill(-pid, unix.SIGKILL) // what it left behind too
	<-ended
	err := cmd.Wait()
	switch {
	case cut:
		err = fmt.Errorf("%w: killed", why(ctx, errors.New("mtrq ends")))
	case cmd.ProcessState != nil && cmd.ProcessState.Success():
		return outcome{} // also where a pipe had to be taken from somebody
	case err == nil:
		err = errors.New("its end is unknown")
	}
	return outcome{err: out.explain(err)}
}

// startPlain starts a command without what mtrq has for its probes: the right
// to open raw sockets, which systemd gives as an ambient capability, and a
// place before others at the processor. Both belong to a thread, so a thread
// is spent on it: it ends with the goroutine that never unlocks it.
func startPlain(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			err = nil // before Linux 4.3: there are none
		}
		// The system call answers 20 - nice.
		if raw, perr := unix.Getpriority(unix.PRIO_PROCESS, 0); perr == nil && raw > 20 {
			_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 0) // late is better than not told
		}
		if err != nil {
			started <- fmt.Errorf("give up capabilities: %w", err)
			return
		}
		started <- cmd.Start()
	}()
	return <-started
}

// startError sorts what went wrong into what an operator can do about it.
func startError(err error) error {
	switch {
	case errors.Is(err, unix.ENOEXEC):
		return fmt.Errorf("%w: a script begins with a line such as #!/bin/sh", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: install it, and what its first line names", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: chmod a+x lets it run", err)
	}
	return err
}

// baseEnvironment is what every program may expect, and nothing of ours:
// what stands in the environment of a daemon may be secret.
func baseEnvironment() []string {
	var env []string
	for _, v := range []struct{ name, fallback string }{
		{"PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"},
		{"LANG", "C.UTF-8"},
		{"HOME", "/"},
	} {
		value := os.Getenv(v.name)
		if value == "" {
			value = v.fallback
		}
		env = append(env, v.name+"="+value)
	}
	return env
}

// tail keeps the last maxOutput bytes written to it: a fault is said last.
type tail struct{ buf []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p[max(len(p)-maxOutput, 0):]...)
	t.buf = append(t.buf[:0], t.buf[max(len(t.buf)-maxOutput, 0):]...)
	return len(p), nil
}

// explain adds what a command said to why it failed.
func (t *tail) explain(err error) error {
	said := strings.TrimSpace(report.Printable(string(t.buf)))
	if said == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, said)
}
