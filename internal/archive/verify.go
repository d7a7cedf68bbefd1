package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

// A FindingKind says what is wrong, and with that whether Mend knows help.
type FindingKind string

const (
	Unreadable   FindingKind = "unreadable"  // a report, zip or incident that cannot be read; Mend leaves it
	Newer        FindingKind = "newer"       // written by a newer mtrq; not checked
	Doubled      FindingKind = "doubled"     // a request that two reports name; Mend leaves it
	Misnamed     FindingKind = "misnamed"    // a report whose name does not fit what it holds
	NoText       FindingKind = "no text"     // a report without its .txt
	NotListed    FindingKind = "not listed"  // a request without its line of the day
	NotByTarget  FindingKind = "no target"   // a request without its line by target
	WrongLine    FindingKind = "wrong line"  // a second line, or one that does not say what its report does
	Dangling     FindingKind = "dangling"    // a line without its report
	DamagedIndex FindingKind = "damaged"     // an index with lines that cannot be read
	Leftover     FindingKind = "leftover"    // what a crash has left
	Strange      FindingKind = "strange"     // none of ours; Mend leaves it
	Misplaced    FindingKind = "misplaced"   // an incident under another day than that of its opening; Mend leaves it
	Unfinished   FindingKind = "unfinished"  // a prune that died
	DeadWriter   FindingKind = "writer died" // reports may be without lines
)

// Finding is one thing that is wrong.
type Finding struct {
	Kind   FindingKind `json:"kind"`
	Path   string      `json:"path"` // below the archive
	Detail string      `json:"detail,omitempty"`

	day   Date   // to reindex; zero: none
	month string // "2026-11", the same of targets
	file  string // of a report, below its day
}

// Verified counts what Verify has looked at.
type Verified struct {
	Days      int
	Reports   int
	Requests  int
	Targets   int // files by target
	Incidents int
	Findings  int
}

// A verifier checks an archive, month by month.
type verifier struct {
	a     *Archive
	t     *tree
	tell  func(Finding)
	since Date
	done  Verified

	lock     *os.File
	requests map[ulid.ULID]kept // of the month that is being checked
	last     []map[ulid.ULID]kept
}

// kept is where a request's report lies, and under which target.
type kept struct {
	day    Date
	file   string
	target string // a dirName
}

// Verify reads every report of the days from since on (zero: all) and checks
// that it can be read and has the right name, and that each of its requests
// is named in no other report and has exactly one line of the day and one by
// target; and that there is no line, and nothing else, that has no business
// there. Reports in zips are held to their checksums. tell gets each
// finding. Writers may be at work meanwhile: what they have not finished is
// no finding.
func (a *Archive) Verify(ctx context.Context, since Date, tell func(Finding)) (Verified, error) {
	t, err := a.open()
	if err != nil {
		return Verified{}, ignoreMissing(err)
	}
	v := &verifier{a: a, t: t, since: since}
	v.tell = func(f Finding) { v.done.Findings++; tell(f) }
	if v.lock, err = openFile(t.root, infoName); err != nil {
		return Verified{}, fmt.Errorf("verify archive %s: %w", a.dir, err)
	}
	defer v.lock.Close() // only locked
	if err := v.all(ctx); err != nil {
		return v.done, fmt.Errorf("verify archive %s: %w", a.dir, err)
	}
	return v.done, nil
}

func (v *verifier) all(ctx context.Context) error {
	if err := v.top(); err != nil {
		return err
	}
	days, err := v.a.Days()
	if err != nil {
		return err
	}
	byMonth := map[string][]Date{}
	for _, day := range days {
		if day.Compare(v.since) >= 0 {
			month := day.String()[:len("2026-11")]
			byMonth[month] = append(byMonth[month], day)
		}
	}
	files := v.t.targetFiles()
	for month := range files { // of which no day is left
		if _, ok := byMonth[month]; !ok && month >= v.since.String()[:len("2026-11")] {
			byMonth[month] = nil
		}
	}
	for _, month := range slices.Sorted(maps.Keys(byMonth)) {
		v.requests = map[ulid.ULID]kept{}
		of := byMonth[month]
		slices.Reverse(of)
		for _, day := range of {
			if err := v.day(ctx, day); err != nil {
				return fmt.Errorf("%s: %w", day, err)
			}
			v.done.Days++
		}
		if err := v.month(ctx, month, files[month]); err != nil {
			return fmt.Errorf("%s: %w", month, err)
		}
	}
	return nil
}

// top looks at the archive's own directory.
func (v *verifier) top() error {
	entries, err := readDir(v.t.root, ".")
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := e.Name()
		_, _, isTrash := trashOf(name)
		switch {
		case name == infoName, name == "target" && e.IsDir(), e.IsDir() && len(name) == 4 && strings.Trim(name, "0123456789") == "":
		case strings.HasPrefix(name, markPrefix):
			if v.died(name) {
				v.tell(Finding{Kind: DeadWriter, Path: name, Detail: "its writer died: reports of its days may be without lines"})
			}
		case isTrash:
			if v.quiet() {
				v.tell(Finding{Kind: Unfinished, Path: name, Detail: "a prune died: the next one ends it"})
			}
		case strings.HasPrefix(name, tmpPrefix):
			if st, err := e.Info(); err == nil && time.Since(st.ModTime()) > time.Minute {
				v.tell(Finding{Kind: Leftover, Path: name, Detail: "never finished"})
			}
		default:
			v.tell(Finding{Kind: Strange, Path: name})
		}
	}
	return nil
}

// died says whether the writer of a mark is gone. A mark that was made just
// now may not be locked yet, and looking would be in the way.
func (v *verifier) died(name string) bool {
	f, err := openFile(v.t.root, name)
	if err != nil {
		return false
	}
	defer f.Close() // only locked
	st, err := f.Stat()
	return err == nil && time.Since(st.ModTime()) > time.Minute && unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil
}

// quiet says whether nobody prunes or reindexes now.
func (v *verifier) quiet() bool {
	dir, err := v.t.root.Open(".")
	if err != nil {
		return false
	}
	defer dir.Close() // only locked
	return unix.Flock(int(dir.Fd()), unix.LOCK_SH|unix.LOCK_NB) == nil
}

// still runs fn while no writer is at work: whoever has a report by then has
// its lines.
func (v *verifier) still(fn func() error) (err error) {
	deadline := time.Now().Add(lockWait)
	for wait := time.Millisecond; ; wait = min(2*wait, 20*time.Millisecond) {
		err := unix.Flock(int(v.lock.Fd()), unix.LOCK_SH|unix.LOCK_NB)
		if err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("lock %s: %w", infoName, err)
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("lock %s: %w: another process has held it for %v", infoName, ErrBusy, lockWait)
		}
		time.Sleep(wait) // flock tells nobody when it becomes free without blocking for ever
	}
	defer func() { err = errors.Join(err, unix.Flock(int(v.lock.Fd()), unix.LOCK_UN)) }()
	return fn()
}

// targetFiles lists the files by target of each month.
func (t *tree) targetFiles() map[string][]string {
	out := map[string][]string{}
	top, err := readDir(t.root, "target")
	if err != nil {
		return out
	}
	for _, h := range top {
		names, err := readDir(t.root, "target/"+h.Name())
		if err != nil {
			continue
		}
		for _, n := range names {
			dir := "target/" + h.Name() + "/" + n.Name()
			for _, month := range months(t.root, dir) {
				out[month] = append(out[month], dir+"/"+month+".jsonl")
			}
		}
	}
	return out
}

// gone says whether a file is not there (any more).
func (t *tree) gone(name string) bool {
	_, err := t.root.Lstat(name)
	return errors.Is(err, fs.ErrNotExist)
}
