package spool

import (
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

// privateFS may not read strangers' files whose names say so, and finds a second link to others.
type privateFS struct{ fsys }

func (f privateFS) foreign(path string) (*foreign, error) {
	if strings.Contains(path, "private") {
		return nil, &fs.PathError{Op: "open", Path: path, Err: syscall.EACCES}
	}
	d, err := f.fsys.foreign(path)
	if err == nil && strings.Contains(path, "linked") {
		d.stat.Nlink = 2
	}
	return d, err
}

// fullBad is a spool of whose bad/ user 1 has filled its share.
func fullBad(t *testing.T) (*memFS, *Queue, *[]Note) {
	t.Helper()
	m, q, notes := memSpool(t, func(string, string) error { return nil })
	q.s.fs = privateFS{q.s.fs}
	for range maxForeign {
		n, err := m.create("/bad/"+fileName(ulid.Make(), 0, kindForeign), 0o644, nil)
		if err != nil {
			t.Fatal(err)
		}
		n.uid = 1
	}
	return m, q, notes
}

// emptyBad is what an operator does who has looked through it.
func emptyBad(t *testing.T, m *memFS) {
	t.Helper()
	for _, name := range slices.Collect(maps.Keys(m.live["/bad"])) {
		if err := m.unlink("/bad/" + name); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNoJobIsRemoved: once a user's share of bad/ is full, what is a job, or may be one, stays in
// drop/, and goes to bad/ as soon as there is room.
func TestNoJobIsRemoved(t *testing.T) {
	old := ulid.MustNew(ulid.Timestamp(time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)), ulid.DefaultEntropy())
	tests := map[string]struct {
		name func(used ulid.ULID) string
		why  string
	}{
		"not readable":      {func(ulid.ULID) string { return "private" }, "may not be read"},
		"second link":       {func(ulid.ULID) string { return "linked" }, "has 2 links"},
		"ID of another day": {func(ulid.ULID) string { return old.String() + ".job" }, "has an ID whose time is"},
		"ID in use":         {func(used ulid.ULID) string { return used.String() + ".toml" }, "has an ID that is in use"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m, q, notes := fullBad(t)
			used, err := q.s.Submit(t.Context(), Job{Target: "203.0.113.8"})
			if err != nil {
				t.Fatal(err)
			}
			claimMem(t, q)
			file := tt.name(used)
			dropMem(t, m, file, goodJob, 1)
			for range 3 {
				if got := claimMem(t, q); len(got) > 0 || q.More() {
					t.Fatalf("claimed %v, more %v", got, q.More())
				}
			}
			if len(m.live["/drop"]) != 1 || len(m.live["/bad"]) != maxForeign {
				t.Fatalf("drop/ holds %v, bad/ %d files; want it left where it is", m.live["/drop"], len(m.live["/bad"]))
			}
			if len(*notes) != 1 || (*notes)[0].What != NoteLeft || !strings.Contains((*notes)[0].Text, tt.why) {
				t.Errorf("notes %+v: want one that it is left", *notes)
			}
			want := "1 of the files in drop/ cannot be taken; drop/" + file + ": " + tt.why
			if _, err := q.Drop(); err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), "1000 files of uid 1 are in bad/") {
				t.Errorf("drop/ stands at %v, want %q and what is in bad/", err, want)
			}
			emptyBad(t, m)
			claimMem(t, q)
			if _, err := q.Drop(); err != nil || len(m.live["/drop"]) != 0 || len(m.live["/bad"]) != 2 {
				t.Errorf("with room in bad/ drop/ stands at %v and holds %v; bad/ holds %v", err, m.live["/drop"], m.live["/bad"])
			}
		})
	}
}

// TestRemovedIsCounted: what is no job of a user whose share of bad/ is full is removed, and the
// log has how many, at most once a minute and before the runner ends.
func TestRemovedIsCounted(t *testing.T) {
	m, q, notes := fullBad(t)
	now := q.s.now()
	q.s.opt.Now = func() time.Time { return now }
	junk := func(names ...string) {
		t.Helper()
		for _, name := range names {
			dropMem(t, m, name, "no job", 1)
		}
		claimMem(t, q)
		if len(m.live["/drop"]) > 0 {
			t.Fatalf("drop/ holds %v", m.live["/drop"])
		}
	}
	junk("a", "b")
	junk("c")
	junk("d", "e")
	now = now.Add(time.Minute)
	junk()
	junk()
	junk("f")
	q.tellRemoved(true)
	want := []string{"2 files.*drop/b, b:1: no valid TOML", "3 files.*drop/e, e:1: no valid TOML", "1 files.*drop/f, f:1: no valid TOML"}
	for i, n := range *notes {
		if i >= len(want) || n.What != NoteRemoved || !regexp.MustCompile("^"+want[i]).MatchString(n.Text) {
			t.Errorf("note %d is %+v, want of %q", i, n, want)
		}
	}
	if len(*notes) != len(want) {
		t.Errorf("%d notes, want %d", len(*notes), len(want))
	}
}

// TestEmptyBadIsSeen: who empties bad/ need not wait until files go there again.
func TestEmptyBadIsSeen(t *testing.T) {
	m, q, _ := fullBad(t)
	dropMem(t, m, "a", "no job", 1)
	claimMem(t, q)
	emptyBad(t, m)
	for _, name := range []string{"b", "c"} {
		dropMem(t, m, name, "no job", 1)
	}
	if claimMem(t, q); len(m.live["/bad"]) != 4 || len(m.live["/drop"]) != 0 {
		t.Errorf("bad/ holds %v, drop/ %v; want two files with their reasons", m.live["/bad"], m.live["/drop"])
	}
}

// TestJunkThatWasReplaced is what its sender put in its place after it was read: that is not removed.
func TestJunkThatWasReplaced(t *testing.T) {
	m, q, _ := fullBad(t)
	dropMem(t, m, "a", "no job", 1)
	replaced := false
	q.s.fs = seenFS{q.s.fs, func(op, path string) error {
		if op == "lstat" && path == "/drop/a" && !replaced {
			replaced = true
			if err := m.unlink(path); err != nil {
				t.Fatal(err)
			}
			dropMem(t, m, "a", goodJob, 1)
		}
		return nil
	}}
	if got := append(claimMem(t, q), claimMem(t, q)...); !replaced || len(got) != 1 {
		t.Errorf("claimed %v, want the job that came later; replaced %v", got, replaced)
	}
}

// TestOwnLeftFilesHoldNobodyUp: however many files of a user stay in drop/, a good one of it comes.
func TestOwnLeftFilesHoldNobodyUp(t *testing.T) {
	m, q, _ := fullBad(t)
	for i := range 2 * maxSweep {
		dropMem(t, m, fmt.Sprintf("private%06d", i), goodJob, 1)
	}
	dropMem(t, m, "z", goodJob, 1)
	for range 100 {
		if got := claimMem(t, q); len(got) == 1 && got[0].Job.SentAs == "z" {
			return
		}
	}
	t.Error("100 sweeps, and it was not taken")
}
