package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/spool"
)

// terminal is a pseudo-terminal and what has been written to it.
type terminal struct {
	t     *testing.T
	mine  *os.File
	yours *os.File

	mu   sync.Mutex
	text strings.Builder
	more chan struct{} // something came
}

func newTerminal(t *testing.T, columns, lines uint16) *terminal {
	t.Helper()
	mine, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	var n int
	control(t, mine, func(fd int) error {
		if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
			return err
		}
		n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		return err
	})
	yours, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	x := &terminal{t: t, mine: mine, yours: yours, more: make(chan struct{}, 1)}
	x.resize(columns, lines)
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 4096)
		for {
			n, err := mine.Read(buf)
			x.mu.Lock()
			x.text.Write(buf[:n])
			x.mu.Unlock()
			select {
			case x.more <- struct{}{}:
			default:
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		if err := errors.Join(yours.Close(), mine.Close()); err != nil {
			t.Error(err)
		}
		<-done
	})
	return x
}

func control(t *testing.T, f *os.File, do func(fd int) error) {
	t.Helper()
	raw, err := f.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	ctl := raw.Control(func(fd uintptr) { err = do(int(fd)) })
	if err := errors.Join(err, ctl); err != nil {
		t.Fatal(err)
	}
}

func (x *terminal) resize(columns, lines uint16) {
	x.t.Helper()
	control(x.t, x.mine, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: lines, Col: columns})
	})
}

// local are the terminal's local flags: whether it waits for whole lines,
// and shows what is typed.
func (x *terminal) local() (flags uint32) {
	x.t.Helper()
	control(x.t, x.yours, func(fd int) error {
		m, err := unix.IoctlGetTermios(fd, unix.TCGETS)
		if err == nil {
			flags = m.Lflag
		}
		return err
	})
	return flags
}

func (x *terminal) keys(s string) {
	x.t.Helper()
	if _, err := x.mine.WriteString(s); err != nil {
		x.t.Fatal(err)
	}
}

// until waits for text that comes behind what the last until found.
func (x *terminal) until(want string) (before string) {
	x.t.Helper()
	bound := time.After(patience)
	for {
		x.mu.Lock()
		before, after, found := strings.Cut(x.text.String(), want)
		if found {
			x.text.Reset()
			x.text.WriteString(after)
		}
		all := x.text.String()
		x.mu.Unlock()
		if found {
			return before
		}
		select {
		case <-x.more:
		case <-bound:
			x.t.Fatalf("no %q on the terminal, but %q", want, all[max(0, len(all)-2000):])
		}
	}
}

// start runs mtrq on the terminal, as the leader of its session.
func (x *terminal) start(env []string, args ...string) *exec.Cmd {
	x.t.Helper()
	c := exec.Command("mtrq", args...)
	c.Stdin, c.Stdout, c.Stderr = x.yours, x.yours, x.yours
	c.Env = append(append(os.Environ(), "TERM=xterm", "GORACE=atexit_sleep_ms=0"), env...)
	c.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := c.Start(); err != nil {
		x.t.Fatal(err)
	}
	hang := time.AfterFunc(2*patience, func() { _ = c.Process.Kill() }) // Wait says so
	x.t.Cleanup(func() {
		hang.Stop()
		if c.ProcessState == nil {
			_ = c.Process.Kill()
			_ = c.Wait()
		}
	})
	return c
}

// watching is a spool whose state is written anew all the time, as a node
// does, until stop.
type watching struct {
	sp   *spool.Spool
	mu   sync.Mutex
	st   spool.WatchState
	stop func()
}

func newWatching(t *testing.T) *watching {
	t.Helper()
	sp, err := spool.Open(t.TempDir(), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := &watching{sp: sp, st: spool.WatchState{Schema: 1, Node: "hk1"}}
	end, ended := make(chan struct{}), make(chan struct{})
	w.set() // it is there before anybody looks
	go func() {
		defer close(ended)
		beat := time.NewTicker(50 * time.Millisecond)
		defer beat.Stop()
		for {
			w.mu.Lock()
			w.st.At = time.Now()
			err := errors.Join(sp.WriteWatchState(&w.st), sp.WriteRunState(spool.RunState{Schema: 1, State: "running", At: time.Now()}))
			w.mu.Unlock()
			if err != nil {
				t.Errorf("write state: %v", err)
				return
			}
			select {
			case <-beat.C:
			case <-end:
				return
			}
		}
	}()
	w.stop = sync.OnceFunc(func() { close(end); <-ended })
	t.Cleanup(w.stop)
	return w
}

// set changes how the targets are.
func (w *watching) set(targets ...spool.WatchTarget) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.st.Targets, w.st.Totals.Targets, w.st.At = targets, len(targets), time.Now()
	if err := errors.Join(w.sp.WriteWatchState(&w.st), w.sp.WriteRunState(spool.RunState{Schema: 1, State: "running", At: time.Now()})); err != nil {
		panic(err) // of the test's own directory
	}
}

func okTarget(name string) spool.WatchTarget {
	return spool.WatchTarget{Target: name, State: spool.TargetOK, Interval: 1000, Strip: "rr-r", Since: time.Now(), Lost: 1, Sent: 4}
}

// TestTargetsLive: what the watchdog writes is seen as it changes, in the
// size that the terminal has; a q ends it, and the terminal is as before.
func TestTargetsLive(t *testing.T) {
	for _, tc := range []struct {
		name, key string
	}{{"q", "q"}, {"Ctrl-C", "\x03"}} {
		t.Run(tc.name, func(t *testing.T) {
			w := newWatching(t)
			w.set(okTarget("198.51.100.7"), okTarget("203.0.113.9"))
			x := newTerminal(t, 120, 30)
			before := x.local()
			c := x.start([]string{"MTRQ_SPOOL=" + w.sp.Dir(), "NO_COLOR="}, "targets")
			x.until("198.51.100.7")
			x.until("\x1b[32m▁▁\x1b[0m\x1b[31m█\x1b[0m\x1b[32m▁\x1b[0m") // its pings
			x.until("q quits")
			if l := x.local(); l&(unix.ICANON|unix.ECHO) != 0 || l&unix.ISIG == 0 {
				t.Errorf("while it runs: local flags %#x", l)
			}

			bad := okTarget("203.0.113.9")
			bad.State, bad.Incident = spool.TargetLossy, "01KAR1ACT0W4M6E8G2N7P3QRSZ"
			w.set(okTarget("198.51.100.7"), bad)
			x.until("01KAR1ACT0W4M")
			if text := x.until("198.51.100.7"); strings.Contains(text, "\x1b[H") {
				t.Errorf("the screen was cleared: %q", text)
			}
			x.resize(60, 6)
			x.until("\x1b[H\x1b[2J")
			x.until("203.0.113.9")
			x.until("1 more")

			x.keys("x" + tc.key)
			if err := c.Wait(); err != nil {
				t.Fatal(err)
			}
			x.until("\x1b[?25h") // the cursor
			if after := x.local(); after != before {
				t.Errorf("local flags %#x, before %#x", after, before)
			}
		})
	}
}

// TestTargetsLiveNobodyWatches: what has grown old is said on the screen, and
// by the exit code.
func TestTargetsLiveNobodyWatches(t *testing.T) {
	w := newWatching(t)
	w.set(okTarget("198.51.100.7"))
	x := newTerminal(t, 100, 30)
	c := x.start([]string{"MTRQ_SPOOL=" + w.sp.Dir(), "NO_COLOR=1"}, "targets")
	if text := x.until("··x·"); strings.Contains(text, "m▁") || strings.Contains(text, "PROBLEM") {
		t.Errorf("got %q", text)
	}
	w.stop()
	if err := w.sp.WriteRunState(spool.RunState{Schema: 1, State: "running", At: time.Now().Add(-time.Minute)}); err != nil {
		t.Fatal(err)
	}
	x.until("PROBLEM    nobody is watching: mtrq run last gave a sign at ")
	x.keys("q")
	var exit *exec.ExitError
	if err := c.Wait(); !errors.As(err, &exit) || exit.ExitCode() != exitUnavailable {
		t.Errorf("got %v, want exit code %d", err, exitUnavailable)
	}
	x.until("mtrq: error: nobody is watching")
	x.until("mtrq: hint: start a node")
}

// TestTargetsLiveStopped: Ctrl-Z gives the terminal back, and what goes on
// takes it again.
func TestTargetsLiveStopped(t *testing.T) {
	w := newWatching(t)
	w.set(okTarget("198.51.100.7"))
	x := newTerminal(t, 100, 30)
	before := x.local()
	c := x.start([]string{"MTRQ_SPOOL=" + w.sp.Dir()}, "targets")
	x.until("q quits")
	if err := c.Process.Signal(syscall.SIGTSTP); err != nil {
		t.Fatal(err)
	}
	var ws unix.WaitStatus
	if _, err := unix.Wait4(c.Process.Pid, &ws, unix.WUNTRACED, nil); err != nil || !ws.Stopped() {
		t.Fatalf("got %v, %v, want it stopped", ws, err)
	}
	if l := x.local(); l != before {
		t.Errorf("stopped: local flags %#x, before %#x", l, before)
	}
	x.until("\x1b[?25h")
	if err := c.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	x.until("\x1b[?25l")
	x.until("q quits")
	if l := x.local(); l&unix.ICANON != 0 {
		t.Errorf("goes on: local flags %#x", l)
	}
	x.keys("q")
	if err := c.Wait(); err != nil {
		t.Error(err)
	}
}
