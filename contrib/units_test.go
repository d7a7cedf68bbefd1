package contrib_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// service is mtrq started as a unit starts it, but for the system call filter: what it called is written down and
// compared with the filter instead, because here systemd is not process 1.
type service struct {
	cmd   *exec.Cmd
	name  string // run, serve
	exe   string
	trace string
	said  bytes.Buffer
}

func startService(t *testing.T, r rights, exe, config, notify, name string) *service {
	t.Helper()
	need(t, "strace")
	dir := open(t)
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	s := &service{name: name, exe: exe, trace: filepath.Join(dir, "strace")}
	r.writable = append(r.writable, dir)
	s.cmd = r.inside(t, "strace", "-f", "-qq", "-o", s.trace, exe, "--config", config, name)
	s.cmd.Env = append(s.cmd.Env, "NOTIFY_SOCKET="+notify)
	s.cmd.Stdout, s.cmd.Stderr = &s.said, &s.said
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			_ = s.cmd.Process.Kill() // the namespace's other processes go with it
			_ = s.cmd.Wait()
		}
		if t.Failed() {
			t.Logf("mtrq %s said:\n%s", name, &s.said)
		}
	})
	return s
}

// in is a command in the service's network and mounts, with all rights of the test.
func (s *service) in(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	ns := fmt.Sprintf("/proc/%d/ns/", s.cmd.Process.Pid)
	cmd := command(t, "nsenter", append([]string{"--net=" + ns + "net", "--mount=" + ns + "mnt"}, args...)...)
	cmd.Dir = "/"
	return cmd
}

// stop sends TERM to mtrq alone, as KillMode=mixed does, and wants the exit code 0.
func (s *service) stop(t *testing.T) {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/exe")
	if err != nil {
		t.Fatal(err)
	}
	for _, link := range links {
		line, _ := os.ReadFile(filepath.Join(filepath.Dir(link), "cmdline"))
		if target, err := os.Readlink(link); err != nil || target != s.exe || !bytes.HasSuffix(line, []byte("\x00"+s.name+"\x00")) {
			continue
		}
		var pid int
		if _, err := fmt.Sscanf(link, "/proc/%d/exe", &pid); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("mtrq %s after TERM: %v, want exit code 0", s.name, err)
	}
}

// check compares what was called with the unit.
func (s *service) check(t *testing.T) {
	t.Helper()
	unit := "contrib/systemd/mtrq-" + s.name + ".service"
	allowed := syscalls(t, unit)
	names := used(t, s.trace)
	if !slices.Contains(names, "socket") || !slices.Contains(names, "exit_group") {
		t.Fatalf("that is not all of mtrq %s: %q", s.name, names)
	}
	for _, name := range names {
		if !allowed[name] {
			t.Errorf("mtrq %s calls %s, which %s denies", s.name, name, unit)
		}
	}
	b, err := os.ReadFile(s.trace)
	if err != nil {
		t.Fatal(err)
	}
	setID := regexp.MustCompile(`(chmod|mkdir|open|mknod)\w*\(.*\b0[2-7][0-7]{3}\b`)
	for line := range strings.Lines(string(b)) {
		switch {
		case strings.Contains(line, "PROT_WRITE|PROT_EXEC"):
			t.Errorf("MemoryDenyWriteExecute= denies: %s", line)
		case setID.MatchString(line):
			t.Errorf("RestrictSUIDSGID= denies: %s", line)
		case regexp.MustCompile(`socket\(AF_(PACKET|ALG|VSOCK|BLUETOOTH)`).MatchString(line):
			t.Errorf("RestrictAddressFamilies= denies: %s", line)
		}
	}
}

// TestUnitsTogether runs both services with the users, directories and rights that the units, sysusers and tmpfiles
// files give them, and has them trace what three kinds of senders ask for.
func TestUnitsTogether(t *testing.T) {
	t.Parallel()
	need(t, "strace", "curl", "nsenter", "mtr-packet")
	root, uid, _, dropGID := systemRoot(t)
	mustRun(t, command(t, "systemd-tmpfiles", "--root="+root, "--create", "mtrq.conf"))
	spool, lib, cache := filepath.Join(root, "var/spool/mtrq"), filepath.Join(root, "var/lib/mtrq"), filepath.Join(root, "var/cache/mtrq")
	exe := buildMTRQ(t)

	// The configuration that is installed, with its directories where this root has them.
	config := filepath.Join(root, "etc/mtrq/config.toml")
	text := strings.ReplaceAll(read(t, "contrib/systemd/config.toml"), `"/var/`, `"`+root+`/var/`)
	if err := os.WriteFile(config, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(root, "notify")
	notify, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = notify.Close() }()
	if err := os.Chmod(path, 0o777); err != nil {
		t.Fatal(err)
	}
	ready := func(s *service) {
		t.Helper()
		buf := make([]byte, 4096)
		for {
			if err := notify.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			n, err := notify.Read(buf)
			if err != nil {
				t.Fatalf("mtrq %s never said READY=1, and Type=notify waits for that: %v", s.name, err)
			}
			if strings.Contains(string(buf[:n]), "READY=1") {
				return
			}
		}
	}

	// systemd gives a service all groups of its user, and sysusers.conf put mtrq into mtrq-drop.
	groups := fmt.Sprint(dropGID)
	tracer := startService(t, rights{uid: int(uid), groups: groups, bounding: "-all,+net_raw", ambient: true, noNew: true,
		writable: []string{spool, lib, cache}, address: "192.0.2.7/32"}, exe, config, path, "run")
	ready(tracer)
	server := startService(t, rights{uid: int(uid), groups: groups, bounding: "-all", noNew: true, writable: []string{spool, cache},
		readOnly: []string{lib, spool + "/cur", spool + "/bad"}}, exe, config, path, "serve")
	ready(server)

	const url = "http://127.0.0.1:8081/api/mtr?ip=192.0.2.7&rounds=3&event=by-http&wait=60"
	if out := mustRun(t, server.in(t, "curl", "--fail-with-body", "-sS", url)); !strings.Contains(out, "1.|-- 192.0.2.7") {
		t.Errorf("asked over HTTP, got:\n%s", out)
	}
	member := func(args ...string) *exec.Cmd {
		return tracer.in(t, append([]string{"setpriv", "--reuid=10003", "--regid=10003", fmt.Sprintf("--groups=%d", dropGID),
			"env", "HOME=/nonexistent", exe, "--config", config}, args...)...)
	}
	if out := mustRun(t, member("enqueue", "--wait", "--rounds", "3", "--event", "by-drop", "192.0.2.7")); !strings.Contains(out, "1.|-- 192.0.2.7") {
		t.Errorf("asked through drop/, got:\n%s", out)
	}
	if out := mustRun(t, member("list", "--json")); !strings.Contains(out, `"by-http"`) || !strings.Contains(out, `"by-drop"`) {
		t.Errorf("list does not have both requests:\n%s", out)
	}
	for _, dir := range []string{lib + "/archive", spool + "/cur", spool + "/bad", root + "/etc"} {
		if r := run(t, server.in(t, "touch", dir+"/x")); r.code == 0 || !strings.Contains(r.stderr, "Read-only file system") {
			t.Errorf("serve may write into %s: %+v", dir, r)
		}
	}

	tracer.stop(t)
	server.stop(t)
	tracer.check(t)
	server.check(t)
}
