package contrib_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// emptyPath is a directory with links to the named programs only, for a PATH in which all others are missing.
func emptyPath(t *testing.T, programs ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, p := range programs {
		path := strings.TrimSpace(mustRun(t, command(t, "sh", "-c", `PATH=$PATH:/usr/sbin:/sbin; command -v "$1"`, "sh", p)))
		if err := os.Symlink(path, filepath.Join(dir, p)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// setup runs tools/setup.sh where /usr/sbin and /sbin hold nothing either, so that only path counts.
func setup(t *testing.T, path string, args ...string) result {
	t.Helper()
	script := strings.Replace(read(t, "tools/setup.sh"), "PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin\n", "", 1)
	file := filepath.Join(t.TempDir(), "setup.sh")
	if err := os.WriteFile(file, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := command(t, "/bin/sh", append([]string{file}, args...)...)
	cmd.Env = []string{"PATH=" + path}
	return run(t, cmd)
}

var setupTools = []string{"cat", "grep", "id", "mktemp", "rm", "sed", "sort", "tr", "uname", "env"}

// fake puts a program into dir that is a shell script.
func fake(t *testing.T, dir, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func TestSetupSaysWhatToInstall(t *testing.T) {
	for _, tc := range []struct {
		name, manager, uname string
		code                 int
		say                  string
	}{
		{"Fedora", "dnf", "", 69, "    dnf install mtr\n"},
		{"Alpine", "apk", "", 69, "    apk add mtr\n"},
		{"Arch", "pacman", "", 69, "    pacman -S --needed mtr\n"},
		{"unknown Linux", "", "", 69, "the packages that hold: mtr-packet\n"},
		{"macOS", "", "Darwin", 69, "runs on Linux only"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := emptyPath(t, setupTools...)
			if tc.manager != "" {
				fake(t, path, tc.manager, "exit 99")
			}
			if tc.uname != "" {
				_ = os.Remove(filepath.Join(path, "uname"))
				fake(t, path, "uname", "echo "+tc.uname)
			}
			r := setup(t, path, "run")
			if r.code != tc.code || !strings.Contains(r.stderr, tc.say) {
				t.Errorf("exit code %d, stderr %q; want %d and %q", r.code, r.stderr, tc.code, tc.say)
			}
		})
	}
}

// TestSetupInstalls drives apt-get's part with an apt-get that makes the programs appear, as a package would.
func TestSetupInstalls(t *testing.T) {
	// As apt-get in a fresh image: no lists before an update.
	const apt = `echo "apt-get $*" >>"${0%/*}/log"
case $1 in
update) : >"${0%/*}/lists" ;;
install) [ -e "${0%/*}/lists" ] || { echo "E: Unable to locate package"; exit 100; }
	printf '#!/bin/sh\n' >"${0%/*}/mtr-packet"; /bin/chmod +x "${0%/*}/mtr-packet" ;;
esac`
	path := emptyPath(t, setupTools...)
	fake(t, path, "apt-get", apt)
	fake(t, path, "sudo", `echo sudo >>"${0%/*}/log"; exec "$@"`)
	_ = os.Remove(filepath.Join(path, "id"))
	fake(t, path, "id", "echo 1000")

	if r := setup(t, path, "--dry-run", "run"); r.code != 0 || !strings.Contains(r.stdout, "would install: mtr-tiny") {
		t.Fatalf("dry run: %+v", r)
	}
	if _, err := os.Stat(filepath.Join(path, "log")); err == nil {
		t.Error("a dry run called apt-get")
	}
	if r := setup(t, path, "run"); r.code != 0 {
		t.Fatalf("exit code %d: %s", r.code, r.stderr)
	}
	log, err := os.ReadFile(filepath.Join(path, "log"))
	if err != nil {
		t.Fatal(err)
	}
	install := "apt-get install -y -q --no-install-recommends mtr-tiny\n"
	if want := "sudo\n" + install + "sudo\napt-get update -q\nsudo\n" + install; string(log) != want {
		t.Errorf("called:\n%swant:\n%s", log, want)
	}
	// Nothing is missing any more: nothing is called, nothing is said.
	if r := setup(t, path, "run"); r.code != 0 || r.stdout+r.stderr != "" {
		t.Errorf("second time: %+v, want silence", r)
	}
	if again, _ := os.ReadFile(filepath.Join(path, "log")); string(again) != string(log) {
		t.Errorf("second time called apt-get again:\n%s", again)
	}
}

func TestSetupFails(t *testing.T) {
	path := emptyPath(t, setupTools...)
	fake(t, path, "apt-get", "echo E: no space left; exit 100")
	fake(t, path, "sudo", `exec "$@"`)
	if r := setup(t, path, "run"); r.code != 1 || !strings.Contains(r.stderr, "E: no space left") {
		t.Errorf("apt-get fails: %+v; want 1 and what it said", r)
	}
	_ = os.Remove(filepath.Join(path, "sudo"))
	_ = os.Remove(filepath.Join(path, "id"))
	fake(t, path, "id", "echo 1000")
	if r := setup(t, path, "run"); r.code != 77 || !strings.Contains(r.stderr, "apt-get install mtr-tiny") {
		t.Errorf("neither root nor sudo: %+v; want 77 and the command", r)
	}
	for _, args := range [][]string{nil, {"everything"}, {"run", "test"}} {
		if r := setup(t, path, args...); r.code != 64 || !strings.Contains(r.stderr, "usage:") {
			t.Errorf("setup.sh %q: %+v; want 64 and the usage", args, r)
		}
	}
}

// TestSetupKnowsWhatTestsNeed: what a test of the module looks for, `make setup` has installed.
func TestSetupKnowsWhatTestsNeed(t *testing.T) {
	r := setup(t, emptyPath(t, setupTools...)+":/nonexistent", "test")
	missing, _, _ := strings.Cut(r.stderr, "\n")
	for _, p := range []string{"mtr-packet", "fping", "traceroute", "nft", "ip", "shellcheck", "curl", "strace", "busybox", "dash", "systemd-analyze", "unshare", "setpriv", "setcap", "sysctl", "gcc", "chromium", "font:zh", "npm"} {
		if !strings.Contains(missing+" ", " "+p+" ") {
			t.Errorf("setup.sh test does not look for %s: %s", p, missing)
		}
	}
}

func TestSummary(t *testing.T) {
	need(t, "awk")
	cmd := command(t, "awk", "-f", "tools/test-summary.awk")
	cmd.Stdin = strings.NewReader(strings.Join([]string{
		"=== RUN   TestA", "    a_test.go:3: noise of a test that passes", "--- PASS: TestA (0.00s)",
		"=== RUN   TestB", "    a_test.go:9: needs the program fping: not found", "--- SKIP: TestB (0.00s)",
		"PASS", "ok  \texample/a\t0.01s",
		"?   \texample/none\t[no test files]",
		"=== RUN   TestC", "    c_test.go:4: noise", "--- PASS: TestC (0.00s)",
		"=== RUN   TestD", "=== RUN   TestD/case_one", "    c_test.go:7: got 1, want 2", "=== RUN   TestD/case_two", "    c_test.go:8: noise of a case that passes",
		"--- FAIL: TestD (0.00s)", "    --- FAIL: TestD/case_one (0.00s)", "    --- PASS: TestD/case_two (0.00s)",
		"FAIL", "FAIL\texample/c\t0.02s",
		"=== RUN   TestE", "panic: boom", "goroutine 7 [running]:", "FAIL\texample/e\t0.02s",
		"FAIL\texample/f [build failed]", "FAIL", "",
	}, "\n"))
	const want = `ok  	example/a	0.01s
    c_test.go:7: got 1, want 2
--- FAIL: TestD (0.00s)
    --- FAIL: TestD/case_one (0.00s)
FAIL	example/c	0.02s
panic: boom
goroutine 7 [running]:
FAIL	example/e	0.02s
FAIL	example/f [build failed]

2 passed, 1 failed, 1 skipped, in 4 packages (3 failed)
    skipped TestB: needs the program fping: not found
`
	if got := mustRun(t, cmd); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}
