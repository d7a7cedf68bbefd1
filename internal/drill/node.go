package drill

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/report"
)

const (
	logTail = 1000 // bytes of the node's log in an error

	drainMost = 15 * time.Second // for a node told to stop once: first looks end, reports are written
	endMost   = 5 * time.Second  // for one told to stop now
)

// node is an mtrq run with a spool, an archive and a configuration of its
// own, inside a network.
type node struct {
	dir   string
	log   *os.File
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has
	err   error         // of its end, set before
}

// startNode starts a program as a node that watches targets.
func startNode(space *lab.Space, program, mtrPacket, dir string, targets []netip.Addr) (*node, error) {
	no := &node{dir: dir, ended: make(chan struct{})}
	var list strings.Builder
	for _, a := range targets {
		fmt.Fprintln(&list, a)
	}
	for name, text := range map[string]string{"targets": list.String(), "config.toml": no.config(mtrPacket)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	var err error
	if no.log, err = os.Create(filepath.Join(dir, "log")); err != nil {
		return nil, err
	}
	no.cmd = exec.Command(program, "--config", filepath.Join(dir, "config.toml"), "run")
	no.cmd.Args[0] = "mtrq"
	no.cmd.Env = private(os.Environ())
	no.cmd.Stderr = no.log
	// A Ctrl-C at the terminal is for the drill, which ends the node in
	// order. Should the drill be killed, the node does not outlive it.
	no.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := space.Start(no.cmd); err != nil {
		return nil, errors.Join(fmt.Errorf("start mtrq run in the private network: %w", err), no.log.Close())
	}
	go func() {
		no.err = no.cmd.Wait()
		close(no.ended)
	}()
	return no, nil
}

// config is the node's configuration: the defaults, but for where things
// lie. A nearly full /tmp is no reason not to hold a drill.
func (no *node) config(mtrPacket string) string {
	at := func(name string) string { return quoted(filepath.Join(no.dir, name)) }
	return "[node]\nname = \"drill\"\n" +
		"[spool]\ndir = " + at("spool") + "\nreserve_bytes = 0\nreserve_inodes = 0\n" +
		"[archive]\ndir = " + at("archive") + "\nzone = \"UTC\"\ncache_dir = " + at("cache") + "\n" +
		"[run]\nmtr_packet = " + quoted(mtrPacket) + "\n" +
		"[watch]\nfiles = [" + at("targets") + "]\n"
}

// quoted writes a string as TOML does: as JSON would.
func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // a string always can be
	}
	return string(b)
}

// private takes out of an environment what would lead the node to what is
// real: mtrq's own variables, and the service manager's.
func private(env []string) []string {
	return slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		for _, prefix := range []string{"MTRQ_", "NOTIFY_", "WATCHDOG_", "LISTEN_"} {
			if strings.HasPrefix(v, prefix) {
				return true
			}
		}
		return false
	})
}

// drain tells the node to stop: its traces become reports. The error says
// how it ended, where that was not in order.
func (no *node) drain() error {
	_ = no.cmd.Process.Signal(syscall.SIGTERM) // it may have ended: below tells
	select {
	case <-no.ended:
		if no.err != nil {
			return no.died()
		}
		return nil
	case <-time.After(drainMost):
		return fmt.Errorf("mtrq run did not end within %s of being told to: %s", drainMost, no.lastWords())
	}
}

// end ends the node now, however it is, and waits for it.
func (no *node) end() error {
	select {
	case <-no.ended:
		return no.log.Close()
	default:
	}
	// The first signal asks to stop, the second to stop now; two of a kind
	// may arrive as one.
	_ = no.cmd.Process.Signal(syscall.SIGINT) // errors: it has just ended
	_ = no.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-no.ended:
	case <-time.After(endMost):
		_ = no.cmd.Process.Kill()
		<-no.ended
	}
	return no.log.Close()
}

// died says how the node ended by itself.
func (no *node) died() error {
	how := "mtrq run ended in the middle of the drill"
	if no.err != nil {
		how += " (" + no.err.Error() + ")"
	}
	if words := no.lastWords(); words != "" {
		how += "; its last words: " + words
	}
	return errors.New(how)
}

// lastWords is the end of the node's log in one line.
func (no *node) lastWords() string {
	fi, err := no.log.Stat()
	if err != nil {
		return ""
	}
	b := make([]byte, logTail)
	n, _ := no.log.ReadAt(b, max(0, fi.Size()-logTail)) // fewer bytes: io.EOF
	lines := strings.Split(strings.TrimSpace(string(b[:n])), "\n")
	return report.Printable(strings.Join(lines[max(0, len(lines)-3):], "; "))
}
