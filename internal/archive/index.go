package archive

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxLineBytes bounds a line of an index: a request's reason, event and
// tags together have at most some 11 KiB before escaping.
const maxLineBytes = 256 << 10

// eachLine calls fn with each whole line, without its end, and returns how
// many bytes those lines have. What comes after the last line end is torn
// and not counted. A line that is too long is passed over.
func eachLine(r io.Reader, fn func(line []byte) error) (whole int64, err error) {
	br := bufio.NewReaderSize(r, maxLineBytes)
	skipping := int64(0)
	for {
		line, err := br.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			skipping += int64(len(line))
			continue
		case errors.Is(err, io.EOF):
			return whole, nil
		case err != nil:
			return whole, err
		}
		long := skipping > 0
		whole += skipping + int64(len(line))
		skipping = 0
		if long {
			continue
		}
		if err := fn(line[:len(line)-1]); err != nil {
			return whole, err
		}
	}
}

// parseHeader reads a first line.
func parseHeader(line []byte) (header, bool) {
	var h header
	if !bytes.HasPrefix(line, []byte(`{"schema":`)) || json.Unmarshal(line, &h) != nil || h.Schema < 1 || h.Generation == "" {
		return header{}, false
	}
	return h, true
}

// errNewer is an index that a later mtrq has written.
func errNewer(path string, schema int) error {
	return fmt.Errorf("read %s: %w: it has schema %d, this mtrq knows %d: use a newer mtrq", path, ErrNewer, schema, Schema)
}

// parseEntry reads a line of a day's index; false for one that is torn,
// strange or names a file that cannot be one of that day.
func parseEntry(line []byte, day Date) (Entry, bool) {
	var e Entry
	if json.Unmarshal(line, &e) != nil || e.ID.IsZero() || e.At.IsZero() {
		return Entry{}, false
	}
	e.Day = day
	if _, ok := parseName(day, e.File); !ok {
		return Entry{}, false
	}
	return e, true
}

// parseMonthEntry reads a line of a target's file, where "file" begins
// with the day.
func parseMonthEntry(line []byte, month string) (Entry, bool) {
	var e Entry
	if json.Unmarshal(line, &e) != nil || e.ID.IsZero() || e.At.IsZero() {
		return Entry{}, false
	}
	dd, file, ok := strings.Cut(e.File, "/")
	if !ok {
		return Entry{}, false
	}
	day, err := ParseDate(month + "-" + dd)
	if err != nil {
		return Entry{}, false
	}
	e.Day, e.File = day, file
	if _, ok := parseName(day, file); !ok {
		return Entry{}, false
	}
	return e, true
}

// readIndex reads a whole index; parse tells entries from rubbish.
func readIndex(r io.Reader, path string, parse func(line []byte) (Entry, bool)) ([]Entry, error) {
	var out []Entry
	first := true
	_, err := eachLine(r, func(line []byte) error {
		if first {
			first = false
			if h, ok := parseHeader(line); ok {
				if h.Schema > Schema {
					return errNewer(path, h.Schema)
				}
				return nil
			}
		}
		if e, ok := parse(line); ok {
			out = append(out, e)
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrNewer) {
		err = fmt.Errorf("read %s: %w", path, err)
	}
	return out, err
}
