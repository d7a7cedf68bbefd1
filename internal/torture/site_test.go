package torture

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// patience turns a hang into a failure; nothing is judged by it.
const patience = 3 * time.Minute

// A site is a node's directories in a private network, and what was
// acknowledged there.
type site struct {
	net     *lab.Net
	conf    string
	spool   string
	archive string

	mu   sync.Mutex
	acks []string
	asks int // calls of enqueue
}

// network is shared by the sites of a test: their targets may be the same.
func network(t *testing.T, targets int) *lab.Net {
	t.Helper()
	lab.Need(t, "mtr-packet")
	n, err := lab.Start(lab.Config{Targets: targets, Seed: 7, HopsMin: 5, HopsMax: 6})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Errorf("close lab: %v", err)
		}
	})
	return n
}

// config has short traces and no reserve: a full disk must be one that the
// kernel says is full.
const config = `[node]
name = "torture"
[archive]
zone = "Asia/Hong_Kong"
[spool]
reserve_bytes = 0
reserve_inodes = 0
[trace]
interval = "100ms"
min_packets = 2
tail = "1s"
`

func newSite(t *testing.T, n *lab.Net, spool, archive string) *site {
	t.Helper()
	s := &site{net: n, conf: filepath.Join(t.TempDir(), "mtrq.toml"), spool: spool, archive: archive}
	if err := os.WriteFile(s.conf, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *site) target(i int) string { return s.net.Target(i).Addr4.String() }

// command is mtrq, or another program before it, inside the network.
func (s *site) command(t *testing.T, before []string, args ...string) *exec.Cmd {
	t.Helper()
	args = append(append(slices.Clone(before), program), args...)
	cmd := s.net.Space().Command(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "MTRQ_CONFIG="+s.conf, "MTRQ_SPOOL="+s.spool, "MTRQ_ARCHIVE="+s.archive)
	return cmd
}

// acknowledge takes the IDs of whole lines, or the names of files in drop/.
func (s *site) acknowledge(stdout string) (ids []string) {
	for line := range strings.Lines(stdout) {
		if id := strings.TrimSuffix(line, "\n"); id != line && (jobID.MatchString(id) || recipeFile.MatchString(id)) {
			ids = append(ids, id)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.acks = append(s.acks, ids...)
	return ids
}

// acknowledged is how many jobs were.
func (s *site) acknowledged() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.acks)
}

// enqueue asks for traces and takes what was acknowledged, however it ends.
// kill, unless 0, is when it is killed; it tells whether that came in time.
// Every second call leaves the rounds open: such jobs share a trace with
// others to the same target.
func (s *site) enqueue(t *testing.T, kill time.Duration, targets ...string) (killed bool, err error) {
	t.Helper()
	s.mu.Lock()
	s.asks++
	alone := s.asks%2 == 0
	s.mu.Unlock()
	return s.ask(t, kill, alone, targets...)
}

// ask is enqueue, with jobs that share with nobody (alone) or do.
func (s *site) ask(t *testing.T, kill time.Duration, alone bool, targets ...string) (killed bool, err error) {
	t.Helper()
	args := []string{"enqueue"}
	if alone {
		args = append(args, "--rounds", "1")
	}
	last := "-"
	if len(targets) == 1 {
		last = targets[0]
	}
	cmd := s.command(t, nil, append(args, last)...)
	cmd.Stdin = strings.NewReader(strings.Join(targets, "\n") + "\n")
	return s.outcome(cmd, kill)
}

// outcome runs a sender, perhaps until it is killed, and takes what was
// acknowledged.
func (s *site) outcome(cmd *exec.Cmd, kill time.Duration) (killed bool, err error) {
	var out, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &talk
	if err := cmd.Start(); err != nil {
		return false, err
	}
	if kill > 0 {
		timer := time.AfterFunc(kill, func() { _ = cmd.Process.Kill() }) // it may have ended
		defer timer.Stop()
	}
	err = cmd.Wait()
	s.acknowledge(out.String())
	if err != nil {
		err = fmt.Errorf("%v: %w: %s", cmd.Args, err, strings.TrimSpace(talk.String()))
	}
	return wasKilled(cmd), err
}

// wasKilled says whether a process that has ended died of signal 9.
func wasKilled(cmd *exec.Cmd) bool {
	if cmd.ProcessState == nil {
		return false
	}
	ws, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	return ok && ws.Signaled() && ws.Signal() == syscall.SIGKILL
}

// drain runs the node until its spool is empty.
func (s *site) drain(t *testing.T) {
	t.Helper()
	cmd := s.command(t, nil, "run", "--once")
	var talk bytes.Buffer
	cmd.Stderr = &talk
	if err := runOut(cmd); err != nil {
		t.Fatalf("the run that drains: %v\n%s", err, tail(talk.String()))
	}
}

// sound lets mtrq verify look, too.
func (s *site) sound(t *testing.T) {
	t.Helper()
	if out, err := s.command(t, nil, "verify").CombinedOutput(); err != nil {
		t.Errorf("mtrq verify: %v\n%s", err, tail(string(out)))
	}
}

// runOut is cmd.Run that does not wait for ever.
func runOut(cmd *exec.Cmd) error {
	if err := cmd.Start(); err != nil {
		return err
	}
	return wait(cmd)
}

func wait(cmd *exec.Cmd) error {
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() }) // it may have ended
	defer timer.Stop()
	return cmd.Wait()
}

// tail is the end of a text.
func tail(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return strings.Join(lines[max(0, len(lines)-30):], "\n")
}

// node is a mtrq run that is started again whenever it was killed.
type node struct {
	s   *site
	t   *testing.T
	cmd *exec.Cmd
	log bytes.Buffer
}

func (s *site) node(t *testing.T) *node {
	n := &node{s: s, t: t}
	t.Cleanup(func() {
		if n.cmd != nil {
			_ = n.cmd.Process.Kill() // it may have ended
			_ = n.cmd.Wait()         // it was killed
		}
		if t.Failed() {
			t.Logf("log of the node:\n%s", tail(n.log.String()))
		}
	})
	return n
}

func (n *node) start() {
	n.t.Helper()
	n.cmd = n.s.command(n.t, nil, "run")
	n.cmd.Stderr = &n.log
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
}

// kill is kill -9. One that had ended by itself is an error.
func (n *node) kill() {
	n.t.Helper()
	cmd := n.cmd
	n.cmd = nil
	_ = cmd.Process.Kill() // Wait tells
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || !wasKilled(cmd) {
		n.t.Fatalf("the node ended by itself: %v\n%s", err, tail(n.log.String()))
	}
}

// stop is TERM, and the end.
func (n *node) stop() {
	n.t.Helper()
	cmd := n.cmd
	n.cmd = nil
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		n.t.Fatal(err)
	}
	timer := time.AfterFunc(patience, func() { _ = cmd.Process.Kill() }) // it may have ended
	defer timer.Stop()
	if err := cmd.Wait(); err != nil {
		n.t.Fatalf("the node: %v\n%s", err, tail(n.log.String()))
	}
}

// chance is a source of random moments whose seed is told.
func chance(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 1))
}

// some gives so many targets.
func (s *site) some(r *rand.Rand, n, of int) (out []string) {
	for range n {
		out = append(out, s.target(r.IntN(of)))
	}
	return out
}
