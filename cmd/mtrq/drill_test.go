package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/mtrq/mtrq/internal/drill"
	"github.com/mtrq/mtrq/internal/lab"
)

// TestDrillCommand holds one with the command itself: it runs itself as
// the node, and touches neither spool nor archive of the environment.
func TestDrillCommand(t *testing.T) {
	lab.Need(t, "mtr-packet")
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "tmp"), 0o755); err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), "mtrq", "drill", "--json")
	c.Env = append(os.Environ(), "MTRQ_CONFIG="+filepath.Join(dir, "none.toml"), "MTRQ_SPOOL="+filepath.Join(dir, "spool"),
		"MTRQ_ARCHIVE="+filepath.Join(dir, "archive"), "TMPDIR="+filepath.Join(dir, "tmp"))
	if err := os.WriteFile(filepath.Join(dir, "none.toml"), []byte("[spool]\nreserve_bytes = 0\nreserve_inodes = 0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := c.Output()
	var got struct {
		Schema int
		Passed bool
		Failed []string
		Checks []drill.Check
	}
	// Whether a drill passes on a machine that is busy with other tests is for internal/drill to say.
	if jsonErr := json.Unmarshal(out, &got); jsonErr != nil || (err == nil) != got.Passed {
		t.Fatalf("%v, %v: %s", err, jsonErr, out)
	}
	if got.Schema != 1 || got.Passed != (len(got.Failed) == 0) || len(got.Checks) == 0 {
		t.Errorf("got %+v", got)
	}
	for _, left := range []string{"spool", "archive"} {
		if _, err := os.Stat(filepath.Join(dir, left)); !os.IsNotExist(err) {
			t.Errorf("%s was made (%v)", left, err)
		}
	}
	if in, err := os.ReadDir(filepath.Join(dir, "tmp")); err != nil || len(in) > 0 {
		t.Errorf("left behind: %v, %v", in, err)
	}
}
