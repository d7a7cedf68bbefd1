package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// TestReadme runs every command of the README's sessions, in order,
// against the node that one of them starts.
func TestReadme(t *testing.T) {
	lab.Need(t, "mtr-packet", "curl")
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(string(readme), -1) {
		for line := range strings.Lines(block[1]) {
			if c, ok := strings.CutPrefix(line, "$ "); ok {
				commands = append(commands, strings.TrimSpace(c))
			}
		}
	}
	if len(commands) < 6 {
		t.Fatalf("found only %q", commands)
	}
	dir := t.TempDir()
	// An incident that an earlier node has left: the one of the formats.
	formats, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	incident := regexp.MustCompile("(?s)```json incident\n(.*?)```").FindSubmatch(formats)
	id := regexp.MustCompile(`"id": "([0-9A-Z]{26})"`).FindSubmatch(incident[1])
	open := "spool/state/incidents/" + string(id[1]) + ".json"
	for name, content := range map[string]string{
		"lab.toml": labConfig + "[watch]\ntargets = [\"127.0.0.1\"]\n", "targets.txt": "127.0.0.1\n203.0.113.2\n", open: string(incident[1]),
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	run := func(ctx context.Context, command string) *exec.Cmd {
		c := exec.CommandContext(ctx, "sh", "-c", command)
		c.Dir = dir
		c.Env = append(os.Environ(), "MTRQ_CONFIG="+dir+"/lab.toml", "MTRQ_SPOOL="+dir+"/spool", "MTRQ_ARCHIVE="+dir+"/archive")
		return c
	}
	node := run(t.Context(), "exec mtrq up")
	var log strings.Builder
	node.Stderr = &log
	if err := node.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := node.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := node.Wait(); err != nil {
			t.Errorf("mtrq up: %v\n%s", err, log.String())
		}
	}()
	ready, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for run(ready, "mtrq status && mtrq targets && curl -sf http://127.0.0.1:8081/healthz").Run() != nil {
		if ready.Err() != nil {
			t.Fatal("the node does not come up")
		}
		time.Sleep(50 * time.Millisecond)
	}
	for _, command := range commands {
		if strings.HasPrefix(command, "mtrq up") {
			continue // it runs
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		out, err := run(ctx, command).Output()
		cancel()
		if err != nil {
			t.Errorf("$ %s: %v", command, err)
		}
		if strings.HasPrefix(command, "curl") && !regexp.MustCompile(`^[0-9A-Z]{26} http://127\.0\.0\.1:8081/r/[0-9A-Z]{26}\n$`).Match(out) {
			t.Errorf("$ %s: got %q, want an ID and its link", command, out)
		}
	}
}
