package contrib_test

import (
	"crypto/rand"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
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

// used are the calls that a program and its children made, sorted. strace writes "???" for a thread that ended with
// its process before the call's name could be read: that names none.
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
		if name, _, ok := strings.Cut(f[1], "("); ok && name != "" && name != "???" && !strings.HasPrefix(name, "<") {
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

// TestUsed: what strace writes about threads that go on, and that end in the middle of a call, is no call of its own.
func TestUsed(t *testing.T) {
	t.Parallel()
	trace := filepath.Join(t.TempDir(), "strace")
	if err := os.WriteFile(trace, []byte(`2711  socket(AF_INET, SOCK_DGRAM, IPPROTO_IP <unfinished ...>
2712  futex(0xc00008, FUTEX_WAKE_PRIVATE, 1) = 1
2711  <... socket resumed>) = 3
2712  --- SIGTERM {si_signo=SIGTERM, si_code=SI_USER} ---
2712  exit_group(0 <unfinished ...>
2713  ???( <unfinished ...>
2712  <... exit_group resumed>) = ?
2713  +++ exited with 0 +++
`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, want := used(t, trace), []string{"exit_group", "futex", "socket"}; !slices.Equal(got, want) {
		t.Errorf("used: %q, want %q", got, want)
	}
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

// TestFilterAllowsPrune: everything that mtrq prune calls while it removes days and compresses others.
func TestFilterAllowsPrune(t *testing.T) {
	need(t, "strace")
	exe, dir := buildMTRQ(t), t.TempDir()
	archived, trace := filepath.Join(dir, "archive"), filepath.Join(dir, "strace")
	w, err := archive.OpenWriter(archived, "UTC")
	if err != nil {
		t.Fatal(err)
	}
	for i, days := range []int{90, 10, 0} { // one to remove, one to compress, and the newest
		at := time.Now().UTC().AddDate(0, 0, -days)
		b := report.Builder{Requests: []report.Request{{ID: ulid.MustNew(ulid.Timestamp(at), rand.Reader), Accepted: at, Source: "cli"}}, Node: report.Node{Name: "n"}}
		b.Add(report.Event{E: report.EventStart, At: at, Schema: 1, Target: &report.Target{Asked: "203.0.113.7", Address: netip.MustParseAddr("203.0.113.7")}})
		b.Add(report.Event{E: report.EventProbe, N: i, TTL: 1, MS: 1, DeadlineMS: 1000, Kind: report.KindLost})
		rep, err := b.Report()
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(rep); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	out := mustRun(t, command(t, "strace", "-f", "-qq", "-o", trace, exe, "--archive", archived, "prune", "--keep", "30d", "--compress-after", "2d", "--force"))
	t.Log(out)
	names := used(t, trace)
	if !slices.Contains(names, "unlinkat") || !slices.Contains(names, "fsync") {
		t.Fatalf("that is not all of prune: %q", names)
	}
	allowed := syscalls(t, "contrib/systemd/mtrq-prune.service")
	for _, name := range names {
		if !allowed[name] && name != "prlimit64" && name != "execve" { // Go asks for more descriptors, and lives with a no
			t.Errorf("mtrq prune calls %s, which mtrq-prune.service denies", name)
		}
	}
}
