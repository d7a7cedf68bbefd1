package archive

import (
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

// incidentFullEnv makes the test binary fill a small file system of its
// own.
const incidentFullEnv = "MTRQ_TEST_INCIDENT_FULL"

// TestIncidentFullDisk fills a real file system, as TestFullDisk does, with
// incidents and suspects.
func TestIncidentFullDisk(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a tmpfs in a namespace of its own")
	}
	if options := os.Getenv(incidentFullEnv); options != "" {
		fillWithIncidents(t, options)
		return
	}
	for name, options := range map[string]string{"pages": "size=512k", "inodes": "size=64m,nr_inodes=60"} {
		t.Run(name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run", "^TestIncidentFullDisk$")
			cmd.Env = append(os.Environ(), incidentFullEnv+"="+options)
			cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func fillWithIncidents(t *testing.T, options string) {
	dir := t.TempDir()
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("mtrq-test", dir, "tmpfs", 0, options); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	fillers := filepath.Join(dir, "filler")
	if err := os.Mkdir(fillers, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if err := os.WriteFile(filepath.Join(fillers, fmt.Sprint(i)), make([]byte, 10<<10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	archive := filepath.Join(dir, "archive")
	w, err := OpenWriter(archive, "UTC")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	appendSuspects(t, w, makeSuspect(t, at, 0, "203.0.113.7"))
	var all []*report.Incident
	kept, failed, suspects := 0, 0, 1
	for i := uint64(1); failed < 3; i++ {
		inc := makeIncident(t, at, i, "203.0.113.7")
		all = append(all, inc)
		switch err := w.WriteIncident(inc); {
		case err == nil:
			kept++
		case errors.Is(err, syscall.ENOSPC):
			failed++
		default:
			t.Fatalf("got %v, want ENOSPC", err)
		}
	}
	// Suspects go on in what is left of the disk, until there is nothing.
	full := false
	for i := uint64(1); i < 10_000 && !full; i++ {
		switch err := w.AppendSuspect(makeSuspect(t, at, i, "203.0.113.7")); {
		case err == nil:
			suspects++
		case errors.Is(err, syscall.ENOSPC):
			full = true
		default:
			t.Fatalf("got %v, want ENOSPC", err)
		}
	}
	if kept == 0 {
		t.Fatal("nothing was kept before the disk was full")
	}
	list, err := w.Incidents(IncidentQuery{})
	if err != nil || len(list) != kept {
		t.Errorf("%d listed of %d kept, %v", len(list), kept, err)
	}
	for _, name := range treeOf(t, archive) {
		if strings.Contains(name, tmpPrefix) {
			t.Errorf("%s is left", name)
		}
	}
	if err := os.RemoveAll(fillers); err != nil {
		t.Fatal(err)
	}
	writeIncidents(t, w, all...)
	for _, inc := range all {
		if text, err := w.IncidentFile(inc.ID, IncidentText); err != nil || string(text) != report.IncidentText(inc, nil) {
			t.Errorf("with room again: %v", err)
		}
	}
	appendSuspects(t, w, makeSuspect(t, at.Add(time.Second), 1, "203.0.113.7"))
	if got, err := w.Suspects(time.Time{}, 0, ""); err != nil || len(got) != suspects+1 {
		t.Errorf("%d suspects, %v, want %d", len(got), err, suspects+1)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
}
