package archive

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
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

// backBlock is how much eachLineBack reads at a time.
const backBlock = 1 << 20

// eachLineBack is eachLine from the end of a file to its beginning, where
// the newest lines are the ones that are wanted. first is said of the line
// with which the file begins.
func eachLineBack(f *os.File, fn func(line []byte, first bool) error) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	var room []byte
	var ends []int  // of lines in the block
	var rest []byte // of the block behind: the end of a line that begins before it
	torn := true    // what comes after the last line end is
	for end := st.Size(); end > 0; {
		from := max(0, end-backBlock)
		n := int(end - from)
		room = slices.Grow(room[:0], n+len(rest))[:n+len(rest)]
		copy(room[n:], rest) // which may lie at its beginning
		buf := room
		if _, err := f.ReadAt(buf[:n], from); err != nil {
			return err // shorter than a moment ago: an append that failed was taken back
		}
		end = from
		ends = ends[:0]
		for i := 0; ; { // forwards, which bytes does many at a time
			j := bytes.IndexByte(buf[i:], '\n')
			if j < 0 {
				break
			}
			ends = append(ends, i+j)
			i += j + 1
		}
		for _, i := range slices.Backward(ends) {
			line := buf[i+1:]
			buf = buf[:i]
			if !torn && len(line) < maxLineBytes {
				if err := fn(line, false); err != nil {
					return err
				}
			}
			torn = false
		}
		rest = buf
		if len(rest) > 4*backBlock {
			return fmt.Errorf("a line of more than %d bytes", len(rest))
		}
	}
	if torn || len(rest) >= maxLineBytes {
		return nil
	}
	return fn(rest, true)
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
	var s scanned
	if scanLine(line, 0, &s) {
		if e, ok := s.entry(); ok {
			e.Day = day
			return e, true
		}
	}
	return decodeEntry(line, day)
}

// decodeEntry is parseEntry without a short cut.
func decodeEntry(line []byte, day Date) (Entry, bool) {
	var e Entry
	if json.Unmarshal(line, &e) != nil || e.ID.IsZero() || e.At.IsZero() {
		return Entry{}, false
	}
	e.Day = day
	if _, ok := parseName(day, e.File); !ok {
		return Entry{}, false
	}
	e.sane()
	return e, true
}

// parseMonthEntry reads a line of a target's file, where "file" begins
// with the day.
func parseMonthEntry(line []byte, month string) (Entry, bool) {
	var s scanned
	if first, err := ParseDate(month + "-01"); err == nil && scanLine(line, lastOf(first).Day, &s) {
		if e, ok := s.entry(); ok {
			e.Day = first.Add(s.dd - 1)
			return e, true
		}
	}
	return decodeMonthEntry(line, month)
}

// decodeMonthEntry is parseMonthEntry without a short cut.
func decodeMonthEntry(line []byte, month string) (Entry, bool) {
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
	e.sane()
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
