// Package contrib_test runs what stands in contrib/ and tools/ for real: shells, systemd's own checkers, namespaces
// with exactly the rights that a unit or container gets.
package contrib_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// result is what a command left behind.
type result struct {
	stdout, stderr string
	code           int
}

// top is the repository's directory.
func top(t *testing.T) string {
	t.Helper()
	dir, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// command is a command in the repository's directory. It dies with the test, and after two minutes: whatever these
// tests start takes seconds, and one that waits for ever should say so under its own name.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = 5 * time.Second // its children may hold the pipes
	cmd.Dir = top(t)
	return cmd
}

// run runs a command to its end. A command that cannot be started fails the test; any exit code is a result.
func run(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", cmd, err)
	}
	return result{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

// mustRun runs a command that has to end with 0, and returns its output.
func mustRun(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	r := run(t, cmd)
	if r.code != 0 {
		t.Fatalf("%s: exit code %d, want 0\n%s%s", cmd, r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// need skips the test, naming what is missing.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("needs the program %s: %v", p, err)
		}
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: it gives up rights one by one to see which are enough")
	}
}

// buildMTRQ builds the binary as `make build` does and returns its path, which every user can reach.
func buildMTRQ(t *testing.T) string {
	t.Helper()
	out := filepath.Join(open(t), "mtrq")
	// Not by command: with an empty build cache, beside all other tests, it may take minutes.
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-buildvcs=false", "-o", out, "./cmd/mtrq")
	cmd.Dir = top(t)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	mustRun(t, cmd)
	return out
}

// open is a temporary directory that other users may enter, which those of t.TempDir are not.
func open(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "mtrq-contrib-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(top(t), path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
