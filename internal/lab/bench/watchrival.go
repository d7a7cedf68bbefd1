package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/lab"
)

//go:embed watch-rival.sh
var rivalScript []byte

// rival is the script, as it runs in a network.
type rival struct {
	net *lab.Net
	dir string
	cmd *exec.Cmd
}

// rival starts the script on all targets of a network and waits until fping
// has asked each three times.
func (b *bench) rival(ctx context.Context, n *lab.Net) (*rival, error) {
	dir, err := os.MkdirTemp(b.dir, "rival-")
	if err != nil {
		return nil, err
	}
	script, list := filepath.Join(dir, "watch-rival.sh"), filepath.Join(dir, "list")
	if err := errors.Join(os.WriteFile(script, rivalScript, 0o755), os.WriteFile(list, []byte(targets(n)), 0o644)); err != nil {
		return nil, err
	}
	r := &rival{net: n, dir: filepath.Join(dir, "out")}
	r.cmd = n.Space().Command(ctx, script, list, r.dir)
	// The script is the first process of a namespace of its own: what it has started ends with it, however it ends.
	r.cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWPID
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	wait, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := n.Truth().Wait(wait, 3*n.Targets(), isPing); err != nil {
		return nil, errors.Join(fmt.Errorf("fping of the script: %w", err), r.stop())
	}
	return r, nil
}

// traces counts the mtr processes that it has started.
func (r *rival) traces() (int, error) {
	found, err := filepath.Glob(filepath.Join(r.dir, "*.json"))
	return len(found), err
}

// drain waits until no mtr runs, for most at the longest.
func (r *rival) drain(ctx context.Context, most time.Duration) error {
	for end := time.Now().Add(most); time.Now().Before(end); {
		running, err := filepath.Glob(filepath.Join(r.dir, "run", "*"))
		if err != nil || len(running) == 0 {
			return err
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// stop ends the script with all that it has started.
func (r *rival) stop() error {
	if err := r.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("end the script: %w", err)
	}
	_ = r.cmd.Wait() // says that it was killed
	return nil
}
