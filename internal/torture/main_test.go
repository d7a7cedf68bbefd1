package torture

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/mtrq/mtrq/internal/lab"
)

// program is the mtrq that is tortured, as it is installed: static, without
// the race detector.
var program string

// suite builds the program, runs the tests and looks for what they leave.
type suite struct{ m *testing.M }

func (s suite) Run() int {
	dir, err := os.MkdirTemp("", "mtrq-torture")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	program = os.Getenv(programVariable)
	if program == "" {
		program = filepath.Join(dir, "mtrq")
		build := exec.Command("go", "build", "-trimpath", "-o", program, "../../cmd/mtrq")
		build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-buildvcs=false")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build mtrq: %v\n%s", err, out)
			return 1
		}
	}
	code := s.m.Run()
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// programVariable hands the program to a test that runs itself again.
const programVariable = "MTRQ_TORTURE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(caughtVariable) != "" {
		os.Unsetenv(caughtVariable)
		runtime.LockOSThread() // the filter is this thread's
		fmt.Fprintln(os.Stderr, "torture:", caught(os.Args[1:]))
		os.Exit(1)
	}
	os.Exit(lab.TestMain(suite{m}))
}

// ownMounts runs the calling test once more in a process with a mount
// namespace of its own, so that no mount and no loop device outlives it
// however it ends. It returns true there, and false, with the verdict passed
// on, in the caller.
func ownMounts(t *testing.T) bool {
	t.Helper()
	if os.Getenv(mountsVariable) == t.Name() {
		return true
	}
	// Root of a user namespace may not mount images.
	if ids, err := os.ReadFile("/proc/self/uid_map"); err != nil || os.Geteuid() != 0 || !strings.HasSuffix(strings.TrimSpace(string(ids)), " 4294967295") {
		t.Skip("needs root to mount images of file systems")
	}
	args := []string{"-m", "--propagation", "private", os.Args[0], "-test.run=^" + t.Name() + "$", "-test.v", "-test.timeout=0"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.CommandContext(t.Context(), "unshare", args...)
	cmd.Env = append(os.Environ(), mountsVariable+"="+t.Name(), programVariable+"="+program)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	text := strings.TrimSpace(string(out))
	if err != nil {
		t.Errorf("in its own mount namespace: %v\n%s", err, text)
	} else {
		t.Logf("in its own mount namespace:\n%s", text)
	}
	return false
}

const mountsVariable = "MTRQ_TORTURE_MOUNTS"
