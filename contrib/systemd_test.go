package contrib_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// install runs `make install`'s script with PREFIX=/usr into an empty root, around a binary that does nothing.
func install(t *testing.T, root, prefix string) {
	t.Helper()
	checkout := t.TempDir()
	for _, dir := range []string{"contrib", "tools"} {
		mustRun(t, command(t, "cp", "-a", dir, checkout))
	}
	if err := os.Mkdir(filepath.Join(checkout, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"bin/mtrq": "#!/bin/sh\n", "LICENSE": read(t, "LICENSE")} {
		if err := os.WriteFile(filepath.Join(checkout, name), []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := command(t, filepath.Join(checkout, "tools/install.sh"), "install")
	cmd.Env = append(os.Environ(), "DESTDIR="+root, "PREFIX="+prefix, "SYSCONFDIR=/etc")
	mustRun(t, cmd)
}

func TestInstall(t *testing.T) {
	root := t.TempDir()
	config := filepath.Join(root, "etc/mtrq/config.toml")
	install(t, root, "/opt/x")
	want := map[string]fs.FileMode{
		"etc/mtrq/config.toml":                        0o644,
		"opt/x/bin/mtrq":                              0o755,
		"opt/x/bin/mtrq-drop":                         0o755,
		"opt/x/lib/systemd/system/mtrq-run.service":   0o644,
		"opt/x/lib/systemd/system/mtrq-serve.service": 0o644,
		"opt/x/lib/systemd/system/mtrq-serve.socket":  0o644,
		"opt/x/lib/systemd/system/mtrq-prune.service": 0o644,
		"opt/x/lib/systemd/system/mtrq-prune.timer":   0o644,
		"opt/x/lib/sysusers.d/mtrq.conf":              0o644,
		"opt/x/lib/tmpfiles.d/mtrq.conf":              0o644,
		"opt/x/lib/sysctl.d/60-mtrq.conf":             0o644,
		"opt/x/share/doc/mtrq/LICENSE":                0o644,
	}
	if diff := cmp.Diff(want, files(t, root)); diff != "" {
		t.Errorf("installed (-want +got):\n%s", diff)
	}
	unit, err := os.ReadFile(filepath.Join(root, "opt/x/lib/systemd/system/mtrq-run.service"))
	if err != nil {
		t.Fatal(err)
	}
	if want := "ExecStart=/opt/x/bin/mtrq --config /etc/mtrq/config.toml run\n"; !strings.Contains(string(unit), want) {
		t.Errorf("the unit does not say %q", want)
	}

	if err := os.WriteFile(config, []byte("# mine\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	install(t, root, "/opt/x")
	if b, err := os.ReadFile(config); err != nil || string(b) != "# mine\n" {
		t.Errorf("a second installation changed the operator's configuration to %q (%v)", b, err)
	}

	cmd := command(t, "tools/install.sh", "uninstall")
	cmd.Env = append(os.Environ(), "DESTDIR="+root, "PREFIX=/opt/x", "SYSCONFDIR=/etc")
	mustRun(t, cmd)
	if diff := cmp.Diff(map[string]fs.FileMode{"etc/mtrq/config.toml": 0o644}, files(t, root)); diff != "" {
		t.Errorf("left after the removal (-want +got):\n%s", diff)
	}
}

func files(t *testing.T, root string) map[string]fs.FileMode {
	t.Helper()
	got := map[string]fs.FileMode{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		got[name] = info.Mode()
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestUnits(t *testing.T) {
	need(t, "systemd-analyze")
	// The units name the binary where this installation has it, so that systemd finds it without a root of its own.
	prefix := filepath.Join(open(t), "usr")
	install(t, "", prefix)
	for _, unit := range []string{"mtrq-serve.socket", "mtrq-prune.timer"} {
		if r := run(t, command(t, "systemd-analyze", "verify", "--man=no", "--generators=no", "--recursive-errors=no", filepath.Join(prefix, "lib/systemd/system", unit))); r.code != 0 || r.stdout+r.stderr != "" {
			t.Errorf("systemd-analyze verify of %s: exit code %d\n%s%s", unit, r.code, r.stdout, r.stderr)
		}
	}
	for name, bound := range map[string]int{"mtrq-run": 21, "mtrq-serve": 14, "mtrq-prune": 10} {
		t.Run(name, func(t *testing.T) {
			unit := filepath.Join(prefix, "lib/systemd/system", name+".service")
			r := run(t, command(t, "systemd-analyze", "verify", "--man=no", "--generators=no", "--recursive-errors=no", unit))
			if said := r.stdout + r.stderr; r.code != 0 || said != "" {
				t.Errorf("systemd-analyze verify: exit code %d\n%s", r.code, said)
			}
			// Exposure in tenths, as of systemd 252. A new release may weigh things anew: then look, and set the bound again.
			r = run(t, command(t, "systemd-analyze", "security", "--offline=yes", "--no-pager", fmt.Sprintf("--threshold=%d", bound), unit))
			if r.code != 0 {
				t.Errorf("systemd-analyze security: more exposed than %d.%d\n%s%s", bound/10, bound%10, r.stdout, r.stderr)
			}
		})
	}
}

// systemRoot is an empty system with our files and the users that systemd-sysusers makes from them.
func systemRoot(t *testing.T) (root string, uid, gid, dropGID uint32) {
	t.Helper()
	needRoot(t)
	need(t, "systemd-sysusers", "systemd-tmpfiles")
	root = open(t)
	install(t, root, "/usr")
	mustRun(t, command(t, "systemd-sysusers", "--root="+root))
	id := func(file, name string, column int) uint32 {
		b, err := os.ReadFile(filepath.Join(root, "etc", file))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			if f := strings.Split(strings.TrimSpace(line), ":"); f[0] == name {
				var n uint32
				if _, err := fmt.Sscan(f[column], &n); err != nil {
					t.Fatal(err)
				}
				return n
			}
		}
		t.Fatalf("no %s in %s:\n%s", name, file, b)
		return 0
	}
	return root, id("passwd", "mtrq", 2), id("group", "mtrq", 2), id("group", "mtrq-drop", 2)
}

func TestUsersAndDirectories(t *testing.T) {
	root, uid, gid, dropGID := systemRoot(t)
	b, err := os.ReadFile(filepath.Join(root, "etc/group"))
	if err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintf("mtrq-drop:x:%d:mtrq\n", dropGID); !strings.Contains(string(b), want) {
		t.Errorf("etc/group has no line %q:\n%s", want, b)
	}

	type entry struct {
		Mode     string
		UID, GID uint32
	}
	want := map[string]entry{
		"var/spool/mtrq":       {"0755", uid, gid},
		"var/spool/mtrq/drop":  {"3770", uid, dropGID},
		"var/spool/mtrq/tmp":   {"0700", uid, gid},
		"var/spool/mtrq/new":   {"0700", uid, gid},
		"var/spool/mtrq/cur":   {"0700", uid, gid},
		"var/spool/mtrq/bad":   {"0700", uid, gid},
		"var/spool/mtrq/state": {"0755", uid, gid},
		"var/lib/mtrq":         {"0755", uid, gid},
		"var/lib/mtrq/archive": {"0755", uid, gid},
		"var/cache/mtrq":       {"0755", uid, gid},
	}
	for range 2 { // a second time is every boot: nothing may change
		mustRun(t, command(t, "systemd-tmpfiles", "--root="+root, "--create", "mtrq.conf"))
		got := map[string]entry{}
		for name := range want {
			var st syscall.Stat_t
			if err := syscall.Lstat(filepath.Join(root, name), &st); err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			got[name] = entry{fmt.Sprintf("%04o", st.Mode&0o7777), st.Uid, st.Gid}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("directories (-want +got):\n%s", diff)
		}
	}
}

// TestDropDespiteUmask: a program that knows nothing of groups and modes, with the umask of a careful user, leaves a
// file that mtrq can read and that no other sender can change.
func TestDropDespiteUmask(t *testing.T) {
	need(t, "setpriv")
	root, _, _, dropGID := systemRoot(t)
	mustRun(t, command(t, "systemd-tmpfiles", "--root="+root, "--create", "mtrq.conf"))
	dir := filepath.Join(root, "var/spool/mtrq/drop")
	cmd := command(t, "setpriv", "--reuid=10003", "--regid=10003", fmt.Sprintf("--groups=%d", dropGID),
		"sh", "-c", `umask 077; echo 'target = "203.0.113.7"' > .a && mv .a a.toml`)
	cmd.Dir = dir
	mustRun(t, cmd)
	info, err := os.Stat(filepath.Join(dir, "a.toml"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o640 || info.Sys().(*syscall.Stat_t).Gid != dropGID {
		t.Errorf("mode %v, group %d; want -rw-r----- and %d", info.Mode(), info.Sys().(*syscall.Stat_t).Gid, dropGID)
	}
}

// TestSysctl sets the values in a network namespace of its own, where a wrong name or value fails.
func TestSysctl(t *testing.T) {
	needRoot(t)
	need(t, "unshare", "sysctl")
	out := mustRun(t, command(t, "unshare", "--net", "--mount", "sh", "-c",
		"mount -t sysfs none /sys 2>/dev/null; sysctl -q -p contrib/systemd/sysctl.conf && cat /proc/sys/net/ipv4/ping_group_range"))
	if got := strings.Fields(out); !slices.Equal(got, []string{"0", "2147483647"}) {
		t.Errorf("ping_group_range is %q", got)
	}
}
