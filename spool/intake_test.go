package spool_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/mtrq/mtrq/spool"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

// later is a clock some seconds ahead: what was dropped just now is past its
// grace.
func later() time.Time { return time.Now().Add(5 * time.Second) }

func TestIntakeOfAForeignName(t *testing.T) {
	var said notes
	s := open(t, spool.Options{Note: said.add})
	before := time.Now().Add(-50 * time.Millisecond) // file times come from a coarse clock
	put(t, s, "drop/gz-edge.toml", "target = \"Edge.example\"\nid = \"x\"\nby = \"root\"\nreason = \"loss\"\n")
	claims := claim(t, lock(t, s), 9)
	if len(claims) != 1 {
		t.Fatalf("claimed %d, want 1; files %v", len(claims), tree(t, s, nil))
	}
	want := spool.Job{Target: "edge.example", Reason: "loss", Source: "drop", By: "uid 0", SentAs: "gz-edge.toml"}
	got := claims[0].Job
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(spool.Job{}, "ID", "Accepted")); diff != "" {
		t.Errorf("job (-want +got):\n%s", diff)
	}
	if got.Accepted.Before(before) || got.Accepted.After(time.Now()) || ulid.Timestamp(got.Accepted) != got.ID.Time() {
		t.Errorf("accepted %v with ID time %v: want when the file came", got.Accepted, ulid.Time(got.ID.Time()))
	}
	wantTree(t, s, map[ulid.ULID]string{got.ID: "A"}, "cur/A.job")
	if len(said) != 1 || said[0].What != spool.NoteIgnored || !strings.HasSuffix(said[0].Text, ": id, by") {
		t.Errorf("notes %+v: want the ignored keys id and by", said)
	}
}

func TestSubmitDropKeepsItsID(t *testing.T) {
	s := open(t, spool.Options{})
	id, err := s.SubmitDrop(t.Context(), spool.Job{Target: "203.0.113.7", Source: "cli", Reason: "loss"})
	check(t, err)
	wantTree(t, s, map[ulid.ULID]string{id: "A"}, "drop/A.job")
	if p, err := s.Where(id); err != nil || p.State != spool.StateDropped {
		t.Errorf("where: %+v, %v", p, err)
	}
	claims := claim(t, lock(t, s), 9)
	if len(claims) != 1 || claims[0].ID != id || claims[0].Job.Source != "drop" || claims[0].Job.SentAs != "" {
		t.Errorf("claims %+v, want %s from drop", claims, id)
	}
}

func TestIntakeRefuses(t *testing.T) {
	now := time.Now()
	old := ulid.MustNew(ulid.Timestamp(now.Add(-25*time.Hour)), ulid.DefaultEntropy()).String()
	used := ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy())
	done := ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy())
	fresh := ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()).String()
	good := "target = \"203.0.113.7\"\n"
	tests := map[string]struct {
		name   string
		make   func(t *testing.T, path string) error
		bad    string // pattern of the name in bad/
		reason string
	}{
		"wrong content":   {"x", write("target = 7\n"), "*.foreign", "x:1: target: is an integer"},
		"a name of lines": {"a\nb", write("target = 7\n"), "*.foreign", "drop/a b a b:1: target"},
		"empty":           {"x", write(""), "*.foreign", "target"},
		"too long":        {"x", write("# " + strings.Repeat("x", 1<<16)), "*.foreign", "is 65538 bytes long"},
		"symbolic link": {"x", func(t *testing.T, path string) error {
			return os.Symlink("/etc/hostname", path)
		}, "*.foreign", "is no regular file (a symbolic link)"},
		"FIFO":   {"x", func(t *testing.T, path string) error { return unix.Mkfifo(path, 0o644) }, "*.foreign", "is no regular file (a FIFO)"},
		"socket": {"x", func(t *testing.T, path string) error { return unix.Mknod(path, unix.S_IFSOCK|0o644, 0) }, "*.foreign", "is no regular file (a socket)"},
		"device": {"x", func(t *testing.T, path string) error {
			err := unix.Mknod(path, unix.S_IFCHR|0o644, int(unix.Mkdev(1, 3)))
			if errors.Is(err, unix.EPERM) {
				t.Skip("needs the right to make devices")
			}
			return err
		}, "*.foreign", "is no regular file (a device)"},
		"4 GiB of nothing": {"x", func(t *testing.T, path string) error {
			if err := os.WriteFile(path, []byte(good), 0o644); err != nil {
				return err
			}
			return os.Truncate(path, 4<<30)
		}, "*.foreign", "is 4294967296 bytes long"},
		"second link": {"x", func(t *testing.T, path string) error {
			other := filepath.Join(filepath.Dir(path), "..", "other")
			if err := os.WriteFile(other, []byte(good), 0o644); err != nil {
				return err
			}
			t.Cleanup(func() { check(t, os.Remove(other)) })
			return os.Link(other, path)
		}, "*.foreign", "has 2 links"},
		"ID of yesterday":   {old + ".job", write(good), "*.foreign", "25h0m"},
		"ID in the spool":   {used.String() + ".job", write(good), "*.foreign", "has an ID that is in use"},
		"ID in the archive": {done.String(), write(good), "*.foreign", "has an ID that is in use"},
		"own ID, no job":    {fresh + ".toml", write("target = 7\n"), fresh + ".foreign", "target: is an integer"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var said notes
			s := open(t, spool.Options{Now: later, Note: said.add})
			submit(t, s, spool.Job{Target: "203.0.113.8", ID: used})
			check(t, tt.make(t, filepath.Join(s.Dir(), "drop", tt.name)))
			claims, err := lock(t, s).Claim(func(id ulid.ULID) bool { return id == done }, 9)
			check(t, err)
			if len(claims) != 1 || claims[0].ID != used {
				t.Errorf("claimed %v, want only the job that was there", claims)
			}
			bad, err := filepath.Glob(filepath.Join(s.Dir(), "bad", tt.bad))
			check(t, err)
			if len(bad) != 1 {
				t.Fatalf("files %v, want one bad/%s", tree(t, s, nil), tt.bad)
			}
			reason := content(t, s, "bad/"+filepath.Base(bad[0])+".reason")
			if !strings.Contains(reason, tt.reason) || strings.Count(reason, "\n") != 1 {
				t.Errorf("reason %q, want one line with %q", reason, tt.reason)
			}
			if left, err := os.ReadDir(filepath.Join(s.Dir(), "drop")); err != nil || len(left) > 0 {
				t.Errorf("drop/ still holds %v, %v", left, err)
			}
			if diff := cmp.Diff([]spool.NoteKind{spool.NoteBad}, said.kinds()); diff != "" {
				t.Errorf("notes (-want +got):\n%s", diff)
			}
		})
	}
}

func write(content string) func(*testing.T, string) error {
	return func(_ *testing.T, path string) error { return os.WriteFile(path, []byte(content), 0o644) }
}

// TestIntakeOfWhatWaitedLong: whoever was accepted waits for as long as it
// takes; an ID is held against the time at which the file got it.
func TestIntakeOfWhatWaitedLong(t *testing.T) {
	now := time.Now()
	s := open(t, spool.Options{Now: func() time.Time { return now }})
	id, err := s.SubmitDrop(t.Context(), spool.Job{Target: "203.0.113.7"})
	check(t, err)
	now = now.Add(40 * 24 * time.Hour)
	got := claim(t, lock(t, s), 9)
	if len(got) != 1 || got[0].ID != id || now.Sub(got[0].Job.Accepted) < 39*24*time.Hour {
		t.Fatalf("claimed %+v, want %s, accepted 40 days ago; files %v", got, id, tree(t, s, nil))
	}
}

// TestIntakeOfAWrongClock: the files were dropped while the clock was ten days
// ahead. A report is found by its ID, so that of a new one must be of today; one that its sender was
// told keeps its time, and the report is of that day.
func TestIntakeOfAWrongClock(t *testing.T) {
	var said notes
	now := time.Now().Add(-10 * 24 * time.Hour)
	s := open(t, spool.Options{Now: func() time.Time { return now }, Note: said.add})
	named := time.Now()
	told := ulid.MustNew(ulid.Timestamp(named), ulid.DefaultEntropy())
	today := ulid.MustNew(ulid.Timestamp(now), ulid.DefaultEntropy()) // of a sender whose clock was right
	wrong := ulid.MustNew(ulid.Timestamp(named.Add(-5*24*time.Hour)), ulid.DefaultEntropy())
	put(t, s, "drop/x", "target = \"203.0.113.7\"\n")
	for _, id := range []ulid.ULID{told, today, wrong} {
		put(t, s, "drop/"+id.String()+".job", "target = \"203.0.113.8\"\n")
	}
	q := lock(t, s)
	if got := claim(t, q, 9); len(got) != 0 {
		t.Errorf("claimed %+v: its times tell nothing, and it was seen for the first time", got)
	}
	now = now.Add(3 * time.Second)
	claims := claim(t, q, 9)
	for _, c := range claims {
		id, accepted := ulid.Time(c.ID.Time()), c.Job.Accepted
		switch {
		case c.ID == told && accepted.Sub(named).Abs() < time.Second:
		case c.ID == today && accepted.Equal(now.Round(0)):
		case c.Job.SentAs == "x" && accepted.Equal(now.Round(0)) && id.Sub(now).Abs() < time.Second:
		default:
			t.Errorf("claimed %+v with an ID of %s, accepted %s; now is %s", c.Job, id, accepted, now)
		}
	}
	if len(claims) != 3 {
		t.Errorf("claimed %d, want 3; files %v", len(claims), tree(t, s, nil))
	}
	if len(said) != 1 || said[0].ID != wrong || !strings.Contains(said[0].Text, "has an ID whose time is 120h0m0s from when it got its name") {
		t.Errorf("notes %+v: want the ID of another day refused", said)
	}
}

// TestDirectoriesStay: they are no jobs, nobody but their owner could move
// them, and however many there are, they are noted once and call for nothing.
func TestDirectoriesStay(t *testing.T) {
	for _, n := range []int{1, 70, 1100} {
		var said notes
		s := open(t, spool.Options{Now: later, Note: said.add})
		for i := range n {
			check(t, os.Mkdir(filepath.Join(s.Dir(), "drop", fmt.Sprintf("a%04d", i)), 0o755))
		}
		put(t, s, "drop/x", "target = \"203.0.113.7\"\n")
		q := lock(t, s)
		got := claim(t, q, 9)
		for range 3 {
			if got = append(got, claim(t, q, 9)...); q.More() {
				t.Errorf("%d directories: there is more, want nothing", n)
			}
		}
		if len(got) != 1 {
			t.Errorf("%d directories: claimed %d, want the job beside them", n, len(got))
		}
		left, err := os.ReadDir(filepath.Join(s.Dir(), "drop"))
		check(t, err)
		bad, err := os.ReadDir(filepath.Join(s.Dir(), "bad"))
		check(t, err)
		noted := min(n, 1001) // the last of so many says that there are more
		if len(left) != n || len(bad) != 0 || len(said) != noted {
			t.Errorf("%d directories: drop/ holds %d, bad/ %d, %d notes; want %d, 0, %d", n, len(left), len(bad), len(said), n, noted)
		}
	}
}

// TestIntakeWithoutDrop: somebody has removed drop/. Accepted jobs are
// traced, and the log says what to do.
func TestIntakeWithoutDrop(t *testing.T) {
	var said notes
	s := open(t, spool.Options{Note: said.add})
	submit(t, s, spool.Job{Target: "203.0.113.7"})
	check(t, os.Remove(filepath.Join(s.Dir(), "drop")))
	q := lock(t, s)
	if got := claim(t, q, 9); len(got) != 1 {
		t.Errorf("claimed %d, want 1", len(got))
	}
	claim(t, q, 9)
	if len(said) != 1 || said[0].What != spool.NoteLeft || !strings.Contains(said[0].Text, "make it again") {
		t.Errorf("notes %+v: want one that says what to do", said)
	}
}

// TestIntakeLeavesTheUnfinished: hidden names are never taken, a file that is
// being written gets its grace, and what comes on top of a full disk waits.
func TestIntakeLeavesTheUnfinished(t *testing.T) {
	now := time.Now()
	s := open(t, spool.Options{Now: func() time.Time { return now }})
	put(t, s, "drop/.hidden", "target = \"203.0.113.7\"\n")
	put(t, s, "drop/.recipe.job", "target = \"203.0.113.7\"\n")
	dead := filepath.Join(s.Dir(), "drop", "."+ulid.Make().String()+".job") // of a sender that was killed
	check(t, write("target = \"203.0.")(t, dead))
	half := filepath.Join(s.Dir(), "drop", "half")
	check(t, write("target = \"203.0.")(t, half))
	q := lock(t, s)
	if got := claim(t, q, 9); len(got) != 0 {
		t.Errorf("claimed %d", len(got))
	}
	wantTree(t, s, nil, "drop/"+filepath.Base(dead), "drop/.hidden", "drop/.recipe.job", "drop/half")
	if settling, err := q.Drop(); !settling || err != nil {
		t.Errorf("drop/ stands at %v, %v: want one that will be taken", settling, err)
	}
	check(t, write("target = \"203.0.113.7\"\n")(t, half))
	now = now.Add(3 * time.Second)
	got := claim(t, q, 9)
	if len(got) != 1 {
		t.Fatalf("claimed %d after the file was finished, want 1", len(got))
	}
	wantTree(t, s, map[ulid.ULID]string{got[0].ID: "A"}, "cur/A.job", "drop/"+filepath.Base(dead), "drop/.hidden", "drop/.recipe.job")
	now = now.Add(time.Hour)
	claim(t, q, 9)
	wantTree(t, s, map[ulid.ULID]string{got[0].ID: "A"}, "cur/A.job", "drop/.hidden", "drop/.recipe.job")
}

func TestIntakeWaitsWhileFull(t *testing.T) {
	s := open(t, spool.Options{ReserveBytes: 1 << 62})
	put(t, s, "drop/x", "target = \"203.0.113.7\"\n")
	if got := claim(t, lock(t, s), 9); len(got) != 0 {
		t.Errorf("claimed %d", len(got))
	}
	wantTree(t, s, nil, "drop/x")
}

// TestIntakeAfterACrash finds a job in new/ and its file still in drop/, as a
// power cut between acceptance and removal leaves them.
func TestIntakeAfterACrash(t *testing.T) {
	for _, name := range []string{"gz-edge", ulid.Make().String() + ".job", "a\nb", "Caf\xe9.toml"} {
		t.Run(name, func(t *testing.T) {
			s := open(t, spool.Options{})
			path := filepath.Join(s.Dir(), "drop", name)
			put(t, s, "drop/"+name, "target = \"203.0.113.7\"\n")
			q, err := s.Lock()
			check(t, err)
			_, err = q.Recover(noReports)
			check(t, err)
			if got, err := q.TakeInOnly(path); err != nil || got != 1 {
				t.Fatalf("took in %d, %v", got, err)
			}
			check(t, q.Close())
			before := tree(t, s, nil)
			if len(before) != 2 {
				t.Fatalf("files %v, want the job in new/ and in drop/", before)
			}
			got := claim(t, lock(t, s), 9)
			if len(got) != 1 {
				t.Fatalf("claimed %d jobs, want the one; files %v", len(got), tree(t, s, nil))
			}
			wantTree(t, s, map[ulid.ULID]string{got[0].ID: "A"}, "cur/A.job")
		})
	}
}

func TestSubmitDropNeedsRights(t *testing.T) {
	s := open(t, spool.Options{})
	id := submit(t, s, spool.Job{Target: "203.0.113.7"})
	reachable(t, filepath.Dir(s.Dir()))
	out := asNobody(t, "denied", s.Dir(), id.String())
	for what, want := range map[string]string{
		"submit": `submit: .*permission denied`,
		"drop":   `drop: .*permission denied: only members of the group mtrq-drop`,
		"where":  `where: .*permission denied: .*run this as the user of the spool`,
	} {
		if !regexp.MustCompile(want).MatchString(out) {
			t.Errorf("%s: got\n%s\nwant a line like %q", what, out, want)
		}
	}
}
