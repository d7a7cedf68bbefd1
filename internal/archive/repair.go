package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

// markPrefix begins the names of files that hold days, one a line, which a
// writer has touched. Each is locked while its writer lives.
const markPrefix = ".writer-"

// marks is this writer's own such file. Without it a start after a crash
// would have to look through the whole archive: a job that waited is kept
// under the day it was accepted on, however long ago.
type marks struct {
	root *os.Root
	name string
	file *os.File
	days map[Date]struct{}
	owed map[string]struct{} // reports whose last Write failed: "2026/11/23/14/140532+0800_…"
}

// add notes a day durably before the first file of it.
func (m *marks) add(day Date) error {
	if _, ok := m.days[day]; ok {
		return nil
	}
	if m.file == nil {
		if err := m.create(); err != nil {
			return fmt.Errorf("make %s: %w", m.name, err)
		}
	}
	// The line end before it keeps a line that could not be written whole
	// from swallowing this one.
	if _, err := m.file.WriteString("\n" + day.String() + "\n"); err != nil {
		return err
	}
	if err := m.file.Sync(); err != nil {
		return err
	}
	m.days[day] = struct{}{}
	return nil
}

func (m *marks) create() error {
	// Nobody else may lock it: it would pass for that of a living writer.
	f, err := m.root.OpenFile(m.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if err = tryLock(f, unix.LOCK_EX); err == nil {
		var d *os.File
		if d, err = m.root.Open("."); err == nil {
			err = errors.Join(d.Sync(), d.Close())
		}
	}
	if err != nil {
		return errors.Join(err, m.root.Remove(m.name), f.Close())
	}
	m.file, m.days = f, map[Date]struct{}{}
	return nil
}

// settle notes how the write of a report has ended.
func (m *marks) settle(it *item) {
	p := it.day.Path() + "/" + it.file
	if it.err == nil {
		delete(m.owed, p)
		return
	}
	if m.owed == nil {
		m.owed = map[string]struct{}{}
	}
	m.owed[p] = struct{}{}
}

// close removes the file when what its writer began is finished. Else it
// stays, and without its lock it is that of a writer that died.
func (m *marks) close() (err error) {
	if m.file == nil {
		return nil
	}
	if len(m.owed) == 0 {
		err = m.root.Remove(m.name)
	}
	err = errors.Join(err, m.file.Close())
	m.file = nil
	return err
}

// Repair finishes what writers that died have begun: reports without lines
// get theirs, unfinished files go. It returns how many reports it mended.
// After an error the rest is mended all the same, and the next call tries
// again what failed.
func (w *Writer) Repair() (mended int, err error) {
	w.commits.Lock()
	defer w.commits.Unlock()
	err = w.locked(func() error {
		entries, err := readDir(w.tree.root, ".")
		if err != nil {
			return err
		}
		var errs []error
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), tmpPrefix+infoName+"-") { // died while making the archive
				errs = append(errs, w.tree.root.Remove(e.Name()))
			}
			if !strings.HasPrefix(e.Name(), markPrefix) || e.Name() == w.marks.name {
				continue
			}
			n, err := w.repairMark(e.Name())
			mended += n
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
	if err != nil {
		return mended, fmt.Errorf("repair archive %s: %w", w.dir, err)
	}
	return mended, nil
}

// repairMark looks at the days in one file, when its writer is dead.
func (w *Writer) repairMark(name string) (mended int, err error) {
	f, err := openFile(w.tree.root, name)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil // its writer has just ended well
	}
	if err != nil {
		return 0, err
	}
	defer f.Close() // only read from; gives the lock back
	if err := tryLock(f, unix.LOCK_EX); errors.Is(err, unix.EWOULDBLOCK) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	days, err := readDays(f)
	if err != nil {
		return 0, err
	}
	var errs []error
	for _, day := range days {
		n, err := w.repairDay(day)
		mended += n
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return mended, err
	}
	return mended, w.tree.root.Remove(name)
}

// markedDays are the days that a mark names.
func (t *tree) markedDays(name string) ([]Date, error) {
	f, err := openFile(t.root, name)
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read from
	return readDays(f)
}

func readDays(f *os.File) (days []Date, err error) {
	_, err = eachLine(f, func(line []byte) error {
		if day, err := ParseDate(string(line)); err == nil {
			days = append(days, day)
		}
		return nil
	})
	return days, err
}

// repairDay adds the lines of reports that have none and removes unfinished
// files. Nobody writes meanwhile: the archive is locked.
func (w *Writer) repairDay(day Date) (mended int, err error) {
	if err := w.removeUnfinished(day); err != nil {
		return 0, err
	}
	known, err := w.known(day)
	if err != nil {
		return 0, err
	}
	files := map[string]struct{}{}
	unread, err := w.tree.eachReport(day, func(file string, n parsedName) {
		if _, ok := known.ids[n.id]; !ok {
			files[file] = struct{}{}
		}
	})
	if err != nil {
		return 0, err
	}
	torn := known.torn
	if torn {
		if err := w.lastFiles(day, files); err != nil {
			return 0, err
		}
	}
	errs := []error{unread.err()}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		added, err := w.takeIn(&item{day: day, file: file})
		if added {
			mended++
		}
		errs = append(errs, err)
	}
	err = errors.Join(errs...)
	if torn && err == nil { // else the next repair would read them again
		err = w.mend(day.Path()+"/"+indexName, header{Day: day.String()}, true)
	}
	return mended, err
}

// lastFiles adds the reports that the last batch of lines may have been of:
// in a torn index the line of a report may be whole, and that of a request
// that joined it not.
func (w *Writer) lastFiles(day Date, files map[string]struct{}) error {
	f, err := openFile(w.tree.root, day.Path()+"/"+indexName)
	if noIndex(err) {
		return nil
	}
	if err != nil {
		return err
	}
	enough := errors.New("enough")
	seen := map[string]struct{}{}
	err = eachLineBack(f, func(line []byte, _ bool) error {
		if e, ok := parseEntry(line, day); ok {
			seen[e.File], files[e.File] = struct{}{}, struct{}{}
		}
		if len(seen) == maxBatch {
			return enough
		}
		return nil
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// takeIn adds the lines that a report lacks, if any.
func (w *Writer) takeIn(it *item) (added bool, err error) {
	data, err := w.tree.readReport(it.day, it.file, ".json")
	if err != nil {
		return false, ignoreMissing(err) // pruned meanwhile, or long ago
	}
	if it.report, err = decodeReport(data); err != nil {
		return false, fmt.Errorf("%s/%s.json is no report: %w", it.day.Path(), it.file, err)
	}
	if err := w.adopt(it); err != nil || len(it.entries) == 0 {
		return false, err
	}
	// The name may not have reached the disk before its writer died.
	hour := it.day.Path() + "/" + it.file[:2]
	if err := errors.Join(w.mkdir(hour), w.syncDir(hour)); err != nil {
		return false, err
	}
	w.addLines(it.day, []*item{it})
	return it.err == nil, it.err
}

// removeUnfinished removes the files of a day that never got their name.
func (w *Writer) removeUnfinished(day Date) error {
	dirs := []string{day.Path()}
	for _, hour := range numbered(w.tree.root, day.Path(), 2) {
		dirs = append(dirs, day.Path()+"/"+hour)
	}
	if w.tree.isDir(incidentsDir(day)) {
		dirs = append(dirs, incidentsDir(day))
	}
	for _, dir := range dirs {
		entries, err := readDir(w.tree.root, dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		for _, e := range entries {
			if rest, ok := strings.CutPrefix(e.Name(), tmpPrefix); ok && len(rest) >= ulid.EncodedSize {
				if err := w.tree.root.Remove(dir + "/" + e.Name()); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
