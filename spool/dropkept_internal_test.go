package spool

import (
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

// next is the queue of the next runner on the same spool.
func (q *Queue) next(t *testing.T) *Queue {
	t.Helper()
	n := &Queue{s: q.s, held: map[ulid.ULID]*Claim{}, batches: map[ulid.ULID]*heldBatch{}}
	if _, err := n.Recover(nobody); err != nil {
		t.Fatal(err)
	}
	return n
}

func sentAs(claims []*Claim) (names []string) {
	for _, c := range claims {
		names = append(names, c.Job.SentAs)
	}
	slices.Sort(names)
	return names
}

// stickyFS removes no file of strangers whose path begins so.
type stickyFS struct {
	fsys
	prefix *string
}

func (f stickyFS) removeSame(path string, d *foreign) error {
	if strings.HasPrefix(path, *f.prefix) {
		return &fs.PathError{Op: "unlink", Path: path, Err: syscall.EPERM}
	}
	return f.fsys.removeSame(path, d)
}

// TestFilesThatCannotBeRemoved keep nobody else's job from being traced, are
// told of once, and come when they can be removed, or somebody has done so.
func TestFilesThatCannotBeRemoved(t *testing.T) {
	fixed := "/drop/fixed"
	m, q, notes := memSpool(t, func(string, string) error { return nil })
	q.s.fs = stickyFS{q.s.fs, &fixed}
	for _, name := range []string{"a", "fixed1", "fixed2", "z"} {
		dropMem(t, m, name, goodJob, 1)
	}
	if got := sentAs(claimMem(t, q)); !slices.Equal(got, []string{"a", "z"}) {
		t.Errorf("claimed %q, want a and z", got)
	}
	for range 3 {
		if got := sentAs(claimMem(t, q)); len(got) > 0 || q.More() {
			t.Errorf("claimed %q, more %v: their files are still in drop/", got, q.More())
		}
	}
	if len(*notes) != 2 || !strings.Contains((*notes)[0].Text, "drop/ must belong to the user who runs the node") {
		t.Errorf("notes %+v: want one of each", *notes)
	}
	want := "2 of the files in drop/ cannot be taken; drop/fixed1: is taken in and cannot be removed, so its job waits in new/: "
	if _, err := q.Drop(); err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("drop/ stands at %v, want %q", err, want)
	}
	// The next runner knows nothing of that, and looks itself.
	q = q.next(t)
	if got := sentAs(claimMem(t, q)); !slices.Equal(got, []string{"a", "z"}) { // what the last one had in hand
		t.Errorf("the next runner claimed %q, want a and z", got)
	}
	if err := m.unlink("/drop/fixed2"); err != nil {
		t.Fatal(err)
	}
	if got := sentAs(claimMem(t, q)); !slices.Equal(got, []string{"fixed2"}) {
		t.Errorf("claimed %q after somebody removed its file, want fixed2", got)
	}
	n, _, err := m.node("/drop/fixed1")
	if err != nil {
		t.Fatal(err)
	}
	n.ctime = n.ctime.Add(time.Second) // by chattr, to mend it
	fixed = "nothing"
	if got := sentAs(claimMem(t, q)); !slices.Equal(got, []string{"fixed1"}) {
		t.Errorf("claimed %q when it could be removed, want fixed1", got)
	}
	if _, err := q.Drop(); err != nil || len(m.live["/drop"])+len(m.live["/bad"])+len(q.kept) > 0 {
		t.Errorf("drop/ stands at %v and holds %v; bad/ %v; held back %v", err, m.live["/drop"], m.live["/bad"], q.kept)
	}
}

// TestDropThatNobodyEmpties is not copied file by file into new/.
func TestDropThatNobodyEmpties(t *testing.T) {
	m, q, _ := memSpool(t, func(string, string) error { return nil })
	all := "/drop/"
	q.s.fs = stickyFS{q.s.fs, &all}
	for i := range 3 * maxCommit {
		dropMem(t, m, fmt.Sprintf("x%d", i), goodJob, 1)
	}
	for range 4 {
		if got := claimMem(t, q); len(got) > 0 {
			t.Fatalf("claimed %v", got)
		}
	}
	if n := len(m.live["/new"]); n > maxCommit {
		t.Errorf("%d files in new/, want at most one commit of %d", n, maxCommit)
	}
}

// TestClaimLooksIntoDrop: a runner died between acceptance and removal, and
// the next one cannot look through drop/: each job is traced once all the same.
func TestClaimLooksIntoDrop(t *testing.T) {
	sick := ""
	m, q, _ := memSpool(t, func(string, string) error { return nil })
	q.s.fs = brokenParts{q.s.fs, &sick}
	id, err := q.s.newID()
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"x", id.String() + ".toml", "a\nb", "Caf\xe9.toml", `"c\nd"`, `"\x00"`, `"..\x2fnew\n"`, strings.Repeat("\xff", 255)}
	for _, name := range names {
		dropMem(t, m, name, goodJob, 1)
		if n, err := q.TakeInOnly("/drop/" + name); err != nil || n != 1 {
			t.Fatalf("took in %d, %v", n, err)
		}
	}
	sick = "listPart"
	q = q.next(t)
	if got := claimMem(t, q); len(got) != len(names) || len(m.live["/drop"]) > 0 {
		t.Errorf("claimed %d, drop/ holds %v", len(got), m.live["/drop"])
	}
	sick = ""
	if got := claimMem(t, q); len(got) != 0 || len(m.live["/bad"]) > 0 {
		t.Errorf("claimed %v once more; bad/ holds %v", got, m.live["/bad"])
	}
}

// TestDeadIntake: what a runner that died was copying is in nobody's way, not
// even where it could not be removed, and however young it is.
func TestDeadIntake(t *testing.T) {
	m, q, notes := memSpool(t, func(string, string) error { return nil })
	for _, when := range []string{"recovery", "the sweep"} {
		id, err := q.s.newID()
		if err != nil {
			t.Fatal(err)
		}
		left := func() {
			if _, err := m.create("/tmp/"+fileName(id, 0, kindIntake), 0o600, []byte("target =")); err != nil {
				t.Fatal(err)
			}
		}
		if when == "recovery" {
			left()
			q = q.next(t)
		} else {
			left()
		}
		dropMem(t, m, id.String()+".job", goodJob, 1)
		if got := claimMem(t, q); len(got) != 1 || got[0].ID != id {
			t.Errorf("before %s: claimed %v, want %s", when, got, id)
		}
		if len(*notes) > 0 || len(m.live["/tmp"]) > 0 {
			t.Errorf("before %s: notes %+v, tmp/ holds %v", when, *notes, m.live["/tmp"])
		}
	}
}

// TestOpenJobsOutliveTheirRunner: how many jobs of a user are on their way
// does not begin anew with each runner.
func TestOpenJobsOutliveTheirRunner(t *testing.T) {
	m, q, notes := memSpool(t, func(string, string) error { return nil })
	flood := func(from int) {
		for i := range maxOpen + 100 {
			dropMem(t, m, fmt.Sprintf("a%06d", from+i), goodJob, 1)
		}
	}
	sweep := func(limit int) {
		for range 100 {
			if _, err := q.Claim(nobody, limit); err != nil {
				t.Fatal(err)
			}
			if !q.More() {
				break
			}
		}
	}
	flood(0)
	sweep(0)
	if n := len(m.live["/new"]); n != maxOpen {
		t.Fatalf("%d jobs taken in, want %d", n, maxOpen)
	}
	q = q.next(t)
	flood(maxOpen * 2)
	dropMem(t, m, "z", goodJob, 2)
	sweep(0)
	if n := len(m.live["/new"]); n != maxOpen+1 {
		t.Errorf("%d jobs on their way under the next runner, want %d and the one of another", n, maxOpen)
	}
	// Those that are claimed meanwhile count once, and those that ended no more.
	claims, err := q.Claim(nobody, 50)
	if err != nil || len(claims) != 50 {
		t.Fatalf("claimed %d, %v", len(claims), err)
	}
	for _, c := range claims {
		if err := c.Finish(); err != nil {
			t.Fatal(err)
		}
	}
	sweep(0)
	if n := len(q.senders.open[1]) + len(q.senders.open[2]); n != maxOpen && n != maxOpen+1 {
		t.Errorf("%d are counted, want %d or one more", n, maxOpen)
	}
	if len(*notes) != 2 { // once by each runner
		t.Errorf("notes %+v", *notes)
	}
}
