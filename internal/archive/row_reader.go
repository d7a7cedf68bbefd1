package archive

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// A rowReader reads lines at known places, through a window of the file.
type rowReader struct {
	f    *os.File
	end  int64 // of the last whole line
	from int64
	buf  []byte
}

const (
	usualLine  = 2 << 10 // most lines are shorter
	nearEnough = 1 << 20 // lines within it are read in one piece
)

// around reads the stretch of the file in which the lines of rows lie,
// where that is short: those of a page mostly follow each other.
func (r *rowReader) around(off []uint32, rows []uint32) error {
	if len(rows) < 2 {
		return nil
	}
	low, high := off[rows[0]], off[rows[0]]
	for _, row := range rows {
		low, high = min(low, off[row]), max(high, off[row])
	}
	if high-low > nearEnough {
		return nil
	}
	return r.load(int64(low), int64(high-low)+usualLine)
}

func (r *rowReader) load(from, size int64) error {
	size = min(size, r.end-from)
	if size <= 0 {
		return errStale
	}
	if int64(cap(r.buf)) < size {
		r.buf = make([]byte, size)
	}
	r.buf, r.from = r.buf[:size], from
	n, err := r.f.ReadAt(r.buf, from)
	if n < len(r.buf) {
		r.buf = r.buf[:0]
		if errors.Is(err, io.EOF) {
			return errStale // cut off meanwhile
		}
		return err
	}
	return nil
}

// line is the line at off, without its end.
func (r *rowReader) line(off int64) ([]byte, error) {
	for size := int64(usualLine); ; size *= 4 {
		if at := off - r.from; at >= 0 && at < int64(len(r.buf)) {
			if i := bytes.IndexByte(r.buf[at:], '\n'); i >= 0 {
				return r.buf[at : at+int64(i)], nil
			}
		}
		if size > 4*maxLineBytes {
			return nil, errStale
		}
		if err := r.load(off, size); err != nil {
			return nil, err
		}
	}
}
