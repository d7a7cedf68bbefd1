package contrib_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// checkout is a copy of the sources that `make run` builds from, so that the tests leave this one's bin/ alone.
func checkout(t *testing.T) string {
	t.Helper()
	dir := open(t)
	mustRun(t, command(t, "cp", "-a", "Makefile", "go.mod", "go.sum", "cmd", "internal", "report", "spool", "tools", dir))
	return dir
}

// demo is `make run` in a private network, so that even a fault in it reaches no real address.
type demo struct {
	cmd    *exec.Cmd
	state  string   // the directory it keeps things in
	stdout *os.File // a file, so that it can be read while the demo runs
	stderr *bufio.Scanner
	said   []string
}

func startDemo(t *testing.T, args ...string) *demo {
	t.Helper()
	needRoot(t)
	need(t, "make", "unshare", "ip", "mtr-packet")
	d := &demo{state: open(t)}
	d.cmd = command(t, "unshare", append([]string{"--net", "sh", "-c", `ip link set lo up && exec make run "$@"`, "sh"}, args...)...)
	d.cmd.Dir = checkout(t)
	d.cmd.Env = append(os.Environ(), "MTRQ_DEMO_DIR="+d.state, "TARGET=", "LAB=", "ONCE=")
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // a terminal's Ctrl-C goes to a whole group
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if d.stdout, err = os.Create(filepath.Join(d.state, "stdout")); err != nil {
		t.Fatal(err)
	}
	d.cmd.Stdout = d.stdout
	d.cmd.Stderr = w
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	t.Cleanup(func() {
		_ = syscall.Kill(-d.cmd.Process.Pid, syscall.SIGTERM) // ended already, when all went well
		_, _ = io.Copy(io.Discard, r)
		_ = r.Close()
		_ = d.stdout.Close()
	})
	d.stderr = bufio.NewScanner(r)
	return d
}

// until reads what the demo says up to a line that holds text.
func (d *demo) until(t *testing.T, text string) string {
	t.Helper()
	for d.stderr.Scan() {
		d.said = append(d.said, d.stderr.Text())
		if strings.Contains(d.stderr.Text(), text) {
			return d.stderr.Text()
		}
	}
	logs, _ := exec.Command("tail", "-n", "+1", filepath.Join(d.state, "run.log"), filepath.Join(d.state, "serve.log")).CombinedOutput()
	t.Fatalf("the demo ended without %q; it said:\n%s\n%s", text, strings.Join(d.said, "\n"), logs)
	return ""
}

// interrupt is Ctrl-C; afterwards nothing that the demo started may be there.
func (d *demo) interrupt(t *testing.T) {
	t.Helper()
	if err := syscall.Kill(-d.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	for d.stderr.Scan() {
		d.said = append(d.said, d.stderr.Text())
	}
	_ = d.cmd.Wait() // make's code after an interrupt is its own
	environs, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range environs {
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, []byte(d.state)) {
			line, _ := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
			t.Errorf("left running: %s %q", path, line)
		}
	}
}

// curl asks from inside the demo's network.
func (d *demo) curl(t *testing.T, args ...string) string {
	t.Helper()
	need(t, "curl", "nsenter")
	return mustRun(t, command(t, "nsenter", append([]string{fmt.Sprintf("--net=/proc/%d/ns/net", d.cmd.Process.Pid), "curl", "-fsS"}, args...)...))
}

func TestDemo(t *testing.T) {
	t.Parallel()
	d := startDemo(t, "LAB=1")
	page := strings.Fields(d.until(t, "This report "))[2]
	ask := d.until(t, "Ask for one ")
	d.until(t, "Ctrl-C")
	report, err := os.ReadFile(d.stdout.Name())
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`(?m)^ +1\.\|-- .*\n(.*\n)+ *\d+\.\|-- 203\.0\.113\.\d+ +\d+\.\d%`).Match(report) {
		t.Errorf("no trace up to its target on stdout:\n%s", report)
	}
	if got := d.curl(t, "-L", page); !strings.Contains(got, "203.0.113.") {
		t.Errorf("%s shows:\n%s", page, got)
	}
	url := regexp.MustCompile(`'(http://127\.0\.0\.1:8081/api/mtr\?ip=[0-9.]+)'`).FindStringSubmatch(ask)
	if url == nil {
		t.Fatalf("no command to try in %q", ask)
	}
	if got := d.curl(t, url[1]); !regexp.MustCompile(`^[0-9A-Z]{26} http\S+\n`).MatchString(got) {
		t.Errorf("%s answers %q, want an ID and a link", url[1], got)
	}
	d.interrupt(t)
}

func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	d := startDemo(t, "LAB=1")
	d.until(t, "Tracing 203.0.113.")
	d.interrupt(t)
	if jobs, _ := filepath.Glob(filepath.Join(d.state, "spool/*/*.job")); len(jobs) != 0 {
		t.Errorf("left in the spool: %q, want a report of what was seen", jobs)
	}
}

// TestDemoAsUser: no root, no network beyond the loopback, a read-only system, somebody on port 8081 already.
func TestDemoAsUser(t *testing.T) {
	t.Parallel()
	need(t, "mtr-packet", "bash", "busybox")
	dir, home := open(t), open(t)
	if err := os.Chmod(home, 0o777); err != nil {
		t.Fatal(err)
	}
	mustRun(t, command(t, "cp", "-a", "tools", dir))
	if err := os.Mkdir(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(buildMTRQ(t), filepath.Join(dir, "bin/mtrq")); err != nil {
		t.Fatal(err)
	}
	as := func(env ...string) result {
		r := rights{uid: 10001, bounding: "-all,+net_raw,+setuid,+setgid", writable: []string{home}} // setuid: a package without setcap
		cmd := r.inside(t, "bash", "-c", `busybox nc -ll -p 8081 -e true &
until (exec 3<>/dev/tcp/127.0.0.1/8081) 2>/dev/null; do :; done
exec "$1"`, "bash", filepath.Join(dir, "tools/demo.sh"))
		cmd.Env = append(append(cmd.Env, "HOME="+home), env...)
		return run(t, cmd)
	}

	r := as("TARGET=127.0.0.1", "ONCE=1")
	if r.code != 0 || !strings.Contains(r.stdout, "1.|-- 127.0.0.1") {
		t.Errorf("exit code %d, want 0 and a trace of one hop\n%s%s", r.code, r.stdout, r.stderr)
	}
	for _, want := range []string{"Port 8081 is in use; this one listens on 8082.", "http://127.0.0.1:8082/r/"} {
		if !strings.Contains(r.stderr, want) {
			t.Errorf("does not say %q:\n%s", want, r.stderr)
		}
	}
	if _, err := os.Stat(filepath.Join(home, ".local/state/mtrq-demo/archive")); err != nil {
		t.Errorf("the archive is not below the user's home: %v", err)
	}

	if r := as("TARGET=127.0.0.1", "LAB=1"); r.code != 1 || !strings.Contains(r.stderr, "leave TARGET out") {
		t.Errorf("TARGET and LAB: %+v", r)
	}
}
