package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/oklog/ulid/v2"
)

// daySet is which IDs a day has, kept up to date by reading only what was
// added since.
type daySet struct {
	index indexSet
	hours map[string]hourNames
}

// indexSet are the IDs in a day's index up to offset.
type indexSet struct {
	file   os.FileInfo // to tell a file that was put in its place …
	head   []byte      // … and one that has got the same inode number
	offset int64       // of the first line not read yet
	torn   bool        // some line cannot be read, or the last one is not whole
	ids    map[ulid.ULID]struct{}
}

// racyAge is how old a directory's mtime must be for its listing to be
// trusted: two changes within one tick of the file system's clock (4 ms,
// 1 s on some) leave the same mtime.
const racyAge = 2 * time.Second

// maxCachedDays bounds the cache: 27,777 IDs a day take 1 MB.
const maxCachedDays = 16

// Has says whether a request has its report: in an index, or as a file
// whose line is still to come. Days near the ID's time are looked at; what
// was read of them is kept for the next call.
func (a *Archive) Has(id ulid.ULID) (bool, error) { return a.has(id, "") }

// Has is that of Archive, for those who let a job go when it has its report.
// What this writer is about to list has none yet. A report that another
// writer, dead or alive, has left without lines answers all requests that it
// names, not only the one in its own name.
func (w *Writer) Has(id ulid.ULID) (bool, error) { return w.Archive.has(id, w.marks.name) }

// has passes over the mark named own, if any.
func (a *Archive) has(id ulid.ULID, own string) (bool, error) {
	t, err := a.open()
	if err != nil {
		return false, ignoreMissing(err)
	}
	day := DateOf(ulid.Time(id.Time()), t.loc)
	a.mu.Lock()
	defer a.mu.Unlock()
	// Names cost: a directory that is being written to has to be listed again
	// and again. The indexes come first, and mostly suffice.
	type dayOf struct {
		day Date
		*daySet
	}
	var unlisted []dayOf
	var marked touched
	for _, offset := range nearby {
		day := day.Add(offset)
		s, err := a.daySet(t, day)
		if err != nil {
			return false, fmt.Errorf("look for report %s: %w", id, err)
		}
		if s == nil {
			continue
		}
		if _, ok := s.index.ids[id]; ok {
			return true, nil
		}
		if marked.days == nil {
			if marked, err = t.touched(own); err != nil {
				return false, fmt.Errorf("look for report %s: %w", id, err)
			}
		}
		if s.index.file == nil || marked.has(day) {
			unlisted = append(unlisted, dayOf{day, s})
		}
	}
	var errs []error
	for _, s := range unlisted {
		ok, err := s.named(t, s.day, id, own != "")
		if ok {
			return true, nil
		}
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return false, fmt.Errorf("look for report %s: %w", id, err)
	}
	return false, nil
}

// daySet brings up to date what is known of a day's index; nil for a day
// that is not there.
func (a *Archive) daySet(t *tree, day Date) (*daySet, error) {
	st, err := t.root.Lstat(day.Path())
	if err != nil {
		return nil, ignoreMissing(err)
	}
	if !st.IsDir() {
		return nil, nil
	}
	s := a.cache[day]
	if s == nil {
		if len(a.cache) >= maxCachedDays {
			clear(a.cache)
		}
		s = &daySet{}
		a.cache[day] = s
	}
	return s, s.index.update(t.root, day)
}

// update reads what was added to a day's index since.
func (s *indexSet) update(root *os.Root, day Date) error {
	f, err := openFile(root, day.Path()+"/"+indexName)
	if noIndex(err) {
		*s = indexSet{}
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close() // only read from
	return s.read(f, day)
}

// read is update of a file that is open already.
func (s *indexSet) read(f *os.File, day Date) error {
	st, err := f.Stat()
	if err != nil {
		return fmt.Errorf("read index of %s: %w", day, err)
	}
	head := make([]byte, min(headBytes, st.Size()))
	n, err := f.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read index of %s: %w", day, err)
	}
	head = head[:n]
	if s.file == nil || !os.SameFile(s.file, st) || st.Size() < s.offset || !bytes.HasPrefix(head, s.head) {
		*s = indexSet{}
	}
	if s.ids == nil {
		s.ids = map[ulid.ULID]struct{}{}
	}
	s.file, s.head = st, head
	if st.Size() == s.offset {
		return nil
	}
	first := s.offset == 0
	whole, err := eachLine(io.NewSectionReader(f, s.offset, st.Size()-s.offset), func(line []byte) error {
		if first {
			first = false
			h, ok := parseHeader(line)
			if ok && h.Schema > Schema {
				return errNewer(f.Name(), h.Schema)
			}
			if ok {
				return nil
			}
		}
		if id, ok := lineID(line, day); ok {
			s.ids[id] = struct{}{}
		} else {
			s.torn = true
		}
		return nil
	})
	if err != nil {
		*s = indexSet{}
		return fmt.Errorf("read index of %s: %w", day, err)
	}
	s.offset += whole
	s.torn = s.torn || s.offset < st.Size()
	return nil
}

// lineID is the ID of a line that parseEntry takes. A line that this
// package has written begins with the ID and ends with the file: decoding
// all of it (10 µs) is saved where it plainly is one. A page that never
// reached the disk before a power cut is zeros.
func lineID(line []byte, day Date) (ulid.ULID, bool) {
	const head = `{"id":"`
	if bytes.HasPrefix(line, []byte(head)) && len(line) > len(head)+ulid.EncodedSize && bytes.IndexByte(line, 0) < 0 {
		id, err := ulid.ParseStrict(string(line[len(head) : len(head)+ulid.EncodedSize]))
		i := bytes.LastIndex(line, []byte(`,"file":"`))
		if err == nil && i > 0 && bytes.HasSuffix(line, []byte(`"}`)) {
			if _, ok := parseName(day, string(line[i+len(`,"file":"`):len(line)-2])); ok {
				return id, true
			}
		}
	}
	e, ok := parseEntry(line, day)
	return e.ID, ok
}
