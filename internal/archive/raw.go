package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// A DayFile is how much there is of a day's index. Another node that
// holds as many bytes of the same generation holds the same lines.
type DayFile struct {
	Day        Date   `json:"day"`
	Bytes      int64  `json:"bytes"`      // of whole lines
	Generation string `json:"generation"` // changes when the index is written anew rather than added to
}

// An IndexFile is a day's index as it lies there, whole lines only.
// Close it.
type IndexFile struct {
	DayFile
	f *os.File
}

// Reader reads the lines that were there when the file was opened.
func (x *IndexFile) Reader() io.ReadSeeker { return io.NewSectionReader(x.f, 0, x.Bytes) }

// Close gives the file back.
func (x *IndexFile) Close() error { return x.f.Close() }

// OpenIndex opens the index of a day. The error matches fs.ErrNotExist
// where the day has none, and ErrNewer.
func (a *Archive) OpenIndex(day Date) (*IndexFile, error) {
	t, err := a.open()
	if err != nil {
		return nil, err
	}
	path := day.Path() + "/" + indexName
	if !t.plainDirs(day) {
		return nil, fmt.Errorf("read %s: %w", path, fs.ErrNotExist)
	}
	f, err := openFile(t.root, path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	x := &IndexFile{DayFile: DayFile{Day: day}, f: f}
	if err := x.measure(path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return x, nil
}

// measure reads the header and finds the end of the last whole line: a
// writer may be in the middle of the next.
func (x *IndexFile) measure(path string) error {
	st, err := x.f.Stat()
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	head := make([]byte, min(st.Size(), 4096))
	if _, err := x.f.ReadAt(head, 0); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s: %w", path, err)
	}
	h, ok := parseHeader(firstLine(head))
	switch {
	case !ok:
		return fmt.Errorf("read %s: its first line is no header: mtrq reindex writes it anew", path)
	case h.Schema > Schema:
		return errNewer(path, h.Schema)
	}
	x.Generation = h.Generation
	const step = 4096
	buf := make([]byte, step)
	for end := st.Size(); end > 0; {
		from := max(0, end-step)
		b := buf[:end-from]
		if _, err := x.f.ReadAt(b, from); err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read %s: %w", path, err)
		}
		if i := bytes.LastIndexByte(b, '\n'); i >= 0 {
			x.Bytes = from + int64(i) + 1
			return nil
		}
		end = from
	}
	return nil
}

// DayFiles tells of the indexes of all days at or after since (the zero
// Date: all), newest first, at most limit (0: all). A day whose index is
// missing, damaged or of a newer mtrq is left out: it cannot be copied.
func (a *Archive) DayFiles(since Date, limit int) ([]DayFile, error) {
	days, err := a.Days()
	if err != nil {
		return nil, err
	}
	out := []DayFile{}
	for _, day := range days {
		if day.Compare(since) < 0 || limit > 0 && len(out) == limit {
			break
		}
		x, err := a.OpenIndex(day)
		if err != nil {
			continue
		}
		out = append(out, x.DayFile)
		if err := x.Close(); err != nil {
			return nil, err
		}
	}
	return out, nil
}
