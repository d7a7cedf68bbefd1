package run

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

	"github.com/mtrq/mtrq/spool"
)

// childVariable makes the test program a node of its own, for what has to
// be killed or needs a filesystem of its own: spool, archive and path of
// mtr-packet, separated by colons.
const childVariable = "MTRQ_RUN_CHILD"

// child runs a node until TERM.
func child() int {
	f := strings.Split(os.Getenv(childVariable), ":")
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	r, w, err := newRunner(f[0], f[1], f[2], nil, log)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	r.Tracer.Rule.MaxDuration, r.Tracer.Rule.MinPackets = time.Minute, 1000 // what has no number of rounds goes on
	if err := errors.Join(r.Run(context.Background(), ctx.Done()), w.Close()); err != nil {
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

// fork starts one.
func (s *site) fork() *process {
	s.t.Helper()
	return s.forkIn("true")
}

// smallDisk is a command that gives a process a filesystem of its own, of
// 1 MiB, in a directory of the site. Nobody else sees it.
func (s *site) smallDisk(dir string) string {
	s.t.Helper()
	if err := os.MkdirAll(s.path(dir), 0o755); err != nil {
		s.t.Fatal(err)
	}
	return "mount -t tmpfs -o size=1m tmpfs '" + s.path(dir) + "'"
}

// forkIn starts one in a mount namespace of its own, after a command
// there. From then on the test sees the site as that process does.
func (s *site) forkIn(first string) *process {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	p := &process{log: &logBuffer{}}
	p.cmd = s.net.Space().Command(s.t.Context(), "unshare", "-m", "sh", "-ec", first+`; exec "$0"`, self)
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", childVariable+"="+s.path("spool")+":"+s.path("archive")+":")
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
	seen := fmt.Sprintf("/proc/%d/root%s", p.cmd.Process.Pid, s.dir)
	await(s.t, "the process to run", func() bool {
		state, err := os.ReadFile(filepath.Join(seen, "spool", "state", spool.RunStateFile))
		return err == nil && strings.Contains(string(state), fmt.Sprintf(`"pid": %d,`, p.cmd.Process.Pid))
	})
	if first != "true" {
		s.dir = seen
		if s.spool, err = spool.Open(s.path("spool"), spool.Options{}); err != nil {
			s.t.Fatal(err)
		}
	}
	return p
}

// fill writes until nothing more fits.
func (s *site) fill(dir string) (free func()) {
	s.t.Helper()
	path := s.path(dir, ".filler")
	f, err := os.Create(path)
	if err != nil {
		s.t.Fatal(err)
	}
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	if err := errors.Join(f.Close(), ignore(err, syscall.ENOSPC)); err != nil {
		s.t.Fatal(err)
	}
	return func() {
		s.t.Helper()
		if err := os.Remove(path); err != nil {
			s.t.Fatal(err)
		}
	}
}

func ignore(err, what error) error {
	if errors.Is(err, what) {
		return nil
	}
	return err
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
