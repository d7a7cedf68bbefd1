package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/oklog/ulid/v2"
)

// daySet is which IDs a day has, kept up to date by reading only what was
// added since.
type daySet struct {
	index indexSet
	hours map[string]hourSet
}

// indexSet are the IDs in a day's index up to offset.
type indexSet struct {
	file   os.FileInfo // to tell a file that was put in its place …
	head   []byte      // … and one that has got the same inode number
	offset int64       // of the first line not read yet
	ids    map[ulid.ULID]struct{}
}

// hourSet are the IDs that an hour's directory and its zip named when they
// had these mtimes.
type hourSet struct {
	modified [2]int64 // ns since 1970; 0 where there is none
	settled  bool     // listed long enough after
	ids      map[ulid.ULID]struct{}
}

// racyAge is how old a directory's mtime must be for its listing to be
// trusted: two changes within one tick of the file system's clock (4 ms,
// 1 s on some) leave the same mtime.
const racyAge = 2 * time.Second

// Has says whether a request has its report: in an index, or as a file
// that a crash left without its line. Days near the ID's time are looked
// at; what was read of them is kept for the next call.
func (a *Archive) Has(id ulid.ULID) (bool, error) {
	t, err := a.open()
	if err != nil {
		return false, ignoreMissing(err)
	}
	day := DateOf(ulid.Time(id.Time()), t.loc)
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, offset := range []int{0, -1, 1, -2, 2} {
		ok, err := a.dayHas(t, day.Add(offset), id)
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

func (a *Archive) dayHas(t *tree, day Date, id ulid.ULID) (bool, error) {
	st, err := t.root.Lstat(day.Path())
	if errors.Is(err, fs.ErrNotExist) || err == nil && !st.IsDir() {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for report %s: %w", id, err)
	}
	s := a.cache[day]
	if s == nil {
		if len(a.cache) >= maxCachedDays {
			clear(a.cache)
		}
		s = &daySet{hours: map[string]hourSet{}}
		a.cache[day] = s
	}
	if err := s.index.update(t.root, day); err != nil {
		return false, err
	}
	if _, ok := s.index.ids[id]; ok {
		return true, nil
	}
	for _, hour := range hoursOf(t.root, day.Path()) {
		if s.hour(t, day, hour, id) {
			return true, nil
		}
	}
	return false, nil
}

// maxCachedDays bounds the cache: 27,777 IDs a day take 1 MB.
const maxCachedDays = 16

func (s *daySet) hour(t *tree, day Date, hour string, id ulid.ULID) bool {
	var modified [2]int64
	settled := true
	for i, name := range []string{hour, hour + packEnding} {
		if st, err := t.root.Lstat(day.Path() + "/" + name); err == nil {
			modified[i] = st.ModTime().UnixNano()
			settled = settled && time.Since(st.ModTime()) >= racyAge
		}
	}
	known, ok := s.hours[hour]
	if !ok || known.modified != modified || !known.settled {
		known = hourSet{modified: modified, settled: settled, ids: map[ulid.ULID]struct{}{}}
		t.eachReportOf(day.Path(), day, hour, func(_ string, n parsedName) { known.ids[n.id] = struct{}{} })
		s.hours[hour] = known
	}
	_, ok = known.ids[id]
	return ok
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
		}
		return nil
	})
	if err != nil {
		*s = indexSet{}
		return fmt.Errorf("read index of %s: %w", day, err)
	}
	s.offset += whole
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
