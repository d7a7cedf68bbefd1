package contrib_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

// shells are those that a POSIX script meets: Debian's, a container's, and what many have as sh.
var shells = map[string][]string{
	"dash":    {"dash"},
	"busybox": {"busybox", "sh"},
	"bash":    {"bash", "--posix"},
}

func drop(t *testing.T, shell []string, args ...string) *exec.Cmd {
	t.Helper()
	need(t, shell[0])
	return command(t, shell[0], append(append(shell[1:len(shell):len(shell)], "contrib/drop/mtrq-drop.sh"), args...)...)
}

func TestDropWritesJob(t *testing.T) {
	for name, shell := range shells {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			reason := `loss > 20 % $(touch oops) "x" \n ; é`
			r := run(t, drop(t, shell, "-d", dir, "-r", reason, "-e", "zabbix-1", "-p", "udp",
				"-t", "circuit=GZ-2231", "-t", "a.b=c=d", "203.0.113.7", "2001:db8::7", "edge.example.net"))
			if r.code != 0 {
				t.Fatalf("exit code %d: %s", r.code, r.stderr)
			}
			names := strings.Fields(r.stdout)
			if len(names) != 3 {
				t.Fatalf("printed names %q, want 3", names)
			}
			for i, target := range []string{"203.0.113.7", "2001:db8::7", "edge.example.net"} {
				path := filepath.Join(dir, names[i])
				info, err := os.Lstat(path)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := info.Mode(), os.FileMode(0o640); got != want {
					t.Errorf("%s: mode %v, want %v", names[i], got, want)
				}
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				var got map[string]any
				if err := toml.Unmarshal(b, &got); err != nil {
					t.Fatalf("%s is no TOML: %v\n%s", names[i], err, b)
				}
				want := map[string]any{
					"target": target, "reason": reason, "event": "zabbix-1", "protocol": "udp",
					"tags": map[string]any{"circuit": "GZ-2231", "a.b": "c=d"},
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", names[i], diff)
				}
			}
			if left := entries(t, dir); len(left) != 3 {
				t.Errorf("left in drop/: %q, want the 3 jobs alone", left)
			}
		})
	}
}

func TestDropRefuses(t *testing.T) {
	for name, shell := range shells {
		t.Run(name, func(t *testing.T) {
			for _, tc := range []struct {
				name string
				args []string
				code int
				say  string
			}{
				{"no target", nil, 64, "usage:"},
				{"unknown option", []string{"-x", "203.0.113.7"}, 64, "usage:"},
				{"shell in target", []string{"1;reboot"}, 65, "not an address"},
				{"second target bad", []string{"203.0.113.7", "a b"}, 65, "not an address"},
				{"option as target", []string{"--", "-rf"}, 65, "not an address"},
				{"quote", []string{"-r", "it's", "203.0.113.7"}, 65, "single quote"},
				{"line break", []string{"-r", "a\nmax_ttl = 64", "203.0.113.7"}, 65, "line breaks"},
				{"line break at end", []string{"-e", "a\n", "203.0.113.7"}, 65, "line breaks"},
				{"control character", []string{"-t", "a=\x1b[31m", "203.0.113.7"}, 65, "control"},
				{"tag without value", []string{"-t", "circuit", "203.0.113.7"}, 64, "KEY=VALUE"},
				{"tag's key", []string{"-t", "a b=c", "203.0.113.7"}, 65, "tag's key"},
				{"protocol", []string{"-p", "sctp", "203.0.113.7"}, 64, "icmp, udp or tcp"},
				{"no directory", []string{"-d", "/nonexistent/drop", "203.0.113.7"}, 69, "-d DIR"},
			} {
				t.Run(tc.name, func(t *testing.T) {
					dir := t.TempDir()
					r := run(t, drop(t, shell, append([]string{"-d", dir}, tc.args...)...))
					if r.code != tc.code || !strings.Contains(r.stderr, tc.say) || r.stdout != "" {
						t.Errorf("exit code %d, stdout %q, stderr %q; want %d and %q", r.code, r.stdout, r.stderr, tc.code, tc.say)
					}
					if left := entries(t, dir); len(left) != 0 {
						t.Errorf("left in drop/: %q, want nothing", left)
					}
				})
			}
		})
	}
}

// TestDropIsSeenWhole looks at the calls that the script makes: nothing with a name that mtrq would take may appear
// before the content is complete, readable and on the disk.
func TestDropIsSeenWhole(t *testing.T) {
	need(t, "strace", "dash")
	dir := t.TempDir()
	trace := filepath.Join(t.TempDir(), "strace")
	cmd := command(t, "strace", "-f", "-o", trace, "-e", "trace=open,openat,creat,chmod,fchmodat,fsync,rename,renameat,renameat2,link,linkat",
		"dash", "contrib/drop/mtrq-drop.sh", "-d", dir, "203.0.113.7")
	name := strings.TrimSpace(mustRun(t, cmd))
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.Lines(string(b)) {
		if !strings.Contains(line, dir) && !strings.Contains(line, "fsync(") {
			continue
		}
		switch {
		case strings.Contains(line, "O_CREAT|O_EXCL"):
			got = append(got, "create hidden")
		case strings.Contains(line, "chmod"):
			got = append(got, "chmod")
		case strings.Contains(line, "fsync("):
			got = append(got, "fsync")
		case strings.Contains(line, "rename") && strings.Contains(line, "= 0"):
			if !strings.Contains(line, "NOREPLACE") {
				t.Errorf("a rename that may replace: %s", line)
			}
			got = append(got, "rename")
		case strings.Contains(line, "/"+name) && strings.Contains(line, "O_CREAT"):
			t.Errorf("the job's visible name is created, not renamed to: %s", line)
		}
	}
	if diff := cmp.Diff([]string{"create hidden", "chmod", "fsync", "rename", "fsync"}, got); diff != "" {
		t.Errorf("calls (-want +got):\n%s\n%s", diff, b)
	}
}

// TestDropTellsOfADisk: what was not synced is not said to be dropped, and what was not synced before it became
// visible is not visible. A sync of old, which takes no names, is told by its help.
func TestDropTellsOfADisk(t *testing.T) {
	const sync = `#!/bin/sh
[ "$1" != --help ] || { echo "$SYNC_USAGE"; exit; }
echo "$#" >>"$SYNC_CALLS"
[ "$SYNC_USAGE" != 'Usage: sync' ] || [ $# -eq 0 ] || exit 2
[ "$(wc -l <"$SYNC_CALLS")" -ne "$SYNC_FAILS" ] || { echo "sync: $1: Input/output error" >&2; exit 1; }
`
	for _, tc := range []struct {
		name, usage, fails, calls string
		code, left                int
	}{
		{"a good disk", "Usage: sync [OPTION] [FILE]...", "9", "1\n1\n", 0, 1},
		{"the file fails", "Usage: sync [OPTION] [FILE]...", "1", "1\n", 74, 0},
		{"the directory fails", "Usage: sync [-df] [FILE]...", "2", "1\n1\n", 74, 1},
		{"a sync of old", "Usage: sync", "9", "0\n0\n", 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			bin, dir := t.TempDir(), t.TempDir()
			calls := filepath.Join(bin, "calls")
			if err := os.WriteFile(filepath.Join(bin, "sync"), []byte(sync), 0o755); err != nil {
				t.Fatal(err)
			}
			cmd := drop(t, shells["dash"], "-d", dir, "203.0.113.7")
			cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "SYNC_USAGE="+tc.usage, "SYNC_FAILS="+tc.fails, "SYNC_CALLS="+calls)
			r := run(t, cmd)
			if said := strings.Contains(r.stderr, "durable (see dmesg)"); r.code != tc.code || said != (tc.code != 0) || (r.stdout == "") != (tc.code != 0) {
				t.Errorf("exit code %d, stdout %q, stderr %q; want %d", r.code, r.stdout, r.stderr, tc.code)
			}
			if names := entries(t, dir); len(names) != tc.left {
				t.Errorf("left in drop/: %q, want %d", names, tc.left)
			}
			if got, err := os.ReadFile(calls); err != nil || string(got) != tc.calls {
				t.Errorf("sync was called with so many names: %q, %v; want %q", got, err, tc.calls)
			}
		})
	}
}

// TestDropOnAFullDisk: what could not be written is not left there, and not said to be.
func TestDropOnAFullDisk(t *testing.T) {
	need(t, "dash")
	dir := t.TempDir()
	r := run(t, command(t, "dash", "-c", `ulimit -f 0; trap "" XFSZ; exec dash "$@"`, "dash", "contrib/drop/mtrq-drop.sh", "-d", dir, "203.0.113.7"))
	if left := entries(t, dir); r.code != 73 || r.stdout != "" || len(left) != 0 {
		t.Errorf("exit code %d, stdout %q, stderr %q, drop/ holds %q; want 73 and nothing", r.code, r.stdout, r.stderr, left)
	}
}

// TestDropIntoSpool drops into a directory with the real owner and mode, as a member of its group and as a stranger.
func TestDropIntoSpool(t *testing.T) {
	needRoot(t)
	need(t, "setpriv", "dash")
	const owner, group, member = 10001, 10002, 10003
	dir := filepath.Join(open(t), "drop")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, owner, group); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Chmod(dir, 0o3770); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(open(t), "mtrq-drop") // the checkout may lie where others cannot go
	if err := os.WriteFile(script, []byte(read(t, "contrib/drop/mtrq-drop.sh")), 0o755); err != nil {
		t.Fatal(err)
	}
	as := func(uid int, groups, umask string) *exec.Cmd {
		cmd := command(t, "setpriv", "--reuid", strconv.Itoa(uid), "--regid", strconv.Itoa(uid), groups, "sh", "-c", "umask "+umask+`; exec "$@"`, "sh",
			script, "-d", dir, "203.0.113.7")
		cmd.Dir = "/"
		return cmd
	}
	name := strings.TrimSpace(mustRun(t, as(member, "--groups="+strconv.Itoa(group), "077")))
	info, err := os.Lstat(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	st := info.Sys().(*syscall.Stat_t)
	if st.Uid != member || st.Gid != group || info.Mode() != 0o640 {
		t.Errorf("job of %d:%d, mode %v; want %d:%d, -rw-r-----", st.Uid, st.Gid, info.Mode(), member, group)
	}
	r := run(t, as(member, "--clear-groups", "022"))
	if r.code != 77 || !strings.Contains(r.stderr, "usermod -aG mtrq-drop") {
		t.Errorf("a stranger: exit code %d, stderr %q; want 77 and what to do", r.code, r.stderr)
	}
	if left := entries(t, dir); len(left) != 1 {
		t.Errorf("left in drop/: %q, want the one job", left)
	}
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}
