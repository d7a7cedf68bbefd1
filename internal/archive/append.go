package archive

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/durable"
)

// appendDay adds lines to a day's index, in order of ID.
func (w *Writer) appendDay(day Date, entries []Entry) error {
	slices.SortFunc(entries, func(a, b Entry) int { return a.ID.Compare(b.ID) })
	// Two callers may have brought the same report.
	entries = slices.CompactFunc(entries, func(a, b Entry) bool { return a.ID == b.ID })
	var lines []byte
	var err error
	for _, e := range entries {
		if lines, err = appendLine(lines, e, ""); err != nil {
			return err
		}
	}
	p := day.Path() + "/" + indexName
	if err := w.appendTo(p, header{Day: day.String()}, lines); err != nil {
		return err
	}
	_, err = w.known(day)
	return err
}

// addTargets adds lines to the files of targets. Those of one target that
// cannot be written fail its items only.
func (w *Writer) addTargets(day Date, byTarget map[string][]*item) {
	type file struct {
		path   string
		head   header
		items  []*item
		broken bool
		err    error
	}
	var dirs []string
	month := day.String()[:len("2026-11")]
	var files []*file
	for name, items := range byTarget {
		head := header{Target: name, Month: month}
		if a := items[0].report.Evidence.Target.Address; a.IsValid() {
			head.Target = a.WithZone("").Unmap().String()
		}
		f := &file{path: targetDir(name) + "/" + month + ".jsonl", head: head, items: items}
		_, f.broken = w.broken[f.path]
		files = append(files, f)
		dirs = append(dirs, path.Dir(f.path))
	}
	if err := w.mkdir(dirs...); err != nil {
		for _, f := range files {
			failAll(f.items, err)
		}
		return
	}
	prefix := day.String()[len("2026-11-"):] + "/"
	parallel(files, func(f *file) {
		if f.err = w.mend(f.path, f.head, f.broken); f.err == nil {
			f.broken = false
			f.err = w.addTarget(f.path, f.head, f.items, prefix)
		}
	})
	for _, f := range files {
		if f.broken || errors.Is(f.err, errSync) {
			w.broken[f.path] = struct{}{}
		} else {
			delete(w.broken, f.path)
		}
		if f.err != nil {
			failAll(f.items, f.err)
		}
	}
}

// addTarget leaves out lines that are there: a writer that died between
// these and the line of the day has left them.
func (w *Writer) addTarget(p string, head header, items []*item, prefix string) error {
	there := map[ulid.ULID]struct{}{}
	if f, err := openFile(w.tree.root, p); err == nil {
		entries, err := readIndex(f, p, func(line []byte) (Entry, bool) { return parseMonthEntry(line, head.Month) })
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		for _, e := range entries {
			there[e.ID] = struct{}{}
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	var lines []byte
	for _, it := range items {
		for _, e := range it.entries {
			if _, ok := there[e.ID]; ok {
				continue
			}
			there[e.ID] = struct{}{}
			var err error
			if lines, err = appendLine(lines, e, prefix); err != nil {
				return err
			}
		}
	}
	if len(lines) == 0 {
		return w.syncFile(p)
	}
	return w.appendLines(p, head, lines)
}

// errSync marks an append whose fsync failed: what the file holds on disk
// is not known, and another fsync of it would prove nothing.
var errSync = errors.New("fsync failed")

// appendTo makes lines durable at the end of an index.
func (w *Writer) appendTo(p string, head header, lines []byte) error {
	if err := w.mend(p, head, false); err != nil {
		return err
	}
	err := w.appendLines(p, head, lines)
	if errors.Is(err, errSync) {
		w.broken[p] = struct{}{}
	}
	return err
}

// appendLines writes once, behind a whole line, and syncs. A new file gets
// its first line in the same write.
func (w *Writer) appendLines(p string, head header, lines []byte) (err error) {
	f, err := w.tree.root.OpenFile(p, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	size := st.Size()
	data := lines
	if size == 0 {
		if data, err = headLine(head); err != nil {
			return err
		}
		data = append(data, lines...)
	} else {
		last := make([]byte, 1)
		if _, err := f.ReadAt(last, size-1); err != nil {
			return err
		}
		if last[0] != '\n' { // torn by a crash: it must not become the beginning of ours
			data = append([]byte{'\n'}, lines...)
		}
	}
	if err := w.at("append " + path.Base(p)); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		// Nobody was told of these lines; a reader that saw some of them
		// finds them again when they are brought once more.
		if e := f.Truncate(size); e != nil {
			return fmt.Errorf("%w: %w: %w", errSync, err, e)
		}
		return err
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("%w: %w", errSync, err)
	}
	if size == 0 {
		return w.syncDir(path.Dir(p))
	}
	return nil
}

func headLine(head header) ([]byte, error) {
	head.Schema, head.Generation = Schema, ulid.Make().String()
	data, err := json.Marshal(head)
	return append(data, '\n'), err
}

// hasHeader says whether an index begins as it must; one that is not there
// or empty will.
func (w *Writer) hasHeader(p string) bool {
	f, err := openFile(w.tree.root, p)
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close() // only read from
	buf := make([]byte, 4096)
	n, err := f.Read(buf)
	if n == 0 {
		return errors.Is(err, io.EOF)
	}
	end := slices.Index(buf[:n], '\n')
	if end < 0 {
		return false
	}
	_, ok := parseHeader(buf[:end])
	return ok
}

// mend writes an index anew that has no first line, or whose fsync failed:
// its whole lines into a new file with a new generation.
func (w *Writer) mend(p string, head header, broken bool) error {
	if !broken && w.hasHeader(p) {
		return nil
	}
	data, err := headLine(head)
	if err != nil {
		return err
	}
	f, err := openFile(w.tree.root, p)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	_, err = eachLine(f, func(line []byte) error {
		if _, ok := parseHeader(line); !ok && json.Valid(line) {
			data = append(append(data, line...), '\n')
		}
		return nil
	})
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return w.replace(p, data)
}

// replace puts a new file in the place of an index.
func (w *Writer) replace(p string, data []byte) error {
	tmp := path.Dir(p) + "/" + tmpPrefix + ulid.Make().String()
	if err := durable.WriteNew(w.tree.root, tmp, data, 0o644); err != nil {
		return err
	}
	if err := w.at("replace " + path.Base(p)); err != nil {
		return errors.Join(err, w.tree.root.Remove(tmp))
	}
	if err := w.tree.root.Rename(tmp, p); err != nil {
		return errors.Join(err, w.tree.root.Remove(tmp))
	}
	return w.syncDir(path.Dir(p))
}
