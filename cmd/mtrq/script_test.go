package main

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/internal/names/mmdbtest"
)

// patience bounds every wait of a script. Nothing is judged by it: it is
// what turns a hang into a failure.
const patience = time.Minute

// inLab runs a package's tests in a network of loopback alone; the
// commands of the scripts run as they are.
type inLab struct{ m *testing.M }

func (l inLab) Run() int { return lab.TestAlone(l.m) }

func TestMain(m *testing.M) {
	testscript.Main(inLab{m}, map[string]func(){
		"mtrq":   main,
		"nobody": nobody,
	})
}

// nobody becomes a command as the user nobody, with the groups that are
// named before it: nobody [-g GID] COMMAND…
func nobody() {
	const id = 65534
	args, groups := os.Args[1:], []int{}
	if len(args) > 2 && args[0] == "-g" {
		gid, err := strconv.Atoi(args[1])
		must(err)
		args, groups = args[2:], []int{gid}
	}
	path, err := exec.LookPath(args[0])
	must(err)
	must(syscall.Setgroups(groups))
	must(syscall.Setgid(id))
	must(syscall.Setuid(id))
	must(syscall.Exec(path, args, os.Environ()))
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "nobody:", err)
		os.Exit(125)
	}
}

// TestScripts runs testdata/script. Each script has a spool and an
// archive of its own; MTRQ_CONFIG names lab.toml, with short traces.
// Beside testscript's own commands there are those of commands() and,
// as conditions, [root] (may become another user) and [systemwide] (this
// machine has a configuration of its own, which would be read).
func TestScripts(t *testing.T) {
	lab.Need(t, "mtr-packet")
	// The user nobody must get at the work directories and the program.
	root, err := os.MkdirTemp("", "mtrq-script")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(root); err != nil {
			t.Error(err)
		}
	})
	program, err := exec.LookPath("mtrq")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{root, filepath.Dir(program), filepath.Dir(filepath.Dir(program))} {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:                 filepath.Join("testdata", "script"),
		WorkdirRoot:         root,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Cmds:                commands(),
		Condition:           condition,
		Deadline:            time.Now().Add(8 * patience), // of all together: turns a hang into a failure, and is no measure of speed
	})
}

const labConfig = `# Short traces, no reserve.
[node]
name = "lab1"
[archive]
zone = "Asia/Hong_Kong"
[spool]
reserve_bytes = 0
reserve_inodes = 0
[trace]
interval = "100ms"
min_packets = 5
tail = "1s"
`

func setup(env *testscript.Env) error {
	env.Setenv("MTRQ_CONFIG", filepath.Join(env.WorkDir, "lab.toml"))
	env.Setenv("MTRQ_SPOOL", filepath.Join(env.WorkDir, "spool"))
	env.Setenv("MTRQ_ARCHIVE", filepath.Join(env.WorkDir, "archive"))
	env.Setenv("NO_COLOR", "1")
	env.Setenv("GORACE", "atexit_sleep_ms=0") // else each command of a race build ends a second late
	if err := os.Chmod(env.WorkDir, 0o777); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(env.WorkDir, "lab.toml"), []byte(labConfig), 0o644)
}

func condition(cond string) (bool, error) {
	switch cond {
	case "root": // inside a user namespace of one user there is nobody to become
		ids, err := os.ReadFile("/proc/self/uid_map")
		f := strings.Fields(string(ids))
		return os.Getuid() == 0 && len(f) == 3 && f[2] == "4294967295", err
	case "systemwide":
		_, err := os.Stat("/etc/mtrq/config.toml")
		return err == nil, nil
	}
	return false, fmt.Errorf("there is no condition %q", cond)
}

type command = func(ts *testscript.TestScript, neg bool, args []string)

func commands() map[string]command {
	return map[string]command{
		// code N COMMAND…: it ends with exit code N.
		"code": func(ts *testscript.TestScript, _ bool, args []string) {
			want, err := strconv.Atoi(args[0])
			ts.Check(err)
			if got := exitCode(ts, ts.Exec(args[1], args[2:]...)); got != want {
				ts.Fatalf("exit code %d, want %d", got, want)
			}
		},
		// until N COMMAND…: again and again, until it ends with exit code N.
		"until": func(ts *testscript.TestScript, _ bool, args []string) {
			want, err := strconv.Atoi(args[0])
			ts.Check(err)
			for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
				got := exitCode(ts, ts.Exec(args[1], args[2:]...))
				if got == want {
					return
				}
				if time.Now().After(end) {
					ts.Fatalf("still exit code %d after %s, want %d", got, patience, want)
				}
			}
		},
		// save VARIABLE [REGEXP]: what the last command wrote to stdout, or
		// the first group of a match in it.
		"save": func(ts *testscript.TestScript, _ bool, args []string) {
			text := strings.TrimSpace(ts.ReadFile("stdout"))
			if len(args) == 2 {
				m := regexp.MustCompile(args[1]).FindStringSubmatch(text)
				if m == nil {
					ts.Fatalf("no match for %s", args[1])
				}
				text = m[1]
			}
			ts.Setenv(args[0], text)
		},
		// lines N [FILE]: stdout, or a file, has N lines.
		"lines": func(ts *testscript.TestScript, _ bool, args []string) {
			file := "stdout"
			if len(args) == 2 {
				file = args[1]
			}
			want, err := strconv.Atoi(args[0])
			ts.Check(err)
			if got := strings.Count(ts.ReadFile(file), "\n"); got != want {
				ts.Fatalf("%s has %d lines, want %d", file, got, want)
			}
		},
		// files N DIR: N files lie below DIR, hidden ones too; a directory
		// that is not there has none.
		"files": func(ts *testscript.TestScript, _ bool, args []string) {
			want, err := strconv.Atoi(args[0])
			ts.Check(err)
			var found []string
			err = filepath.WalkDir(ts.MkAbs(args[1]), func(path string, d os.DirEntry, err error) error {
				if err == nil && !d.IsDir() {
					found = append(found, path)
				}
				return err
			})
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				ts.Fatalf("%v", err)
			}
			if len(found) != want {
				ts.Fatalf("%d files below %s, want %d: %s", len(found), args[1], want, strings.Join(found, " "))
			}
		},
		// url VARIABLE LOG: the address that a server says in its log.
		"url": func(ts *testscript.TestScript, _ bool, args []string) {
			at := regexp.MustCompile(`msg=serving url=http://([^/ ]+)/`)
			for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
				log, err := os.ReadFile(ts.MkAbs(args[1]))
				if m := at.FindStringSubmatch(string(log)); m != nil {
					ts.Setenv(args[0], m[1])
					return
				}
				if time.Now().After(end) {
					ts.Fatalf("%s names no address: %v\n%s", args[1], err, log)
				}
			}
		},
		// mmdb FILE PREFIX AS NAME: a file of AS numbers with one network.
		"mmdb": func(ts *testscript.TestScript, _ bool, args []string) {
			as, err := strconv.ParseUint(args[2], 10, 32)
			ts.Check(err)
			data := mmdbtest.Build(mmdbtest.ASN(args[1], uint32(as), args[3]))
			ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
		},
		// busy VARIABLE: the address of a port that is taken.
		"busy": func(ts *testscript.TestScript, _ bool, args []string) {
			s := httptest.NewServer(http.NotFoundHandler())
			ts.Defer(s.Close)
			ts.Setenv(args[0], s.Listener.Addr().String())
		},
	}
}

// exitCode of a program that ran; one that a signal ended fails the script.
func exitCode(ts *testscript.TestScript, err error) int {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode()
	}
	ts.Fatalf("%v", err)
	return -1
}

// TestEveryCommandHasAScript holds the scripts to what there is.
func TestEveryCommandHasAScript(t *testing.T) {
	for _, c := range newApp(nil, nil, nil).Commands {
		files, err := filepath.Glob(filepath.Join("testdata", "script", c.Name+"*.txtar"))
		if err != nil || len(files) == 0 {
			t.Errorf("command %s has no script testdata/script/%s*.txtar (%v)", c.Name, c.Name, err)
		}
		if !slices.ContainsFunc(files, func(f string) bool {
			text, err := os.ReadFile(f)
			return err == nil && strings.Contains(string(text), "mtrq "+c.Name+" --help")
		}) {
			t.Errorf("no script of %s asks for its --help", c.Name)
		}
	}
}
