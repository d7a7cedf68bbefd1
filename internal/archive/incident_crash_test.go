package archive

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtrq/mtrq/report"
)

// crashIncidents are what a crashing writer is to write, over midnight.
func crashIncidents(t testing.TB) []*report.Incident {
	at := time.Date(2026, 11, 23, 23, 59, 59, 0, time.UTC)
	return []*report.Incident{
		makeIncident(t, at, 1, "203.0.113.7"),
		makeIncident(t, at.Add(2*time.Second), 2, "203.0.113.8"),
	}
}

// crashStepEnv makes TestCrashingIncidents a writer that kills itself: "DIR
// STEP".
const crashStepEnv = "MTRQ_TEST_INCIDENT_CRASH"

// TestCrashingIncidents is no test of its own but the writer that
// TestIncidentCrash kills.
func TestCrashingIncidents(t *testing.T) {
	var dir string
	var n int
	if _, err := fmt.Sscan(os.Getenv(crashStepEnv), &dir, &n); err != nil {
		return // run among the others: nothing to do
	}
	w, err := OpenWriter(dir, "UTC")
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	w.step = func(string) error {
		if at == n {
			if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
				return err
			}
			select {}
		}
		at++
		return nil
	}
	for _, inc := range crashIncidents(t) {
		writeIncidents(t, w, inc)
		fmt.Println("kept", inc.ID)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestIncidentCrash kills a writer at every step and wants of what it
// leaves: what was acknowledged is whole; what is listed can be read; after
// Repair nothing unfinished lies about; and all of it can be written again
// without a second copy.
func TestIncidentCrash(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	killed := 0
	for step := 0; ; step++ {
		dir := filepath.Join(t.TempDir(), "archive")
		cmd := exec.CommandContext(t.Context(), exe, "-test.run", "^TestCrashingIncidents$")
		cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d", crashStepEnv, dir, step))
		out, err := cmd.Output()
		if err == nil {
			break
		}
		var exit *exec.ExitError
		if !errors.As(err, &exit) || !exit.Sys().(syscall.WaitStatus).Signaled() {
			t.Fatalf("step %d: %v\n%s", step, err, out)
		}
		killed++
		afterIncidentCrash(t, step, dir, string(out))
	}
	// Each passes 5: begun, written, and a name for each of three files.
	if killed != 2*5 {
		t.Errorf("killed at %d steps, want 10", killed)
	}
}

func afterIncidentCrash(t *testing.T, step int, dir, said string) {
	t.Helper()
	all := crashIncidents(t)
	w := newWriter(t, dir, "UTC")
	listed, err := w.Incidents(IncidentQuery{})
	if err != nil {
		t.Fatalf("step %d: a reader fails: %v", step, err)
	}
	has := map[string]bool{}
	for _, e := range listed {
		has[e.ID.String()] = e.Unreadable == ""
	}
	for _, inc := range all {
		if strings.Contains(said, "kept "+inc.ID.String()) && !has[inc.ID.String()] {
			t.Errorf("step %d: %s was acknowledged and is not there", step, inc.ID)
		}
	}
	if _, err := w.Repair(); err != nil {
		t.Fatalf("step %d: repair: %v", step, err)
	}
	for _, name := range treeOf(t, dir) {
		if strings.Contains(name, tmpPrefix) {
			t.Errorf("step %d: %s is left", step, name)
		}
	}
	for _, e := range mustDir(t, dir) {
		if strings.HasPrefix(e.Name(), markPrefix) && e.Name() != w.marks.name {
			t.Errorf("step %d: %s is left", step, e.Name())
		}
	}
	writeIncidents(t, w, all...)
	files := 0
	for _, name := range treeOf(t, dir) {
		if strings.Contains(name, "/"+incidentsName+"/") {
			files++
		}
	}
	if files != 3*len(all) {
		t.Errorf("step %d: %d files, want %d", step, files, 3*len(all))
	}
	for _, inc := range all {
		for ending, want := range map[string][]byte{
			IncidentJSON: encoded(t, inc),
			IncidentText: []byte(report.IncidentText(inc, nil)),
			IncidentSVG:  report.IncidentSVG(inc, nil),
		} {
			if got, err := w.IncidentFile(inc.ID, ending); err != nil || !bytes.Equal(got, want) {
				t.Errorf("step %d: .%s of %s: %v", step, ending, inc.ID, err)
			}
		}
	}
}

// TestIncidentStepFails wants of every step that can fail that the caller is
// told, that nothing unfinished stays, and that the next attempt does it.
func TestIncidentStepFails(t *testing.T) {
	broken := errors.New("broken on purpose")
	for step := 0; ; step++ {
		dir := t.TempDir()
		w := newWriter(t, dir, "UTC")
		inc := crashIncidents(t)[0]
		at, name := 0, ""
		w.step = func(s string) error {
			if at++; at == step+1 {
				name = s
				return broken
			}
			return nil
		}
		err := w.WriteIncident(inc)
		if name == "" {
			if err != nil || step != 5 {
				t.Errorf("%d steps, %v, want 5", step, err)
			}
			return
		}
		if !errors.Is(err, broken) {
			t.Errorf("%s: got %v", name, err)
		}
		for _, f := range treeOf(t, dir) {
			if strings.Contains(f, tmpPrefix) {
				t.Errorf("%s: %s is left", name, f)
			}
		}
		w.step = nil
		writeIncidents(t, w, inc)
		if text, err := w.IncidentFile(inc.ID, IncidentText); err != nil || string(text) != report.IncidentText(inc, nil) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
