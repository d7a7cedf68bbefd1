package archive

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
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
	NoText       FindingKind = "no text"     // a report or incident without its .txt, an incident without its .svg
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

	day      Date      // to reindex; zero: none
	month    string    // "2026-11", the same of targets
	file     string    // of a report, below its day
	incident ulid.ULID // whose text is to be made again
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

	seed     maphash.Seed
	lock     *os.File
	requests map[ulid.ULID]kept // of the month that is being checked
	last     []map[ulid.ULID]kept
}

// kept is where a request's report lies, under which target, and what its
// lines must say.
type kept struct {
	day    Date
	file   string
	target string    // a dirName
	lines  [4]uint64 // sums of its line: as it is written now, and as older mtrqs wrote it
}

// Verify reads every report of the days from since on (zero: all) and checks
// that it can be read, has the right name and a text, and that each of its
// requests is named in no other report and has exactly one line of the day and
// one by target, which say what a reader would read of one that is written
// now; and that there is no line, and nothing else, that has no business
// there. Reports in zips are held to their checksums. tell gets each
// finding. Writers may be at work meanwhile: what they have not finished is
// no finding.
func (a *Archive) Verify(ctx context.Context, since Date, tell func(Finding)) (Verified, error) {
	t, err := a.open()
	if err != nil {
		return Verified{}, ignoreMissing(err)
	}
	v := &verifier{a: a, t: t, since: since, seed: maphash.MakeSeed()}
	v.tell = func(f Finding) { v.done.Findings++; tell(f) }
	if err := v.openLock(); err != nil {
		return Verified{}, fmt.Errorf("verify archive %s: %w", a.dir, err)
	}
	defer func() { v.lock.Close() }() // only locked; nil is fine
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

// mountName is what mkfs leaves in an archive that is a file system of its own.
const mountName = "lost+found"

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
		case name == infoName, name == lockName, name == upkeepName, name == "target" && e.IsDir(), name == mountName && e.IsDir(), e.IsDir() && len(name) == 4 && strings.Trim(name, "0123456789") == "":
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
	return err == nil && time.Since(st.ModTime()) > time.Minute && tryLock(f, unix.LOCK_SH) == nil
}

// quiet says whether nobody prunes or reindexes now.
func (v *verifier) quiet() bool {
	f, err := openFile(v.t.root, upkeepName)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist) // nobody ever did
	}
	defer f.Close() // only locked
	return tryLock(f, unix.LOCK_SH) == nil
}

// openLock opens what a writer locks. There is none in a copy that nobody
// has written to.
func (v *verifier) openLock() (err error) {
	v.lock, err = openFile(v.t.root, lockName)
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: only the archive's owner can keep writers still meanwhile: verify as that user, or as root", err)
	}
	return ignoreMissing(err)
}

// still runs fn while no writer is at work: whoever has a report by then has
// its lines.
func (v *verifier) still(fn func() error) error {
	if v.lock == nil { // a writer may have come since
		if err := v.openLock(); err != nil {
			return err
		}
		if v.lock == nil {
			return fn()
		}
	}
	return whileLocked(v.lock, unix.LOCK_SH, fn)
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

// goneOrEmpty says whether a file is not there, or has nothing in it.
func (t *tree) goneOrEmpty(name string) bool {
	st, err := t.root.Lstat(name)
	return errors.Is(err, fs.ErrNotExist) || err == nil && st.Mode().IsRegular() && st.Size() == 0
}
