package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
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
	f, err := m.root.OpenFile(m.name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	if err = tryLock(f); err == nil {
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

// close removes the file: what its writer began is finished.
func (m *marks) close() error {
	if m.file == nil {
		return nil
	}
	err := errors.Join(m.root.Remove(m.name), m.file.Close())
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
	if err := tryLock(f); errors.Is(err, unix.EWOULDBLOCK) {
		return 0, nil
	} else if err != nil {
		return 0, err
	}
	var days []Date
	if _, err := eachLine(f, func(line []byte) error {
		if day, err := ParseDate(string(line)); err == nil {
			days = append(days, day)
		}
		return nil
	}); err != nil {
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
	var items []*item
	w.tree.eachReport(day, func(file string, n parsedName) {
		if _, ok := known.ids[n.id]; !ok {
			items = append(items, &item{day: day, file: file})
		}
	})
	var errs []error
	for _, it := range items {
		if err := w.takeIn(it); err != nil {
			errs = append(errs, err)
		}
	}
	return len(items) - len(errs), errors.Join(errs...)
}

// takeIn adds the lines of a report that has none.
func (w *Writer) takeIn(it *item) error {
	data, err := w.tree.readReport(it.day, it.file, ".json")
	if err != nil {
		return err
	}
	if it.report, err = decodeReport(data); err != nil {
		return fmt.Errorf("%s/%s.json is no report: %w", it.day.Path(), it.file, err)
	}
	if err := w.adopt(it); err != nil {
		return err
	}
	// The name may not have reached the disk before its writer died.
	hour := it.day.Path() + "/" + it.file[:2]
	if err := errors.Join(w.mkdir(hour), w.syncDir(hour)); err != nil {
		return err
	}
	w.addLines(it.day, []*item{it})
	return it.err
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
