package spool_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// lifeCalls are the system calls that change what a crash leaves behind.
const lifeCalls = "openat,write,ftruncate,fsync,fchmod,renameat2,renameat,unlinkat"

// strace runs a life under strace and gives its trace. The child may die.
func strace(t *testing.T, where string, args ...string) string {
	t.Helper()
	log := filepath.Join(where, "trace")
	args = append([]string{"-f", "-y", "-s", "40", "-o", log, "-e", "trace=" + lifeCalls}, args...)
	args = append(args, os.Args[0], filepath.Join(where, "spool"), filepath.Join(where, "archive"), filepath.Join(where, "acks"))
	cmd := exec.CommandContext(t.Context(), "strace", args...)
	// One processor: no second thread of the runtime does the counted calls.
	cmd.Env = append(os.Environ(), "SPOOL_TEST_CHILD=life", "GOMAXPROCS=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	trace, readErr := os.ReadFile(log)
	if readErr != nil {
		t.Fatalf("strace: %v, %v\n%s", err, readErr, out.String())
	}
	if err != nil && len(args) == 7+4 {
		t.Fatalf("a life without a fault: %v\n%s", err, out.String())
	}
	return string(trace)
}

// lifeDir makes the directories of one life.
func lifeDir(t *testing.T, parent, name string) string {
	t.Helper()
	where := filepath.Join(parent, name)
	check(t, os.MkdirAll(filepath.Join(where, "archive"), 0o755))
	return where
}

// step is one system call of a life: the n-th of its kind on its thread.
type step struct {
	call string
	n    int
	line string
}

var traceLine = regexp.MustCompile(`^(\d+) +(\w+)\((.*)`)

// lifeSteps are the calls of a whole life that touch its directories.
func lifeSteps(t *testing.T, where string) []step {
	t.Helper()
	var steps []step
	counts := map[string]int{} // by thread and call, as strace counts
	for line := range strings.Lines(strace(t, where)) {
		m := traceLine.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		key := m[1] + m[2]
		counts[key]++
		if strings.Contains(m[3], where) {
			steps = append(steps, step{m[2], counts[key], strings.TrimSpace(line)})
		}
	}
	return steps
}

func needStrace(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("takes some 20 s")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		t.Skip("needs strace (apt install strace)")
	}
}

// eachStep runs a life for every step, with a fault injected there, then an
// afterlife. It gives how many faults took place, by their mark in the trace.
func eachStep(t *testing.T, steps []step, inject, mark string) int {
	t.Helper()
	var happened atomic.Int64
	t.Run("at", func(t *testing.T) { // waits for its parallel tests
		for i, st := range steps {
			if i%everyNthStep != 0 {
				continue
			}
			t.Run(fmt.Sprintf("%s-%d", st.call, st.n), func(t *testing.T) {
				t.Parallel()
				where := lifeDir(t, t.TempDir(), "life")
				trace := strace(t, where, "-e", fmt.Sprintf("inject=%s:%s:when=%d", st.call, inject, st.n))
				if strings.Contains(trace, mark) {
					happened.Add(1)
				}
				afterlife(t, st.line, filepath.Join(where, "spool"), filepath.Join(where, "archive"), filepath.Join(where, "acks"))
			})
		}
	})
	return int(happened.Load())
}

// TestKillAtEverySystemCall kills a life at each of its system calls, lets a
// second one recover and finish, and holds it to the promise.
func TestKillAtEverySystemCall(t *testing.T) {
	needStrace(t)
	steps := lifeSteps(t, lifeDir(t, t.TempDir(), "whole"))
	if len(steps) < 100 {
		t.Fatalf("a life has %d system calls; traced too little", len(steps))
	}
	killed := eachStep(t, steps, "signal=KILL", "+++ killed by SIGKILL +++")
	t.Logf("killed %d lives at %d system calls", killed, len(steps))
	if killed*everyNthStep < len(steps)*9/10 {
		t.Errorf("only %d of %d lives were killed: strace's counts do not fit", killed, len(steps))
	}
}

// TestFailAtEverySystemCall lets each call that can fail for want of room or
// by a broken disk fail once.
func TestFailAtEverySystemCall(t *testing.T) {
	needStrace(t)
	all := lifeSteps(t, lifeDir(t, t.TempDir(), "whole"))
	calls := map[string]string{"openat": "ENOSPC", "write": "ENOSPC", "fsync": "EIO", "renameat2": "ENOSPC"}
	failed, tried := 0, 0
	for call, errno := range calls {
		steps := slices.DeleteFunc(slices.Clone(all), func(st step) bool {
			return st.call != call || call == "openat" && !strings.Contains(st.line, "O_CREAT") ||
				strings.Contains(st.line, "/archive") || strings.Contains(st.line, "/acks")
		})
		tried += len(steps)
		failed += eachStep(t, steps, "error="+errno, "(INJECTED)")
	}
	t.Logf("failed %d of %d system calls", failed, tried)
	if failed*everyNthStep < tried*9/10 {
		t.Errorf("only %d of %d calls failed: strace's counts do not fit", failed, tried)
	}
}
