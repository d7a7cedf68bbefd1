package lab_test

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// netns names the namespace of a process.
func netns(t *testing.T, process string) string {
	t.Helper()
	name, err := os.Readlink("/proc/" + process + "/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	return name
}

func TestSpace(t *testing.T) {
	t.Parallel()
	n := start(t, lab.Config{Targets: 1})
	inside, outside := "", netns(t, "thread-self")
	for range 50 { // threads go back to the runtime: none may stay inside
		if err := n.Space().Do(func() error { inside = netns(t, "thread-self"); return nil }); err != nil {
			t.Fatal(err)
		}
		if got := netns(t, "thread-self"); got != outside || inside == outside {
			t.Fatalf("inside Do %s, outside %s, was %s", inside, got, outside)
		}
	}
	failed := errors.New("failed")
	if err := n.Space().Do(func() error { return failed }); !errors.Is(err, failed) {
		t.Errorf("Do returned %v, want the function's error", err)
	}
	out, err := n.Space().Command(t.Context(), "readlink", "/proc/self/ns/net").Output()
	if err != nil || strings.TrimSpace(string(out)) != inside {
		t.Errorf("Command ran in %s (%v), want %s", out, err, inside)
	}
	var exit *exec.ExitError
	if err := n.Space().Command(t.Context(), "sh", "-c", "exit 7").Run(); !errors.As(err, &exit) || exit.ExitCode() != 7 {
		t.Errorf("exit 7 came as %v", err)
	}
	if err := n.Space().Command(t.Context(), "no-such-program").Run(); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("a missing program gave %v", err)
	}
	var who bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "id -u; readlink /proc/self/ns/net")
	cmd.Stdout = &who
	if os.Geteuid() == 0 && os.Getenv("MTRQ_LAB_INSIDE") == "" { // a user namespace has no other user
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if err := errors.Join(n.Space().Start(cmd), cmd.Wait()); err != nil {
			t.Fatal(err)
		}
		if who.String() != "65534\n"+inside+"\n" {
			t.Errorf("as another user: %q, want 65534 in %s", who.String(), inside)
		}
	}
}

// buildLab compiles the program mtrq-lab.
func buildLab(t *testing.T) string {
	t.Helper()
	lab.Need(t, "go")
	program := filepath.Join(t.TempDir(), "mtrq-lab")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./mtrq-lab").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

func TestProgram(t *testing.T) {
	t.Parallel()
	program := buildLab(t)
	tmp := t.TempDir()
	command := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), program, args...)
		cmd.Env = append(os.Environ(), "TMPDIR="+tmp)
		return cmd
	}
	t.Run("command", func(t *testing.T) {
		truth := filepath.Join(tmp, "truth.jsonl")
		cmd := command("--targets", "7", "--limit", "ttl=1 rate=0 burst=2", "--event",
			"0s silent ttl=2", "--truth", truth, "--", "sh", "-c",
			`wc -l < "$MTRQ_LAB_TARGETS_FILE"; head -n 1 "$MTRQ_LAB_TARGETS_FILE"; echo "$MTRQ_LAB_TARGET"; ping -n -q -c 1 "$MTRQ_LAB_TARGET" >/dev/null 2>&1 || fping -q "$MTRQ_LAB_TARGET"; exit 9`)
		var out, errs bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &errs
		if code := lab.ExitCode(cmd.Run()); code != 9 {
			t.Errorf("exit code %d, want the command's 9: %s", code, errs.String())
		}
		if want := "7\n203.0.113.1\n203.0.113.1\n"; out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
		log, err := os.ReadFile(truth)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`"event":"limit router=0 rate=0 burst=2"`, `"event":"silent router=1 true"`, `"dst":"203.0.113.1"`, `"answer":"echo-reply"`} {
			if !strings.Contains(string(log), want) {
				t.Errorf("the truth does not hold %s:\n%s", want, log)
			}
		}
	})
	t.Run("faults", func(t *testing.T) {
		for _, tt := range []struct {
			args []string
			want string
		}{
			{nil, "no command given"},
			{[]string{"--hops", "3-x", "--", "true"}, "want a number or a range"},
			{[]string{"--event", "5s lose", "--", "true"}, `event "5s lose"`},
			{[]string{"--", "no-such-program"}, "not found"},
		} {
			out, err := command(tt.args...).CombinedOutput()
			if lab.ExitCode(err) != 1 || !strings.Contains(string(out), tt.want) {
				t.Errorf("%q: exit %d, said %q, want %q", tt.args, lab.ExitCode(err), out, tt.want)
			}
		}
	})
	t.Run("signals", func(t *testing.T) {
		cmd := command("--", "sh", "-c", `trap 'echo asked; exit 3' TERM; echo ready; while :; do sleep 0.05; done`)
		code, said := signalled(t, cmd, syscall.SIGTERM)
		if code != 3 || !strings.Contains(said, "asked") {
			t.Errorf("TERM: exit %d, said %q; want 3 and the command's own words", code, said)
		}
		cmd = command("--", "sh", "-c", "echo ready; exec sleep 1000")
		if code, _ := signalled(t, cmd, syscall.SIGTERM); code != 128+15 {
			t.Errorf("a command that TERM ends: exit %d, want 143", code)
		}
	})
	t.Run("killed", func(t *testing.T) {
		cmd := command("--", "sh", "-c", "echo ready $$ $(readlink /proc/self/ns/net); exec sleep 1000")
		cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir()) // the list of targets is all that may stay
		_, said := signalled(t, cmd, syscall.SIGKILL)
		words := strings.Fields(said)
		if len(words) != 3 {
			t.Fatalf("the command said %q", said)
		}
		for deadline := time.Now().Add(time.Minute); ; {
			if holders := inNamespace(t, words[2]); len(holders) == 0 {
				break
			} else if time.Now().After(deadline) {
				t.Fatalf("processes %v are still in the namespace; the command was %s", holders, words[1])
			}
			time.Sleep(10 * time.Millisecond) // nothing tells about the end of another's child
		}
	})
	if left, err := filepath.Glob(filepath.Join(tmp, "mtrq-lab-*")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// signalled starts cmd, sends it a signal once it has printed a line, and returns its exit code and output.
func signalled(t *testing.T, cmd *exec.Cmd, s syscall.Signal) (code int, said string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout = w
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	buf := make([]byte, 4096)
	n, err := r.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(s); err != nil {
		t.Fatal(err)
	}
	code = lab.ExitCode(cmd.Wait())
	if s != syscall.SIGKILL {
		more, _ := r.Read(buf[n:])
		n += max(0, more)
	}
	return code, string(buf[:n])
}

// inNamespace lists the processes in a network namespace.
func inNamespace(t *testing.T, name string) (pids []int) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		if ns, err := os.Readlink(d + "/ns/net"); err == nil && ns == name {
			pid, _ := strconv.Atoi(filepath.Base(d))
			pids = append(pids, pid)
		}
	}
	return pids
}

// TestAsOrdinaryUser runs a test of this program as nobody: it works in a user namespace, or says what is missing.
func TestAsOrdinaryUser(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 || os.Getenv("MTRQ_LAB_INSIDE") != "" {
		t.Skip("needs root to become another user")
	}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.run", "^TestClosedNetSaysSo$", "-test.v")
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	text := string(out)
	t.Logf("%v\n%s", err, strings.ReplaceAll(text, "--- ", "")) // the summary of all tests must not count it
	worked := strings.Contains(text, "--- PASS: TestClosedNetSaysSo")
	skipped := strings.Contains(text, "--- SKIP: TestClosedNetSaysSo") && strings.Contains(text, "needs a private network: ")
	if err != nil || !worked && !skipped {
		t.Error("neither worked nor said what is missing")
	}
}
