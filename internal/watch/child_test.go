package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mtrq/mtrq/internal/targets"
	"github.com/mtrq/mtrq/spool"
)

// childVariable makes the test program a node of its own, for what has to be
// killed or stopped: its directory, in which "list" names the targets.
const childVariable = "MTRQ_WATCH_CHILD"

// child runs a node until TERM.
func child(dir string) int {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	lists := &targets.Lists{Files: []string{filepath.Join(dir, "list")}, Interval: 200 * time.Millisecond, Dir: filepath.Join(dir, "lists"), Now: time.Now, Log: log}
	r, dog, ar, err := newNode(dir, lists, nil, log, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	dog.Rules.QuietFor = 2 * time.Second
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := errors.Join(r.Run(context.Background(), ctx.Done()), ar.Close()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// process is a node in a process of its own, inside the lab.
type process struct {
	cmd *exec.Cmd
	log *logBuffer
}

// fork starts one that watches all targets of the network.
func (s *site) fork() *process {
	s.t.Helper()
	return s.forkAfter("true")
}

// forkOnSmallDisks starts one that has filesystems of its own, of 1 MiB, in
// these directories. From then on the test sees the site as that process does.
func (s *site) forkOnSmallDisks(dirs ...string) *process {
	s.t.Helper()
	var first strings.Builder
	for _, dir := range dirs {
		path := filepath.Join(s.dir, dir)
		if err := os.MkdirAll(path, 0o755); err != nil {
			s.t.Fatal(err)
		}
		fmt.Fprintf(&first, "mount -t tmpfs -o size=1m tmpfs '%s'; ", path)
	}
	return s.forkAfter(first.String() + "true")
}

// forkAfter starts one in a mount namespace of its own, after a command there.
func (s *site) forkAfter(first string) *process {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	var list strings.Builder
	for i := range s.net.Targets() {
		fmt.Fprintln(&list, s.net.Target(i).Addr4)
	}
	if err := os.WriteFile(filepath.Join(s.dir, "list"), []byte(list.String()), 0o644); err != nil {
		s.t.Fatal(err)
	}
	p, home := &process{log: &logBuffer{}}, s.dir
	p.cmd = s.net.Space().Command(s.t.Context(), "unshare", "-m", "sh", "-ec", first+`; exec "$0"`, self)
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", childVariable+"="+s.dir)
	p.cmd.Stderr = p.log
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if p.cmd.ProcessState == nil {
			_ = p.cmd.Process.Kill()
			_ = p.cmd.Wait() // it was killed
		}
		if s.t.Failed() {
			s.t.Logf("log of the process:\n%s", p.log)
		}
	})
	s.await("the process to run", func() bool {
		if first != "true" { // its filesystems are seen through it alone
			dir := fmt.Sprintf("/proc/%d/root%s", p.cmd.Process.Pid, home)
			sp, err := spool.Open(filepath.Join(dir, "spool"), spool.Options{})
			if err != nil {
				return false
			}
			s.dir, s.sp = dir, sp
		}
		state, err := s.sp.ReadState(spool.RunStateFile)
		return err == nil && strings.Contains(string(state), fmt.Sprintf(`"pid": %d,`, p.cmd.Process.Pid))
	})
	return p
}

// kill is kill -9.
func (s *site) kill(p *process) {
	s.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		s.t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := p.cmd.Wait(); !errors.As(err, &exit) || exit.Exited() {
		s.t.Fatalf("the process ended by itself before it was killed: %v", err)
	}
}

// term is TERM, and the end.
func (s *site) term(p *process) {
	s.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		s.t.Fatal(err)
	}
	if err := p.cmd.Wait(); err != nil {
		s.t.Fatalf("the process: %v", err)
	}
}
