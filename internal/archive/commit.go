package archive

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/durable"
	"github.com/mtrq/mtrq/report"
)

// parallelSyncs is how many files are written and synced at the same time
// (500 files: 391 ms one by one, 91 ms with 16).
const parallelSyncs = 16

// commit writes a batch in the order that the package promises and leaves
// an error in each item that is not durable.
func (w *Writer) commit(items []*item) {
	days := map[Date][]*item{}
	for _, it := range items {
		days[it.day] = append(days[it.day], it)
	}
	for day, list := range days {
		missing, err := w.begin(day, list)
		if err != nil {
			failAll(list, err)
			continue
		}
		w.putReports(day, missing)
		w.addLines(day, missing)
	}
	for _, it := range items {
		w.marks.settle(it)
	}
}

// begin leaves out what the index has already, marks the day, and makes its
// index where there is none: a reader that finds none lists the names of
// files, which must not show reports that are about to get their lines.
func (w *Writer) begin(day Date, list []*item) ([]*item, error) {
	known, err := w.known(day)
	if err != nil {
		return nil, err
	}
	var missing []*item
	for _, it := range list {
		it.entries = slices.DeleteFunc(it.entries, func(e Entry) bool {
			_, ok := known.ids[e.ID]
			return ok
		})
		if len(it.entries) > 0 {
			missing = append(missing, it)
		}
	}
	if len(missing) == 0 {
		return nil, nil
	}
	if err := w.marks.add(day); err != nil {
		return nil, err
	}
	p := day.Path() + "/" + indexName
	if _, err := w.tree.root.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
		return missing, err
	}
	if err := w.mkdir(day.Path()); err != nil {
		return nil, err
	}
	return missing, w.appendTo(p, header{Day: day.String()}, nil)
}

// known are the IDs whose lines of the day are durable. What another writer
// appended may be in memory only when it died before its fsync, so the
// first use of a day syncs its index.
func (w *Writer) known(day Date) (*indexSet, error) {
	p := day.Path() + "/" + indexName
	s := w.index[day]
	if s == nil {
		if len(w.index) >= maxCachedDays {
			clear(w.index)
		}
		if err := w.syncFile(p); err != nil {
			return nil, err
		}
		s = &indexSet{}
		w.index[day] = s
	}
	if _, bad := w.broken[p]; bad {
		if err := w.mend(p, header{Day: day.String()}, true); err != nil {
			return nil, err
		}
		delete(w.broken, p)
	}
	return s, s.update(w.tree.root, day)
}

// syncFile makes durable what others may have left in memory.
func (w *Writer) syncFile(p string) error {
	f, err := openFile(w.tree.root, p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// putReports makes the files of reports durable.
func (w *Writer) putReports(day Date, items []*item) {
	hours := map[string][]*item{}
	for _, it := range items {
		hour := day.Path() + "/" + path.Dir(it.file)
		hours[hour] = append(hours[hour], it)
	}
	for hour, list := range hours {
		if err := w.putHour(hour, list); err != nil {
			failAll(list, err)
		}
	}
}

func (w *Writer) putHour(hour string, items []*item) error {
	if err := w.mkdir(hour); err != nil {
		return err
	}
	dir, err := w.tree.root.Open(hour)
	if err != nil {
		return err
	}
	parallel(items, func(it *item) { it.err = w.putReport(dir, hour, it) })
	err = w.at("reports named")
	return errors.Join(err, dir.Sync(), dir.Close())
}

// putReport writes the text, then the JSON: a report is there when its JSON
// is. Text of a report that never got there is replaced.
func (w *Writer) putReport(dir *os.File, hour string, it *item) error {
	base := path.Base(it.file)
	// Where a damaged zip hides whether it is there, a second copy is better
	// than none; the one in the directory stands before that in the zip.
	if has, _ := w.tree.hasReport(it.day, it.file); has {
		return w.adopt(it)
	}
	if _, ok := w.index[it.day].ids[it.report.Evidence.ID]; ok {
		return ErrExists // under another name
	}
	tmp := tmpPrefix + ulid.Make().String()
	for _, part := range []struct {
		ending string
		data   []byte
	}{{".txt", it.text}, {".json", it.json}} {
		if err := durable.WriteNew(w.tree.root, hour+"/"+tmp+part.ending, part.data, 0o644); err != nil {
			return errors.Join(err, w.discard(hour, tmp))
		}
		if err := w.at("written " + part.ending); err != nil {
			return errors.Join(err, w.discard(hour, tmp))
		}
	}
	if err := w.tree.root.Rename(hour+"/"+tmp+".txt", hour+"/"+base+".txt"); err != nil {
		return errors.Join(err, w.discard(hour, tmp))
	}
	if err := w.at("named .txt"); err != nil {
		return errors.Join(err, w.discard(hour, tmp))
	}
	err := renameNew(dir, tmp+".json", base+".json")
	if err == nil {
		return nil
	}
	err = errors.Join(err, w.discard(hour, tmp))
	if errors.Is(err, fs.ErrExist) {
		return w.adopt(it)
	}
	return err
}

// adopt takes the lines from the report that is there already. One that
// does not list all of our requests is another one.
func (w *Writer) adopt(it *item) error {
	data, err := w.tree.readReport(it.day, it.file, ".json")
	if err != nil {
		return err
	}
	r, err := decodeReport(data)
	if err != nil {
		return fmt.Errorf("a file of this name is no report: %w", err)
	}
	for _, q := range it.report.Evidence.Requests {
		if !slices.ContainsFunc(r.Evidence.Requests, func(o report.Request) bool { return o.ID == q.ID }) {
			return fmt.Errorf("%w: it does not list request %s", ErrExists, q.ID)
		}
	}
	known := w.index[it.day].ids
	it.entries = slices.DeleteFunc(entriesOf(r, it.day, it.file, w.tree.loc), func(e Entry) bool {
		_, ok := known[e.ID]
		return ok
	})
	return nil
}

// discard removes what is left of an attempt.
func (w *Writer) discard(hour, tmp string) error {
	var errs []error
	for _, ending := range []string{".txt", ".json"} {
		if err := w.tree.root.Remove(hour + "/" + tmp + ending); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// addLines adds lines of reports that are durable: by target, then by day.
func (w *Writer) addLines(day Date, items []*item) {
	var good []Entry
	byTarget := map[string][]*item{}
	for _, it := range items {
		if it.err == nil {
			name := dirName(it.report.Evidence.Target.Address, it.report.Evidence.Target.Asked)
			byTarget[name] = append(byTarget[name], it)
		}
	}
	w.addTargets(day, byTarget)
	for _, it := range items {
		if it.err == nil {
			good = append(good, it.entries...)
		}
	}
	if len(good) == 0 {
		return
	}
	if err := w.appendDay(day, good); err != nil {
		for _, it := range items {
			it.err = cmp.Or(it.err, err)
		}
	}
}

// mkdir makes directories below the archive, each name on the way durable.
// One that is there already may still be so only in memory of a writer that
// died, so the first use by this one syncs it too. A directory that many
// share is synced once (500 new targets: 750 syncs one by one took 1.4 s).
func (w *Writer) mkdir(dirs ...string) error {
	levels := [][]string{}
	seen := map[string]struct{}{}
	for _, dir := range dirs {
		if _, ok := w.synced[dir]; ok {
			if _, err := w.tree.root.Lstat(dir); err == nil {
				continue
			}
			clear(w.synced) // pruned under our feet
		}
		for d := dir; d != "."; d = path.Dir(d) {
			if _, ok := seen[d]; ok {
				break
			}
			seen[d] = struct{}{}
			depth := strings.Count(d, "/")
			for len(levels) <= depth {
				levels = append(levels, nil)
			}
			levels[depth] = append(levels[depth], d)
		}
	}
	for _, level := range levels {
		if err := w.mkdirLevel(level); err != nil {
			return err
		}
	}
	return nil
}

// mkdirLevel makes directories whose parents are there.
func (w *Writer) mkdirLevel(dirs []string) error {
	dirs = slices.DeleteFunc(dirs, func(d string) bool { _, ok := w.synced[d]; return ok })
	var parents []string
	for _, d := range dirs {
		if err := w.tree.root.Mkdir(d, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		parents = append(parents, path.Dir(d))
	}
	slices.Sort(parents)
	parents = slices.Compact(parents)
	errs := make([]error, len(parents))
	parallel(parents, func(p string) {
		i, _ := slices.BinarySearch(parents, p)
		errs[i] = w.syncDir(p)
	})
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, d := range dirs {
		w.synced[d] = struct{}{}
	}
	return nil
}

func (w *Writer) syncDir(dir string) error {
	d, err := w.tree.root.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func failAll(items []*item, err error) {
	for _, it := range items {
		it.err = cmp.Or(it.err, err)
	}
}

// parallel calls fn for each item, parallelSyncs at a time.
func parallel[T any](items []T, fn func(T)) {
	var wg sync.WaitGroup
	next := make(chan T)
	for range min(parallelSyncs, len(items)) {
		wg.Go(func() {
			for it := range next {
				fn(it)
			}
		})
	}
	for _, it := range items {
		next <- it
	}
	close(next)
	wg.Wait()
}
