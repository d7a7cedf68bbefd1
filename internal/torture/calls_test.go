package torture

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// A call is one system call of a command, told apart by what it does to
// which file of the site: "openat spool/tmp/ID.job" and how often that was
// done before.
type call struct {
	name string // of the system call
	path string // below the site, IDs and times taken out
	nth  int    // of those that look the same, from 1
}

func (c call) String() string { return fmt.Sprintf("%s %s #%d", c.name, c.path, c.nth) }

var (
	idInPath     = regexp.MustCompile(`[0-7][0-9A-HJKMNP-TV-Z]{25}`)
	timeInPath   = regexp.MustCompile(`\d{4}/\d\d/\d\d(/\d\d)?(/\d{6}[+-]\d{4}_[0-9.]+_)?|\d{4}-\d\d\.jsonl`)
	numberAfter  = regexp.MustCompile(`(\.tmp-\S*?)\d{4,}`)
	mktempInPath = regexp.MustCompile(`mtrq-drop\.[A-Za-z0-9]{6}`)
	hashInPath   = regexp.MustCompile(`target/[0-9a-f]{2}`)
)

// plainPath takes out of a path what differs from run to run.
func plainPath(p string) string {
	p = strings.TrimSuffix(p, " (deleted)")
	p = idInPath.ReplaceAllString(p, "ID")
	p = timeInPath.ReplaceAllString(p, "T")
	p = numberAfter.ReplaceAllString(p, "${1}N")
	p = mktempInPath.ReplaceAllString(p, "mtrq-drop.N")
	return hashInPath.ReplaceAllString(p, "target/XX")
}

// caughtVariable makes the test program a command that wants to be caught.
const caughtVariable = "MTRQ_TORTURE_CAUGHT"

// caught runs a command of mtrq under a catcher and takes what it
// acknowledged. The command may fail or die.
func (s *site) caught(t *testing.T, c *catcher, args ...string) (calls []call, out string, err error) {
	t.Helper()
	return s.caughtCommand(t, c, func(before []string) *exec.Cmd { return s.command(t, before, args...) })
}

// caughtCommand is caught for any command, which is given what comes before
// its program.
func (s *site) caughtCommand(t *testing.T, c *catcher, command func(before []string) *exec.Cmd) (calls []call, out string, err error) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	theirs := os.NewFile(uintptr(pair[1]), "pair")
	cmd := command([]string{self})
	cmd.Env = append(cmd.Environ(), caughtVariable+"=1")
	cmd.ExtraFiles = []*os.File{theirs}
	var stdout, talk bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &talk
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close() // ours of it: the other end must see when the child ends
	c.below = filepath.Dir(s.spool)
	listener, err := takeListener(pair[0])
	if err != nil {
		_ = cmd.Wait() // it says below why
		t.Fatalf("catch mtrq: %v\n%s", err, talk.String())
	}
	caught := make(chan error, 1)
	go func() { caught <- c.catch(listener) }()
	err = wait(cmd)
	s.acknowledge(stdout.String())
	if e := <-caught; e != nil {
		t.Fatalf("catch mtrq: %v\n%s", e, talk.String())
	}
	if err != nil {
		err = fmt.Errorf("%w: %s", err, tail(talk.String()))
	}
	return c.calls, stdout.String(), err
}

// worth are the calls to harm: of those that look the same the first three,
// and none of what is written beside the promise each second.
func worth(calls []call) []call {
	const same = 3
	var out []call
	for _, c := range calls {
		if c.nth <= same && !strings.Contains(c.path, "spool/state") && !slices.Contains(out, c) {
			out = append(out, c)
		}
	}
	return out
}

// spread takes so many of the calls (0: all), all over them.
func spread(calls []call, n int) []call {
	if n == 0 || n >= len(calls) {
		return calls
	}
	var out []call
	for i := range n {
		out = append(out, calls[i*len(calls)/n])
	}
	return out
}
