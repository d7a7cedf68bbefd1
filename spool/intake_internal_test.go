package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

// seenFS tells of some calls before they are made; they fail with what it
// gets back.
type seenFS struct {
	fsys
	before func(op, path string) error
}

func (f seenFS) list(path string) ([]string, error) {
	if err := f.before("list", path); err != nil {
		return nil, err
	}
	return f.fsys.list(path)
}

func (f seenFS) lstat(path string) (unix.Stat_t, error) {
	if err := f.before("lstat", path); err != nil {
		return unix.Stat_t{}, err
	}
	return f.fsys.lstat(path)
}

func (f seenFS) move(from, to string) error {
	if err := f.before("move", from); err != nil {
		return err
	}
	return f.fsys.move(from, to)
}

func (f seenFS) syncDir(path string) error {
	if err := f.before("sync", path); err != nil {
		return err
	}
	return f.fsys.syncDir(path)
}

// memSpool is a spool in memory with a clock that stands still, and its
// recovered queue.
func memSpool(t *testing.T, before func(op, path string) error) (*memFS, *Queue, *[]Note) {
	t.Helper()
	now := time.Date(2026, 11, 23, 14, 0, 0, 0, time.UTC)
	m := newMemFS(rand.New(rand.NewPCG(1, 1)), func() time.Time { return now })
	var notes []Note
	s := &Spool{
		dir: "/", fs: seenFS{&memProc{memFS: m, left: -1}, before}, parallel: 1,
		opt: Options{Now: func() time.Time { return now }, Note: func(n Note) { notes = append(notes, n) }},
	}
	q := &Queue{s: s, held: map[ulid.ULID]*Claim{}, batches: map[ulid.ULID]*heldBatch{}}
	if _, err := q.Recover(nobody); err != nil {
		t.Fatal(err)
	}
	return m, q, &notes
}

func nobody(ulid.ULID) bool { return false }

// dropMem puts a file into drop/ that got its name half a minute ago and its
// content before that.
func dropMem(t *testing.T, m *memFS, name, content string, uid uint32) {
	t.Helper()
	n, err := m.create("/drop/"+name, 0o644, []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	n.uid, n.mtime, n.ctime = uid, n.mtime.Add(-time.Minute), n.ctime.Add(-time.Minute/2)
}

func claimMem(t *testing.T, q *Queue) []*Claim {
	t.Helper()
	claims, err := q.Claim(nobody, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return claims
}

const goodJob = "target = \"203.0.113.7\"\n"

// TestASweepListsOnce: how many files lie in drop/ does not change how often
// the other directories are listed.
func TestASweepListsOnce(t *testing.T) {
	lists := map[string]int{}
	m, q, _ := memSpool(t, func(op, path string) error {
		if op == "list" {
			lists[path]++
		}
		return nil
	})
	const files = 600
	for i := range files {
		dropMem(t, m, fmt.Sprintf("x%d", i), goodJob, 1)
	}
	clear(lists) // those of the recovery
	if got := claimMem(t, q); len(got) != files {
		t.Errorf("claimed %d, want %d", len(got), files)
	}
	want := map[string]int{"/new": 3, "/cur": 1, "/bad": 1} // /new by the claim, too, and once to see whose jobs wait there
	if diff := cmp.Diff(want, lists); diff != "" {
		t.Errorf("listings (-want +got):\n%s", diff)
	}
}

// TestBatchesOfASweep: a file whose name is an ID of a batch is refused,
// wherever the batch lies, and nothing else of that millisecond is.
func TestBatchesOfASweep(t *testing.T) {
	m, q, _ := memSpool(t, func(string, string) error { return nil })
	ids, err := q.s.SubmitBatch(t.Context(), Job{Source: "cli"}, []string{"203.0.113.8", "203.0.113.9"})
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []string{"waits", "is claimed"} {
		other := ids[0]
		other[15] ^= 0x55
		other[6] ^= byte(len(state))
		dropMem(t, m, ids[1].String()+".job", goodJob, 1)
		dropMem(t, m, other.String()+".job", goodJob, 1)
		claims := claimMem(t, q)
		if !slices.ContainsFunc(claims, func(c *Claim) bool { return c.ID == other && c.Job.Source == "drop" }) {
			t.Errorf("while the batch %s: claimed %v, want %s of drop/ too", state, claims, other)
		}
		if slices.ContainsFunc(claims, func(c *Claim) bool { return c.ID == ids[1] && c.Job.Source == "drop" }) {
			t.Errorf("while the batch %s: the ID of one of its lines was taken", state)
		}
	}
	bad := 0
	for name := range m.live["/bad"] {
		if strings.HasSuffix(name, ".foreign") {
			bad++
		}
	}
	if bad != 2 {
		t.Errorf("%d files in bad/, want the 2 whose ID was in use: %v", bad, m.live["/bad"])
	}
}

// TestAFloodIsLookedAtInParts: a sweep looks at one part of drop/, whatever lies there. The job of
// another user waits for at most one pass, and a flood that may not be taken calls for no sweep
// of its own.
func TestAFloodIsLookedAtInParts(t *testing.T) {
	looks := 0
	m, q, notes := memSpool(t, func(op, path string) error {
		if op == "lstat" && strings.HasPrefix(path, "/drop/") {
			looks++
		}
		return nil
	})
	const flood = 5 * maxPart
	for i := range flood {
		dropMem(t, m, fmt.Sprintf("a%06d", i), goodJob, 1)
	}
	dropMem(t, m, "z", goodJob, 2)
	for range maxOpen { // of it no more may be taken
		q.senders.took(1, ulid.Make())
	}
	found := -1
	sweeps := 0
	for more := true; more; sweeps++ {
		looks = 0
		for _, c := range claimMem(t, q) {
			if c.Job.By != "uid 2" {
				t.Fatalf("claimed a job of %s, of whom too many are on their way", c.Job.By)
			}
			found = sweeps
		}
		if looks > maxPart+1 {
			t.Fatalf("sweep %d looked at %d files, want at most a part (%d)", sweeps, looks, maxPart)
		}
		if more = q.More(); sweeps > 100 {
			t.Fatal("there is no end to it")
		}
	}
	if last := flood / maxPart; found < 0 || found > last {
		t.Errorf("the job of another was found by sweep %d, want by sweep %d", found, last)
	}
	if sweeps < 5 || len(*notes) != 1 || !strings.Contains((*notes)[0].Text, "of uid 1 are on their way") {
		t.Errorf("%d sweeps, notes %+v", sweeps, *notes)
	}
	clear(q.senders.open)
	for range 100 { // and in the end all that may be is taken
		if claimMem(t, q); !q.More() {
			break
		}
	}
	if n := len(q.senders.open[1]); n != maxOpen {
		t.Errorf("%d jobs of the flood were taken, want %d", n, maxOpen)
	}
}

// TestPartsOfARealDirectory: each name comes, none twice in a part, while
// others go.
func TestPartsOfARealDirectory(t *testing.T) {
	dir := t.TempDir()
	const files = 3000
	for i := range files {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d-%s", i, strings.Repeat("x", 40))), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]bool{}
	parts := 0
	for at := int64(0); at != 0 || parts == 0; parts++ {
		p, err := disk{}.listPart(dir, at, 500)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range p.names {
			seen[name] = true
			if err := os.Remove(filepath.Join(dir, name)); err != nil { // as a sweep does with what it takes
				t.Fatal(err)
			}
		}
		at = p.next
	}
	// A filesystem that counts entries misses some when others go: those come with the next pass.
	rest, err := os.ReadDir(dir)
	if err != nil || len(seen)+len(rest) != files || len(seen) < files/2 || parts < 2 {
		t.Errorf("%d names in %d parts, %d left, %v; want %d", len(seen), parts, len(rest), err, files)
	}
}

// TestAHalfWrittenIDIsNotTaken: a name that is a ULID says nothing of
// whether its sender is done.
func TestAHalfWrittenIDIsNotTaken(t *testing.T) {
	m, q, _ := memSpool(t, func(string, string) error { return nil })
	id, err := q.s.newID()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.create("/drop/"+id.String()+".job", 0o644, []byte(goodJob)); err != nil {
		t.Fatal(err)
	}
	if got := claimMem(t, q); len(got) != 0 {
		t.Errorf("taken while it was being written: %v", got)
	}
	// Ours says that it is whole, whoever saw the rename.
	own, err := q.s.SubmitDrop(t.Context(), Job{Target: "203.0.113.7"})
	if err != nil {
		t.Fatal(err)
	}
	if got := claimMem(t, q); len(got) != 1 || got[0].ID != own {
		t.Errorf("claimed %v, want the job of SubmitDrop at once", got)
	}
}

// TestBackdate: the content of a real file is old enough at once.
func TestBackdate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	before, err := disk{}.lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := (disk{}).backdate(path); err != nil {
		t.Fatal(err)
	}
	after, err := disk{}.lstat(path)
	if err != nil || after.Mtim.Sec != before.Mtim.Sec-2 || after.Mtim.Nsec != before.Mtim.Nsec {
		t.Errorf("content of %v, was %v, %v; want 2 s less", after.Mtim, before.Mtim, err)
	}
}

// TestWhatCannotBeMovedLeavesNothing: files that cannot follow their reasons
// into bad/ leave none there, and do not call for one sweep after the other.
func TestWhatCannotBeMovedLeavesNothing(t *testing.T) {
	m, q, notes := memSpool(t, func(op, path string) error {
		if op == "move" && strings.HasPrefix(path, "/drop/fixed") {
			return &fs.PathError{Op: "rename", Path: path, Err: syscall.EACCES}
		}
		return nil
	})
	const files = maxAside + 6
	for i := range files {
		dropMem(t, m, fmt.Sprintf("fixed%d", i), "no job", 1)
	}
	for range 3 {
		if got := claimMem(t, q); len(got) != 0 || q.More() {
			t.Fatalf("claimed %v, more %v: want nothing and no more", got, q.More())
		}
	}
	if len(m.live["/bad"]) > 0 || len(m.live["/drop"]) != files {
		t.Errorf("bad/ holds %d files, drop/ %d; want 0 and %d", len(m.live["/bad"]), len(m.live["/drop"]), files)
	}
	if len(*notes) != maxAside || (*notes)[0].What != NoteLeft {
		t.Errorf("%d notes, the first %+v; want one for each that was tried", len(*notes), (*notes)[0])
	}
}

// TestBadIsDurableFirst: what a sweep moves to bad/ is durable there, with
// its reason, before it is in drop/ no more.
func TestBadIsDurableFirst(t *testing.T) {
	var synced []string
	m, q, _ := memSpool(t, func(op, path string) error {
		if op == "sync" {
			synced = append(synced, strings.Trim(path, "/"))
		}
		return nil
	})
	dropMem(t, m, "good", goodJob, 1)
	dropMem(t, m, "wrong", "target = 7\n", 1)
	synced = nil
	q.intake(nobody)
	if diff := cmp.Diff([]string{"new", "tmp", "bad", "drop"}, synced); diff != "" {
		t.Errorf("synced (-want +got):\n%s", diff)
	}
}

// TestDropKeepsNobodyBack: what is wrong with drop/ is noted, and accepted jobs are claimed. What
// was taken in is not, as long as its file could come back.
func TestDropKeepsNobodyBack(t *testing.T) {
	sick := ""
	m, q, notes := memSpool(t, func(op, path string) error {
		if op == sick && strings.Trim(path, "/") == "drop" {
			return &fs.PathError{Op: op, Path: path, Err: syscall.EIO}
		}
		return nil
	})
	q.s.fs = brokenParts{q.s.fs, &sick}
	submit := func() {
		if _, err := q.s.Submit(t.Context(), Job{Target: "203.0.113.8"}); err != nil {
			t.Fatal(err)
		}
	}
	sick = "listPart"
	for range 2 {
		submit()
		if got := claimMem(t, q); len(got) != 1 {
			t.Errorf("claimed %d while drop/ could not be listed, want 1", len(got))
		}
	}
	if len(*notes) != 1 || (*notes)[0].What != NoteLeft || (*notes)[0].File != "drop/" {
		t.Errorf("notes %+v: want one, of drop/", *notes)
	}
	sick = ""
	dropMem(t, m, "x", goodJob, 1)
	sick = "sync"
	submit()
	for range 2 {
		if got := claimMem(t, q); slices.ContainsFunc(got, func(c *Claim) bool { return c.Job.Source == "drop" }) {
			t.Errorf("claimed %v: the file of one of them could come back", got)
		}
	}
	if n := len(q.held); n != 3 {
		t.Errorf("%d jobs were claimed that came another way, want 3", n)
	}
	if _, err := q.Drop(); err == nil || !strings.Contains(err.Error(), "1 of the files in drop/ cannot be taken; drop/x: is taken in and removed") {
		t.Errorf("what is wrong with drop/: %v", err)
	}
	sick = ""
	if got := claimMem(t, q); len(got) != 1 {
		t.Errorf("claimed %d after drop/ was well again, want 1", len(got))
	}
	if claimMem(t, q); len(*notes) != 2 {
		t.Errorf("notes %+v: want one of drop/ and one of x", *notes)
	}
	if settling, err := q.Drop(); settling || err != nil {
		t.Errorf("drop/ is well again, and said to be %v, %v", settling, err)
	}
}

// brokenParts cannot list in parts while sick is "listPart".
type brokenParts struct {
	fsys
	sick *string
}

func (f brokenParts) listPart(path string, at int64, n int) (part, error) {
	if *f.sick == "listPart" {
		return part{}, errors.New("no such drop/")
	}
	return f.fsys.listPart(path, at, n)
}
