package run

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
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
	r.Tracer.Rule.MaxDuration = time.Minute
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

// fork starts one. before is a command line that becomes the program in
// the end: "unshare -m …"; empty for none.
func (s *site) fork(before ...string) *process {
	s.t.Helper()
	self, err := os.Executable()
	if err != nil {
		s.t.Fatal(err)
	}
	args := append(before, self)
	p := &process{cmd: s.net.Space().Command(s.t.Context(), args[0], args[1:]...), log: &logBuffer{}}
	p.cmd.Env = append(os.Environ(), childVariable+"="+s.path("spool")+":"+s.path("archive")+":")
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
	await(s.t, "the process to run", func() bool { return s.state().PID == p.cmd.Process.Pid || p.log.has("level=ERROR") })
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
