package contrib_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// syscalls are the calls that a unit's filter allows, as this machine's systemd understands it.
func syscalls(t *testing.T, unit string) map[string]bool {
	t.Helper()
	need(t, "systemd-analyze")
	sets := map[string][]string{}
	var name string
	for line := range strings.Lines(mustRun(t, command(t, "systemd-analyze", "syscall-filter", "--no-pager"))) {
		switch f := strings.Fields(line); {
		case len(f) == 0 || f[0] == "#":
		case line[0] == '@':
			name = f[0]
		default:
			sets[name] = append(sets[name], f[0])
		}
	}
	allowed := map[string]bool{}
	var apply func(set string, allow bool)
	apply = func(set string, allow bool) {
		if set[0] != '@' {
			allowed[set] = allow
			return
		}
		if len(sets[set]) == 0 {
			t.Errorf("systemd knows no set %s", set)
		}
		for _, s := range sets[set] {
			apply(s, allow)
		}
	}
	for line := range strings.Lines(read(t, unit)) {
		list, ok := strings.CutPrefix(strings.TrimSpace(line), "SystemCallFilter=")
		if !ok {
			continue
		}
		list, deny := strings.CutPrefix(list, "~")
		for _, set := range strings.Fields(list) {
			apply(set, !deny)
		}
	}
	// What @default holds is allowed always; our lists take nothing of it away.
	apply("@default", true)
	return allowed
}

// used are the calls that a program and its children made, except those that failed because the kernel has none.
func used(t *testing.T, trace string) []string {
	t.Helper()
	b, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		if name, _, ok := strings.Cut(f[1], "("); ok && name != "" && !strings.HasPrefix(name, "<") {
			seen[name] = true
		}
	}
	var names []string
	for n := range seen {
		names = append(names, n)
	}
	slices.Sort(names)
	return names
}

// TestFilterAllowsMtrPacket: everything that mtr-packet calls, from the opening of its sockets to an answered probe.
func TestFilterAllowsMtrPacket(t *testing.T) {
	needRoot(t)
	need(t, "strace", "mtr-packet", "unshare", "ip")
	trace := filepath.Join(t.TempDir(), "strace")
	cmd := command(t, "unshare", "--net", "sh", "-c", `ip link set lo up && exec strace -f -qq -o "$1" mtr-packet`, "sh", trace)
	cmd.Stdin = strings.NewReader(probes)
	if out := mustRun(t, cmd); !strings.Contains(out, "1 reply ip-4 127.0.0.1") {
		t.Fatalf("mtr-packet does not work here at all:\n%s", out)
	}
	allowed := syscalls(t, "contrib/systemd/mtrq-run.service")
	names := used(t, trace)
	if !slices.Contains(names, "setuid") || !slices.Contains(names, "socket") {
		t.Fatalf("that is not all of mtr-packet: %q", names)
	}
	for _, name := range append(names, "capset") { // capset: only where mtr was built with libcap, which Debian's is not
		if !allowed[name] {
			t.Errorf("mtr-packet calls %s, which mtrq-run.service denies", name)
		}
	}
}

// probes ask for an answer of each kind; the end of input ends mtr-packet once they are there.
const probes = "1 send-probe ip-4 127.0.0.1 timeout 1\n2 send-probe ip-6 ::1 timeout 1\n3 send-probe ip-4 127.0.0.1 protocol udp port 33434 timeout 1\n4 send-probe ip-4 127.0.0.1 protocol tcp port 443 timeout 1\n"
