package contrib_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// rights are what a container engine or systemd leaves to a process. No engine is needed to have them: they are
// namespaces, a bounding set and a flag.
type rights struct {
	uid      int
	groups   string // besides its own, which has the number of the user; "": none
	bounding string // of setpriv: "-all", "-all,+net_raw"
	ambient  bool   // CAP_NET_RAW in the ambient set: systemd's AmbientCapabilities, podman's --cap-add
	noNew    bool   // no-new-privileges
	writable []string
	readOnly []string // below one that is writable
	address  string   // of the loopback, besides its own: a target that is not denied as 127.0.0.1 is
}

// inside is a command with these rights: a network of its own with a loopback, process ids of its own (so it has a low
// one), a read-only root, and nothing of the caller's environment.
func (r rights) inside(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	needRoot(t)
	need(t, "unshare", "setpriv", "ip", "mount")
	// /proc anew, because this one shows other process ids. tmpfs mounts hide nothing that the command needs.
	script := `set -e
ip link set lo up
[ -z "$ADDRESS" ] || ip address add "$ADDRESS" dev lo
for dir in $WRITABLE $READONLY; do mount --bind "$dir" "$dir"; done
for dir in $READONLY; do mount -o remount,bind,ro "$dir"; done
mount -o remount,bind,ro /
mount -t tmpfs -o ro tmpfs /run
exec setpriv "$@"`
	priv := []string{fmt.Sprintf("--reuid=%d", r.uid), fmt.Sprintf("--regid=%d", r.uid), "--clear-groups"}
	if r.groups != "" {
		priv[2] = "--groups=" + r.groups
	}
	if r.ambient {
		priv = append(priv, "--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw")
	} else {
		priv = append(priv, "--inh-caps=-all", "--ambient-caps=-all")
	}
	priv = append(priv, "--bounding-set="+r.bounding)
	if r.noNew {
		priv = append(priv, "--no-new-privs")
	}
	// setpriv keeps its permitted set until it executes something: what env then starts has the rights of a service's first process.
	args = append([]string{"env"}, args...)
	cmd := command(t, "unshare", append(append([]string{
		"--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--ipc", "sh", "-c", script, "sh"}, priv...), args...)...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "WRITABLE=" + strings.Join(r.writable, " "),
		"READONLY=" + strings.Join(r.readOnly, " "), "ADDRESS=" + r.address}
	return cmd
}

// packetFile is a copy of mtr-packet with the capability of the container's image on it, and none of setuid.
func packetFile(t *testing.T, capability bool) string {
	t.Helper()
	needRoot(t)
	need(t, "mtr-packet", "setcap")
	path := filepath.Join(open(t), "mtr-packet")
	from, err := exec.LookPath("mtr-packet")
	if err != nil {
		t.Fatal(err)
	}
	mustRun(t, command(t, "cp", "--no-preserve=all", from, path))
	mustRun(t, command(t, "chmod", "0755", path))
	if capability {
		mustRun(t, command(t, "setcap", "cap_net_raw+ep", path))
	}
	return path
}

// TestPacketRights holds the units and compose.yaml to what is measured here: which rights mtr-packet needs, and which
// look as if they were enough.
func TestPacketRights(t *testing.T) {
	const refused = "Failure to open IPv4 sockets"
	for _, tc := range []struct {
		name   string
		rights rights
		file   bool   // with the capability on the file
		say    string // of its stderr, when it does not work
	}{
		{"systemd: ambient, no new privileges", rights{uid: 10001, bounding: "-all,+net_raw", ambient: true, noNew: true}, false, ""},
		{"systemd: the same with the capability on the file", rights{uid: 10001, bounding: "-all,+net_raw", ambient: true, noNew: true}, true, ""},
		{"systemd without ambient", rights{uid: 10001, bounding: "-all,+net_raw", noNew: true}, true, refused},
		{"compose run: on the file, new privileges", rights{uid: 10001, bounding: "-all,+net_raw"}, true, ""},
		{"compose run with no-new-privileges", rights{uid: 10001, bounding: "-all,+net_raw", noNew: true}, true, refused},
		{"compose run without a capability on the file", rights{uid: 10001, bounding: "-all,+net_raw"}, false, refused},
		// The kernel does not even start a file whose capability is outside the bounding set.
		{"serve: no capability at all", rights{uid: 10001, bounding: "-all"}, true, "Operation not permitted"},
		{"serve: no capability, none on the file", rights{uid: 10001, bounding: "-all", noNew: true}, false, refused},
	} {
		t.Run(tc.name, func(t *testing.T) {
			cmd := tc.rights.inside(t, packetFile(t, tc.file))
			cmd.Stdin = strings.NewReader(probes)
			r := run(t, cmd)
			if tc.say != "" {
				if r.code == 0 || !strings.Contains(r.stderr, tc.say) {
					t.Errorf("exit code %d, stdout %q, stderr %q; want a failure with %q", r.code, r.stdout, r.stderr, tc.say)
				}
				return
			}
			for _, want := range []string{"1 reply ip-4 127.0.0.1", "2 reply ip-6 ::1", "3 reply ip-4 127.0.0.1", "4 reply ip-4 127.0.0.1"} {
				if !strings.Contains(r.stdout, want) {
					t.Errorf("no %q in %q (exit code %d, stderr %q)", want, r.stdout, r.code, r.stderr)
				}
			}
		})
	}
}

// TestRightsAreReal: the namespaces of these tests are as narrow as they say.
func TestRightsAreReal(t *testing.T) {
	dir, other := open(t), open(t)
	for _, d := range []string{dir, other} {
		if err := os.Chmod(d, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	out := mustRun(t, rights{uid: 10001, bounding: "-all,+net_raw", noNew: true, writable: []string{dir}}.inside(t, "sh", "-c",
		`grep -E '^(Cap(Bnd|Amb|Eff)|NoNewPrivs|Uid)' /proc/self/status; echo pid $$; ip -o link | wc -l
touch `+other+`/x 2>&1; touch /usr/x 2>&1; touch `+dir+`/x && echo written`))
	for _, want := range []string{
		"CapBnd:\t0000000000002000", "CapAmb:\t0000000000000000", "CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Uid:\t10001",
		"pid 1\n", "\n1\n", other + "/x': Read-only file system", "'/usr/x': Read-only file system", "written",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
}

// TestComposeSays reads compose.yaml as the operator would: the rights in it are those that TestPacketRights tries.
func TestComposeSays(t *testing.T) {
	_, services, _ := strings.Cut(read(t, "contrib/container/compose.yaml"), "\nservices:\n")
	tracer, server, ok := strings.Cut(services, "\n  serve:\n")
	if !ok {
		t.Fatal("compose.yaml has no service serve after run")
	}
	for _, tc := range []struct {
		name, text string
		has, lacks []string
	}{
		{"run", tracer, []string{"cap_add: [NET_RAW]", "pid: host", "archive:/var/lib/mtrq\n"}, []string{"no-new-privileges:true", "privileged: true", "ports:"}},
		{"serve", server, []string{"no-new-privileges:true", "archive:/var/lib/mtrq:ro"}, []string{"cap_add", "pid: host", "privileged"}},
		{"both", read(t, "contrib/container/compose.yaml"), []string{"cap_drop: [ALL]", "read_only: true", `user: "10001:10001"`}, nil},
	} {
		for _, want := range tc.has {
			if !strings.Contains(tc.text, want) {
				t.Errorf("%s: no %q", tc.name, want)
			}
		}
		for _, not := range tc.lacks {
			if strings.Contains(tc.text, not) {
				t.Errorf("%s: has %q", tc.name, not)
			}
		}
	}
}
