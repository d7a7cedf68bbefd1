package spool_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtrq/mtrq/spool"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

const dropGID = 4242 // of the senders below

// dropWays are how foreign programs put a job into drop/, with the umask of
// the process. All but the last two are told apart by nothing.
var dropWays = []struct {
	name    string
	script  string // sh; empty: SubmitDrop
	umask   string
	needACL bool // without a default ACL the runner cannot read it
}{
	{"go-022", "", "022", false},
	{"go-777", "", "777", false},
	{"mv-022", `printf 'target = "%s"\n' "$1" >".$2"; mv ".$2" "$2"`, "022", false},
	{"mv-000", `printf 'target = "%s"\n' "$1" >".$2"; mv ".$2" "$2"`, "000", false},
	{"mv-077", `printf 'target = "%s"\n' "$1" >".$2"; mv ".$2" "$2"`, "077", true},
	{"mv-777", `: >".$2"; printf 'target = "%s"\n' "$1" | cat >>".$2"; mv ".$2" "$2"`, "777", true},
	{"in-place-022", `printf 'target = "%s"\n' "$1" >"$2"`, "022", false},
	{"in-place-077", `printf 'target = "%s"\n' "$1" >"$2"`, "077", true},
	{"mktemp", `f=$(mktemp .XXXXXX); printf 'target = "%s"\n' "$1" >"$f"; chmod g+r "$f"; mv "$f" "$2"`, "077", false},
}

// childDrop is a foreign program: it drops one job in each of the ways.
func childDrop(dir, who string) error {
	for i, way := range dropWays {
		mask, err := strconv.ParseUint(way.umask, 8, 32)
		if err != nil {
			return err
		}
		unix.Umask(int(mask))
		target := fmt.Sprintf("203.0.113.%d", i+1)
		if way.script == "" {
			s, err := spool.Open(dir, spool.Options{})
			if err != nil {
				return err
			}
			if _, err := s.SubmitDrop(context.Background(), spool.Job{Target: target}); err != nil {
				return err
			}
			continue
		}
		cmd := exec.Command("sh", "-euc", way.script, "sh", target, who+"-"+way.name)
		cmd.Dir = filepath.Join(dir, "drop")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s", way.name, err, out)
		}
	}
	return nil
}

// childTake is a runner: it claims until nothing is in drop/ any more.
func childTake(dir, _ string) error {
	s, err := spool.Open(dir, spool.Options{})
	if err != nil {
		return err
	}
	q, err := s.Lock()
	if err != nil {
		return err
	}
	if _, err := q.Recover(func(ulid.ULID) bool { return false }); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	hints := make(chan struct{}, 1)
	go s.Watch(ctx, hints)
	for {
		claims, err := q.Claim(func(ulid.ULID) bool { return false }, 1000)
		if err != nil {
			return err
		}
		for _, c := range claims {
			fmt.Println(c.Job.By, c.Job.Target, c.Job.SentAs)
			if err := c.Finish(); err != nil {
				return err
			}
		}
		d, err := s.Depth()
		if err != nil {
			return err
		}
		if d.Drop == 0 {
			return q.Close()
		}
		select {
		case <-hints:
		case <-ctx.Done():
			return errors.New("there is still something in drop/")
		}
	}
}

// TestThreeUsersDrop has programs of three users, one of them in a container
// with user IDs of its own, put jobs into drop/ with hostile umasks; a
// runner that is a fourth user takes them all, and nobody's are confused.
func TestThreeUsersDrop(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to become other users")
	}
	const runner = 4241
	parent := t.TempDir()
	reachable(t, parent)
	dir := filepath.Join(parent, "spool")
	check(t, os.Mkdir(dir, 0o755))
	check(t, os.Chown(dir, runner, runner))
	as := func(uid uint32) *syscall.SysProcAttr {
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid, Groups: []uint32{dropGID}}}
	}
	asUser(t, as(runner), "take", dir, "") // makes the spool
	// The group has no name here: what Open does with one, by hand.
	drop := filepath.Join(dir, "drop")
	check(t, os.Chown(drop, -1, dropGID))
	check(t, os.Chmod(drop, 0o770|fs.ModeSticky|fs.ModeSetgid))
	hasACL := true
	if _, err := unix.Getxattr(drop, "system.posix_acl_default", nil); err != nil {
		hasACL = false
		t.Logf("no default ACLs here: %v", err)
	}
	senders := map[string]*syscall.SysProcAttr{"4301": as(4301), "4302": as(4302), "104300": {
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: 104300, Size: 10}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: dropGID, Size: 1}},
		Credential:  &syscall.Credential{Uid: 0, Gid: 0, NoSetGroups: true},
	}}
	for uid, who := range senders {
		asUser(t, who, "drop", dir, uid)
	}
	var got []string
	for line := range strings.Lines(asUser(t, as(runner), "take", dir, "")) {
		got = append(got, strings.TrimSpace(line))
	}
	bad, err := filepath.Glob(filepath.Join(dir, "bad", "*.reason"))
	check(t, err)
	var want []string
	unread := 0
	for uid := range senders {
		for i, way := range dropWays {
			line := fmt.Sprintf("uid %s 203.0.113.%d %s-%s", uid, i+1, uid, way.name)
			if way.script == "" {
				line = fmt.Sprintf("uid %s 203.0.113.%d", uid, i+1)
			}
			if way.needACL && !hasACL {
				unread++
				continue
			}
			want = append(want, line)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("taken:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(bad) != unread {
		t.Errorf("%d files in bad/, want %d", len(bad), unread)
	}
	for _, file := range bad {
		reason, err := os.ReadFile(file)
		check(t, err)
		if !strings.Contains(string(reason), "may not be read: make it readable for the group") {
			t.Errorf("reason %s", reason)
		}
	}
}

// TestSenderThatNeverCloses: what stands still is taken although somebody
// could still write to it, and what is written later changes nothing.
func TestSenderThatNeverCloses(t *testing.T) {
	now := time.Now()
	s := open(t, spool.Options{Now: func() time.Time { return now }})
	f, err := os.Create(filepath.Join(s.Dir(), "drop", "held"))
	check(t, err)
	defer f.Close()
	_, err = f.WriteString("target = \"203.0.113.7\"\n")
	check(t, err)
	q := lock(t, s)
	if got := claim(t, q, 9); len(got) != 0 {
		t.Errorf("taken while its sender may write on: %v", got)
	}
	now = now.Add(time.Second)
	if got := claim(t, q, 9); len(got) != 0 {
		t.Errorf("taken after a second: %v", got)
	}
	now = time.Now().Add(3 * time.Second)
	got := claim(t, q, 9)
	if len(got) != 1 {
		t.Fatalf("claimed %d after it stood still, want 1", len(got))
	}
	_, err = f.WriteString("target = 7\n")
	check(t, err)
	if p, err := s.Where(got[0].ID); err != nil || p.Job.Target != "203.0.113.7" {
		t.Errorf("where: %+v, %v", p, err)
	}
	wantTree(t, s, map[ulid.ULID]string{got[0].ID: "A"}, "cur/A.job")
}

// TestHalfWritten: what is still being written is never taken, whatever its
// sender does to it in between, and nothing that it writes is lost.
func TestHalfWritten(t *testing.T) {
	tests := map[string]func(t *testing.T, f *os.File) *os.File{
		"open": func(_ *testing.T, f *os.File) *os.File { return f },
		"open, its rights changed": func(t *testing.T, f *os.File) *os.File {
			time.Sleep(20 * time.Millisecond) // a tick of the kernel's clock
			check(t, f.Chmod(0o640))
			return f
		},
		"opened again for the next line": func(t *testing.T, f *os.File) *os.File {
			check(t, f.Close())
			f, err := os.OpenFile(f.Name(), os.O_WRONLY|os.O_APPEND, 0)
			check(t, err)
			return f
		},
	}
	for what, between := range tests {
		for _, name := range []string{"x", ulid.Make().String() + ".job"} {
			t.Run(what+", "+name, func(t *testing.T) {
				ahead := time.Duration(0)
				s := open(t, spool.Options{Now: func() time.Time { return time.Now().Add(ahead) }})
				f, err := os.Create(filepath.Join(s.Dir(), "drop", name))
				check(t, err)
				_, err = f.WriteString("target = \"203.0.113.7\"\n")
				check(t, err)
				f = between(t, f)
				q := lock(t, s)
				if got := claim(t, q, 9); len(got) != 0 {
					t.Fatalf("taken while its sender writes on: %+v", got[0].Job)
				}
				_, err = f.WriteString("protocol = \"tcp\"\nport = 443\n")
				check(t, err)
				check(t, f.Close())
				if got := claim(t, q, 9); len(got) != 0 {
					t.Errorf("taken at once: the next line may follow: %+v", got)
				}
				ahead = 3 * time.Second
				if got := claim(t, q, 9); len(got) != 1 || got[0].Job.Port != 443 {
					t.Errorf("claimed %+v, want one with port 443", got)
				}
			})
		}
	}
}

// TestJunkOfOneUser floods drop/ with files that are no jobs: another user's
// job is claimed while drop/ is looked through once, bad/ keeps some of the junk, and drop/ is empty in
// the end.
func TestJunkOfOneUser(t *testing.T) { junk(t, 3000) }

func junk(t *testing.T, n int) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to give files to other users")
	}
	var said notes
	s := open(t, spool.Options{Now: later, Note: said.add})
	for i := range n {
		name := filepath.Join(s.Dir(), "drop", fmt.Sprintf("a-%06d", i))
		switch i % 20 {
		case 0:
			check(t, os.Symlink("/etc/passwd", name))
			check(t, os.Lchown(name, 4301, -1))
			continue
		case 1:
			check(t, unix.Mkfifo(name, 0o644))
		default:
			check(t, os.WriteFile(name, []byte("junk"), 0o644))
		}
		check(t, os.Chown(name, 4301, -1))
	}
	put(t, s, "drop/z-good", "target = \"203.0.113.7\"\n")
	check(t, os.Chown(filepath.Join(s.Dir(), "drop", "z-good"), 4302, -1))
	q := lock(t, s)
	sweeps, found := 0, 0
	for ; sweeps == 0 || q.More(); sweeps++ {
		switch got := claim(t, q, 9); {
		case len(got) == 1 && got[0].Job.By == "uid 4302" && found == 0:
			found = sweeps + 1
		case len(got) > 0:
			t.Fatalf("claimed %v", got)
		}
		if sweeps > n {
			t.Fatal("there is no end to it")
		}
	}
	names, err := os.ReadDir(filepath.Join(s.Dir(), "drop"))
	check(t, err)
	bad, err := filepath.Glob(filepath.Join(s.Dir(), "bad", "*.foreign"))
	check(t, err)
	if len(names) != 0 || len(bad) != min(n, 1000) {
		t.Errorf("after %d sweeps drop/ holds %d files and bad/ %d; want none and %d", sweeps, len(names), len(bad), min(n, 1000))
	}
	if most := n/4096 + 1; found == 0 || found > most {
		t.Errorf("the good job came with sweep %d, want %d at most: one look through drop/", found, most)
	}
	last := said[len(said)-1]
	if n > 1000 && !strings.Contains(last.Text, "files of uid 4301 that are no jobs were removed, as 1000 of its files are in bad/") {
		t.Errorf("the last note is %+v", last)
	}
	t.Logf("%d files of junk took %d sweeps, the good job came with number %d", n, sweeps, found)
}

// TestTheRecipeOfTheDocs runs the recipe for senders in the shells that they
// have.
func TestTheRecipeOfTheDocs(t *testing.T) {
	recipe := docRecipe(t)
	for _, shell := range [][]string{{"busybox", "sh"}, {"dash"}, {"bash", "--posix"}} {
		if _, err := exec.LookPath(shell[0]); err != nil {
			t.Errorf("needs %s (tools/setup.sh test)", shell[0])
			continue
		}
		s := open(t, spool.Options{Now: later})
		cmd := exec.CommandContext(t.Context(), shell[0], append(slices.Clone(shell[1:]), "-eu")...)
		cmd.Stdin = strings.NewReader(strings.ReplaceAll(recipe, "/var/spool/mtrq", s.Dir()))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", shell, err, out)
		}
		got := claim(t, lock(t, s), 9)
		if len(got) != 1 || got[0].Job.Target != "203.0.113.7" || got[0].Job.Reason == "" {
			t.Errorf("%v: claimed %+v; files %v", shell, got, tree(t, s, nil))
		}
	}
}

// docRecipe is the shell recipe of docs/spool.md.
func docRecipe(t *testing.T) string {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "docs", "spool.md"))
	check(t, err)
	defer f.Close()
	var lines []string
	in := false
	for sc := bufio.NewScanner(f); sc.Scan(); {
		switch {
		case sc.Text() == "```sh recipe":
			in = true
		case in && sc.Text() == "```":
			return strings.Join(lines, "\n") + "\n"
		case in:
			lines = append(lines, sc.Text())
		}
	}
	t.Fatal("docs/spool.md has no sh recipe")
	return ""
}
