package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query selects entries; the zero value is all of them.
type Query struct {
	Since     time.Time // accepted at or after; zero: from the beginning
	Until     time.Time // accepted before; zero: to the end
	Target    string    // address, or the name that was asked for
	Node      string
	LossAbove *float64 // percent; an entry of unknown loss does not match
	Limit     int      // at most so many, the newest; 0: no limit
}

// Day lists a day's entries, newest first. Where its index is missing the
// names of its files are all that is known. A day that is not there has
// none.
func (a *Archive) Day(day Date) ([]Entry, error) {
	t, err := a.open()
	if err != nil {
		return nil, ignoreMissing(err)
	}
	return t.day(day)
}

// Target lists the entries of an address, or of a name that did not
// resolve, newest first.
func (a *Archive) Target(target string) ([]Entry, error) {
	t, err := a.open()
	if err != nil {
		return nil, ignoreMissing(err)
	}
	var out []Entry
	dir := targetDir(dirNameOf(target))
	for _, month := range months(t.root, dir) {
		entries, err := t.month(dir, month)
		if err != nil {
			return nil, err
		}
		out = append(out, entries...)
	}
	return newestFirst(out), nil
}

// List lists what a query selects, newest first. Days, and files of a
// target, outside the time asked for are not read.
func (a *Archive) List(q Query) ([]Entry, error) {
	t, err := a.open()
	if err != nil {
		return nil, ignoreMissing(err)
	}
	if addr, err := netip.ParseAddr(q.Target); err == nil {
		q.Target = addr.WithZone("").Unmap().String()
		return a.listTarget(t, q)
	}
	days, err := a.Days()
	if err != nil {
		return nil, err
	}
	var out []Entry
	enough := Date{}
	for _, day := range days {
		if !q.mayHold(day, t.loc) {
			continue
		}
		// The day before may have requests that joined a report over
		// midnight; those before it are older than all of these.
		if enough != (Date{}) && day.Compare(enough) < 0 {
			break
		}
		entries, err := t.dayOf(day, q)
		if err != nil {
			return nil, err
		}
		out = append(out, entries...)
		if q.Limit > 0 && len(out) >= q.Limit && enough == (Date{}) {
			enough = day.Add(-1)
		}
	}
	return q.limit(newestFirst(out)), nil
}

func (a *Archive) listTarget(t *tree, q Query) ([]Entry, error) {
	var out []Entry
	dir := targetDir(dirNameOf(q.Target))
	for _, month := range months(t.root, dir) {
		first, err := ParseDate(month + "-01")
		if err != nil || !(q.mayHold(first, t.loc) || q.mayHold(lastOf(first), t.loc) || q.inside(first, lastOf(first), t.loc)) {
			continue
		}
		entries, err := t.month(dir, month)
		if err != nil {
			return nil, err
		}
		out = append(out, q.filter(entries)...)
	}
	return q.limit(newestFirst(out)), nil
}

// lastOf is the last day of a month.
func lastOf(first Date) Date { return first.Add(31 - first.Add(31).Day) }

// mayHold says whether a day's entries can match. Requests join a report
// of the day before when that runs over midnight.
func (q Query) mayHold(day Date, loc *time.Location) bool {
	if !q.Since.IsZero() && day.Compare(DateOf(q.Since, loc).Add(-1)) < 0 {
		return false
	}
	return q.Until.IsZero() || day.Compare(DateOf(q.Until, loc)) <= 0
}

// inside says whether the time asked for begins between two days.
func (q Query) inside(first, last Date, loc *time.Location) bool {
	if q.Since.IsZero() {
		return false
	}
	since := DateOf(q.Since, loc)
	return first.Compare(since) <= 0 && since.Compare(last) <= 0
}

func (q Query) filter(entries []Entry) []Entry {
	return slices.DeleteFunc(entries, func(e Entry) bool { return !q.match(e) })
}

func (q Query) match(e Entry) bool {
	if !q.Since.IsZero() && e.At.Before(q.Since) || !q.Until.IsZero() && !e.At.Before(q.Until) {
		return false
	}
	if q.Node != "" && e.Node != q.Node {
		return false
	}
	if q.Target != "" && e.Target.String() != q.Target && !strings.EqualFold(strings.TrimSuffix(e.Asked, "."), strings.TrimSuffix(q.Target, ".")) {
		return false
	}
	if q.LossAbove != nil {
		if l := e.Loss(); l == nil || *l <= *q.LossAbove {
			return false
		}
	}
	return true
}

func (q Query) limit(entries []Entry) []Entry {
	if q.Limit > 0 && len(entries) > q.Limit {
		return entries[:q.Limit]
	}
	return entries
}

// day reads a day's index, or its names where there is none.
func (t *tree) day(day Date) ([]Entry, error) { return t.dayOf(day, Query{}) }

// dayOf reads what a query selects of a day. Of most lines only as much is
// looked at as it takes to see that they are too old, or that enough newer
// ones are known.
func (t *tree) dayOf(day Date, q Query) ([]Entry, error) {
	path := day.Path() + "/" + indexName
	f, err := openFile(t.root, path)
	if noIndex(err) {
		byNames := t.dayByNames(day)
		// A day may have begun just now: then the names are of reports that
		// are still getting their lines, and the index is the truth.
		if f, err = openFile(t.root, path); noIndex(err) {
			return q.limit(q.filter(byNames)), nil
		}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read from
	n := newNewest(q)
	err = eachLineBack(f, func(line []byte, first bool) error {
		if h, ok := parseHeader(line); first && ok {
			if h.Schema > Schema {
				return errNewer(path, h.Schema)
			}
			return nil
		}
		n.add(line, day)
		return nil
	})
	if err != nil && !errors.Is(err, ErrNewer) {
		err = fmt.Errorf("read %s: %w", path, err)
	}
	if err != nil {
		return nil, err
	}
	return q.limit(newestFirst(n.found)), nil
}

// noIndex says that readers must do without an index. A strange thing in
// its place hides no other day.
func noIndex(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, errIrregular)
}

// dayByNames makes entries of what the names of files tell.
func (t *tree) dayByNames(day Date) []Entry {
	var out []Entry
	t.readable(day, func(file string, n parsedName) {
		out = append(out, nameEntry(day, file, n, t.loc))
	})
	return newestFirst(out)
}

func nameEntry(day Date, file string, n parsedName, loc *time.Location) Entry {
	asked := strings.TrimSuffix(n.target, ".")
	addr := addressOf(n.target)
	if addr.IsValid() {
		asked = addr.String()
	}
	return Entry{ID: n.id, At: n.at.In(loc), Target: addr, Asked: asked, File: file, Day: day}
}

// eachReport calls fn for each report of a day, by the names of files.
func (t *tree) eachReport(day Date, fn func(file string, n parsedName)) (unreadHours, error) {
	return t.eachReportIn(day.Path(), day, fn)
}

// readable is eachReport for those who only read: what cannot be listed is
// passed over, and verify tells of it.
func (t *tree) readable(day Date, fn func(file string, n parsedName)) {
	_, _ = t.eachReport(day, fn)
}

// month reads one file of a target.
func (t *tree) month(dir, month string) ([]Entry, error) {
	path := dir + "/" + month + ".jsonl"
	f, err := openFile(t.root, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read from
	return readIndex(f, path, func(line []byte) (Entry, bool) { return parseMonthEntry(line, month) })
}

// newestFirst sorts by ULID and drops a request's second line.
func newestFirst(entries []Entry) []Entry {
	slices.SortStableFunc(entries, func(a, b Entry) int { return b.ID.Compare(a.ID) })
	return slices.CompactFunc(entries, func(a, b Entry) bool { return a.ID == b.ID })
}

// numbered lists directories whose names are so many digits.
func numbered(root *os.Root, dir string, digits int) []string {
	entries, err := readDir(root, dir)
	if err != nil {
		return nil // pruned meanwhile, or none of ours
	}
	var out []string
	for _, e := range entries {
		if _, err := strconv.ParseUint(e.Name(), 10, 32); err == nil && e.IsDir() && len(e.Name()) == digits {
			out = append(out, e.Name())
		}
	}
	slices.Sort(out)
	return out
}

// months lists a target's files, oldest first.
func months(root *os.Root, dir string) []string {
	entries, err := readDir(root, dir)
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range entries {
		if m, ok := strings.CutSuffix(e.Name(), ".jsonl"); ok {
			if _, err := ParseDate(m + "-01"); err == nil {
				out = append(out, m)
			}
		}
	}
	slices.Sort(out)
	return out
}

// indexName is a day's index, in the day's directory.
const indexName = "index.jsonl"

// targetDir is where a target's files are.
func targetDir(name string) string { return "target/" + hash2(name) + "/" + name }

// dirNameOf is dirName of what a person typed.
func dirNameOf(target string) string {
	addr, err := netip.ParseAddr(target)
	if err != nil {
		addr = netip.Addr{}
	}
	return dirName(addr, target)
}

// ignoreMissing makes an archive that is not there yet an empty one.
func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
