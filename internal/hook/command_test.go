package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

// A hostile list of targets, as a list over HTTP or a name server could give.
var hostile = []string{
	"$(touch %s)", "`touch %s`", "; touch %s ;", "a\nMTRQ_LINK=https://evil.example", "\x1b[31mred", "*", "-rf",
	`"},"event":"incident-close","x":"`, "x\x00y", "\u202egnp.exe", "'; touch %s; '", "${IFS}touch${IFS}%s", "203.0.113.7",
}

func TestCommand(t *testing.T) {
	t.Setenv("MTRQ_SECRET", "token")
	t.Setenv("HOME", "/")
	dir := t.TempDir()
	trap := filepath.Join(dir, "trap")
	var targets []string
	for _, h := range hostile {
		targets = append(targets, strings.ReplaceAll(h, "%s", trap))
	}
	// As careless as a script can be: no quotes, and even eval.
	prog := script(t, `
cat > "$1/body"
tr '\0' '\n' < /proc/$$/environ > "$1/environ"
for x in $MTRQ_TARGETS; do echo $x; done > "$1/targets"
eval "for x in $MTRQ_TARGETS; do echo \$x; done" > "$1/evaled"
printf '%s' "$2" > "$1/argument"
pwd > "$1/done"
`)
	s, log := sender("", Hook{On: both(), Command: []string{prog, dir, "$(touch " + trap + ") a b"}})
	start(t, s)
	inc := incident(1, targets...)
	inc.Verdict.Sentence = "target $(touch " + trap + ") lost\nMTRQ_EVENT=x \x1b[31m3 of 12"
	s.Send(OnOpen, inc)
	eventually(t, "the message; log: "+log.String(), func() bool { return s.Stats().Delivered == 1 })

	read := func(name string) string {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	if _, err := os.Stat(trap); err == nil {
		t.Error("a name of a target ran a command")
	}
	var m Message
	if err := json.Unmarshal([]byte(read("body")), &m); err != nil {
		t.Fatalf("standard input: %v", err)
	}
	if m.Event != OnOpen || len(m.Targets) != len(hostile) || m.Targets[0] != targets[0] || m.Affected != len(hostile) {
		t.Errorf("standard input: %+v", m)
	}
	if strings.ContainsAny(read("body"), "\x1b\x00\u202e") {
		t.Errorf("control characters in %q", read("body"))
	}
	if d := cmp.Diff(read("targets"), read("evaled")); d != "" {
		t.Errorf("eval changes the targets: -plain +evaled\n%s", d)
	}
	words := strings.Split(strings.TrimSpace(read("targets")), "\n")
	if len(words) != len(hostile) || words[5] != "_" || words[6] != "_-rf" || words[12] != "203.0.113.7" {
		t.Errorf("MTRQ_TARGETS is %q", words)
	}
	env := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSpace(read("environ")), "\n") {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	var names []string
	for name := range env {
		names = append(names, name)
	}
	slices.Sort(names)
	if d := cmp.Diff([]string{"HOME", "LANG", "MTRQ_EVENT", "MTRQ_HOOK_ID", "MTRQ_INCIDENT", "MTRQ_LINK", "MTRQ_NODE", "MTRQ_TARGETS", "MTRQ_VERDICT", "PATH"}, names); d != "" {
		t.Errorf("environment: -want +got\n%s", d)
	}
	if env["MTRQ_EVENT"] != OnOpen || env["MTRQ_LINK"] != "https://mtrq.example.net/incident/"+inc.ID.String() || env["MTRQ_INCIDENT"] != inc.ID.String() || env["MTRQ_NODE"] != "hk1" || env["MTRQ_HOOK_ID"] != m.ID {
		t.Errorf("environment: %q", env)
	}
	if want := "target $(touch " + trap + ") lost MTRQ_EVENT=x  [31m3 of 12"; env["MTRQ_VERDICT"] != want {
		t.Errorf("MTRQ_VERDICT is %q, want %q", env["MTRQ_VERDICT"], want)
	}
	if got := read("argument"); got != "$(touch "+trap+") a b" {
		t.Errorf("argument %q", got)
	}
	if got := read("done"); got != "/\n" {
		t.Errorf("it ran in %q", got)
	}
}

// dead says whether a process has ended; a zombie that nobody reaps has.
func dead(pid string) bool {
	data, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return true
	}
	after := data[bytes.LastIndexByte(data, ')')+1:]
	return bytes.HasPrefix(after, []byte(" Z")) || bytes.HasPrefix(after, []byte(" X"))
}

// stubborn ignores TERM, as does its child; its second run ends well.
const stubborn = `
echo "$MTRQ_HOOK_ID" >> "$1/ids"
[ -e "$1/pids" ] && exit 0
trap '' TERM
(trap '' TERM; while :; do sleep 1000; done) &
echo "about to hang"
echo "$$ $!" > "$1/pids.new" && mv "$1/pids.new" "$1/pids"
while :; do sleep 1000; done
`

func TestCommandTimeout(t *testing.T) {
	dir := t.TempDir()
	s, log := sender("", Hook{On: both(), Command: []string{script(t, stubborn), dir}, Timeout: 2 * time.Second})
	start(t, s)
	s.Send(OnOpen, incident(1, "203.0.113.7"))
	eventually(t, "the second attempt", func() bool { return s.Stats().Delivered == 1 })
	data, err := os.ReadFile(filepath.Join(dir, "pids"))
	if err != nil {
		t.Fatal(err)
	}
	pids := strings.Fields(string(data))
	if len(pids) != 2 {
		t.Fatalf("pids %q", data)
	}
	for _, pid := range pids {
		eventually(t, "the death of process "+pid, func() bool { return dead(pid) })
	}
	if l := log.String(); !strings.Contains(l, "no end within 2s: killed") {
		t.Errorf("log:\n%s", l)
	}
	data, err = os.ReadFile(filepath.Join(dir, "ids"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Fields(string(data)); len(got) < 2 || slices.ContainsFunc(got, func(id string) bool { return id != got[0] }) {
		t.Errorf("MTRQ_HOOK_ID of the attempts: %q, want the same", got)
	}
}

// Run ends in bounded time with a command that does not, and the message is
// still there for the next.
func TestCommandAtTheEnd(t *testing.T) {
	dir, queue := t.TempDir(), t.TempDir()
	s, _ := sender(queue, Hook{On: both(), Command: []string{script(t, stubborn), dir}, Timeout: time.Minute})
	stop := start(t, s)
	s.Send(OnOpen, incident(1, "203.0.113.7"))
	eventually(t, "its start", func() bool { _, err := os.Stat(filepath.Join(dir, "pids")); return err == nil })
	stop()
	data, err := os.ReadFile(filepath.Join(dir, "pids"))
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range strings.Fields(string(data)) {
		eventually(t, "the death of process "+pid, func() bool { return dead(pid) })
	}
	if left := files(t, queue); len(left) != 1 {
		t.Errorf("files %v, want 1", left)
	}
}

// One that is under way when Run is told to end may finish, and is not
// repeated.
func TestCommandDrains(t *testing.T) {
	dir, queue := t.TempDir(), t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	prog := script(t, `touch "$1/begun"; read x < "$1/fifo"; touch "$1/done"`)
	s, log := sender(queue, Hook{On: both(), Command: []string{prog, dir}, Timeout: time.Minute})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	s.Send(OnOpen, incident(1, "203.0.113.7"))
	eventually(t, "its start", func() bool { _, err := os.Stat(filepath.Join(dir, "begun")); return err == nil })
	cancel()
	if err := os.WriteFile(fifo, []byte("x\n"), 0); err != nil { // waits for its reader
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "done")); err != nil || s.Stats().Delivered != 1 || len(files(t, queue)) != 0 {
		t.Errorf("%v, stats %+v, files %v, log:\n%s", err, s.Stats(), files(t, queue), log)
	}
}

func TestSlowHookDelaysNobody(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	r := &receiver{}
	srv := httptest.NewServer(r)
	defer srv.Close()
	slow := Hook{On: both(), Command: []string{script(t, `touch "$1/begun"; read x < "$1/fifo"`), dir}, Timeout: time.Minute}
	dead := Hook{On: both(), URL: "http://127.0.0.1:1/"}
	s, _ := sender("", slow, dead, Hook{On: both(), URL: srv.URL})
	start(t, s)
	s.Send(OnOpen, incident(1, "203.0.113.7"))
	eventually(t, "the slow one's start", func() bool { _, err := os.Stat(filepath.Join(dir, "begun")); return err == nil })
	for n := range byte(5) {
		s.Send(OnOpen, incident(10+n, "203.0.113.7"))
	}
	eventually(t, "all six messages", func() bool { return len(r.accepted()) == 6 })
	s.mu.Lock()
	busy := s.lanes[0].queue.msgs[0].busy
	s.mu.Unlock()
	if !busy {
		t.Error("the slow one had ended: this test shows nothing")
	}
	for s.Stats().Waiting > 6 { // only those of the dead one are left then
		f, err := os.OpenFile(fifo, os.O_WRONLY|unix.O_NONBLOCK, 0)
		if err == nil {
			_, _ = f.WriteString("x\n")
			_ = f.Close()
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestCommandFails(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "plain")
	if err := os.WriteFile(plain, []byte("echo no first line\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ command, want string }{
		"exit code":     {script(t, "echo 'no \x1b[31mroute' >&2; exit 3"), "exit status 3: no  [31mroute"},
		"long words":    {script(t, "yes xxxxxxxxx | head -c 100000; echo the end; exit 1"), "the end"},
		"killed":        {script(t, "kill -9 $$"), "signal: killed"},
		"not there":     {filepath.Join(dir, "none"), "no such file or directory: install it"},
		"no first line": {plain, "exec format error: a script begins with a line such as #!/bin/sh"},
		"a directory":   {dir, "permission denied"},
	} {
		t.Run(name, func(t *testing.T) {
			s, log := sender("", Hook{On: both(), Command: []string{tt.command}})
			stop := start(t, s)
			s.Send(OnOpen, incident(1, "203.0.113.7"))
			eventually(t, "a word in the log", func() bool { return strings.Contains(log.String(), "hook fails") })
			stop()
			if l := log.String(); !strings.Contains(l, tt.want) || len(l) > 6000 {
				t.Errorf("want %q in\n%s", tt.want, l)
			}
			if st := s.Stats(); st.Waiting != 1 || st.Delivered != 0 {
				t.Errorf("stats %+v, want it to wait", st)
			}
		})
	}
}

// What a command leaves running is killed, and what got away from its group
// does not hold anybody up.
func TestCommandLeavesChildren(t *testing.T) {
	dir := t.TempDir()
	prog := script(t, `sleep 1000 & echo $! > "$1/left"; setsid sleep 1000 & echo $! > "$1/away"; exit 0`)
	s, log := sender("", Hook{On: both(), Command: []string{prog, dir}})
	start(t, s)
	s.Send(OnOpen, incident(1, "203.0.113.7"))
	eventually(t, "the message; log: "+log.String(), func() bool { return s.Stats().Delivered == 1 })
	for _, name := range []string{"left", "away"} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		pid := strings.TrimSpace(string(data))
		if name == "away" { // of our own making
			if comm, err := os.ReadFile("/proc/" + pid + "/comm"); err == nil && strings.TrimSpace(string(comm)) == "sleep" {
				_ = exec.Command("kill", pid).Run()
			}
		}
		eventually(t, "the death of "+name, func() bool { return dead(pid) })
	}
}

// plainChild is this test as a process with a capability and a place before
// others, which starts a command.
func plainChild() {
	cmd := exec.Command("/bin/sh", "-c", "grep CapEff /proc/self/status; nice")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	own, err := os.ReadFile("/proc/thread-self/status")
	for line := range strings.SplitSeq(string(own), "\n") {
		if strings.HasPrefix(line, "CapEff") {
			fmt.Println(line)
		}
	}
	if err == nil {
		err = startPlain(cmd)
	}
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func TestCommandHasNoRights(t *testing.T) {
	setpriv, err := exec.LookPath("setpriv")
	if err != nil || os.Geteuid() != 0 {
		t.Skip("needs root and setpriv (util-linux)")
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("nice", "-n", "-40", setpriv, "--securebits", "+noroot", "--inh-caps", "-all,+net_raw", "--ambient-caps", "-all,+net_raw", exe)
	cmd.Env = append(os.Environ(), "MTRQ_TEST_PLAIN=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	want := "CapEff:\t0000000000002000\nCapEff:\t0000000000000000\n0\n" // CAP_NET_RAW is 13
	if string(out) != want {
		t.Errorf("got %q, want %q", out, want)
	}
}
