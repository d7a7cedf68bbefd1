package archive

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"math"
	"os"
	"slices"
)

// fileState is how far a file has been read, and how to tell that it is
// still the same one: inode numbers are used again.
type fileState struct {
	info  os.FileInfo
	whole int64  // bytes of whole lines
	head  []byte // of its first line, at most headBytes
	gen   string // its generation; "" without a first line
	last  int64  // where the last whole line begins
	tail  uint64 // hash of that line
}

const headBytes = 512

// A builder makes tables. What it needs for that is used again: it is one of
// few, so that many readers at once need no more memory than few.
type builder struct {
	seed maphash.Seed
	buf  []byte
	in   *interner
	t    *table
	line scanned
	addr []bool // words known to be addresses
	raw  []byte // an unquoted string
}

func newBuilder(seed maphash.Seed) *builder {
	return &builder{seed: seed, buf: make([]byte, maxLineBytes), in: newInterner()}
}

// grow reads on where old ended, or from the beginning where the file is
// another one. old may be nil; it stays as it is.
func (b *builder) grow(ctx context.Context, f *os.File, old *table, fresh table) (*table, error) {
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if st.Size() > math.MaxUint32 {
		return nil, fmt.Errorf("read %s: an index of more than 4 GiB is none of mtrq's", f.Name())
	}
	if old != nil {
		same, err := b.same(f, st, old)
		if err != nil {
			return nil, err
		}
		if same && st.Size() == old.file.info.Size() {
			return old, nil
		}
		if !same {
			old = nil
		}
	}
	t := &fresh
	if old != nil {
		shared := *old
		t = &shared
	}
	t.file.info = st
	b.t = t
	b.in.begin(&t.words)
	b.addr = b.addr[:0]
	defer func() { b.t, b.in.w = nil, nil }()
	from, before := t.file.whole, t.rows()
	if before == 0 {
		b.expect(st.Size())
	}
	rows := 0
	whole, err := b.lines(io.NewSectionReader(f, from, st.Size()-from), func(off int64, line []byte) error {
		if rows++; rows%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		t.file.last, t.file.tail = from+off, maphash.Bytes(b.seed, line)
		if from == 0 && rows == 1 {
			t.file.head = slices.Clone(line[:min(len(line), headBytes)])
			if h, ok := parseHeader(line); ok {
				if h.Schema > Schema {
					return errNewer(f.Name(), h.Schema)
				}
				t.file.gen = h.Generation
				return nil
			}
		}
		b.add(line, uint32(from+off))
		return nil
	})
	if err != nil {
		if !errors.Is(err, ErrNewer) && ctx.Err() == nil {
			err = fmt.Errorf("read %s: %w", f.Name(), err)
		}
		return nil, err
	}
	t.file.whole = from + whole
	t.sortFrom(before)
	return t, nil
}

// same says whether f is the file that t was read from, grown or not.
func (b *builder) same(f *os.File, st os.FileInfo, t *table) (bool, error) {
	was := t.file.info
	if !os.SameFile(was, st) || st.Size() < t.file.whole {
		return false, nil
	}
	if st.Size() == was.Size() {
		return st.ModTime().Equal(was.ModTime()), nil
	}
	if t.file.whole == 0 {
		return true, nil
	}
	head := b.buf[:len(t.file.head)]
	if _, err := f.ReadAt(head, 0); err != nil {
		return false, ignoreEOF(err)
	}
	if !bytes.Equal(head, t.file.head) {
		return false, nil
	}
	// Where appending failed lines are taken back, and others come there.
	last := b.buf[:min(t.file.whole-t.file.last, int64(len(b.buf)))]
	if _, err := f.ReadAt(last, t.file.last); err != nil {
		return false, ignoreEOF(err)
	}
	return maphash.Bytes(b.seed, bytes.TrimSuffix(last, []byte("\n"))) == t.file.tail, nil
}

// ignoreEOF makes a file that has just become shorter another file.
func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// lines is eachLine with the place of each line.
func (b *builder) lines(r io.Reader, fn func(off int64, line []byte) error) (whole int64, err error) {
	var off int64 // of the buffer's first byte
	n, long := 0, false
	for {
		got, err := r.Read(b.buf[n:])
		n += got
		rest := b.buf[:n]
		for {
			i := bytes.IndexByte(rest, '\n')
			if i < 0 {
				break
			}
			at := off + int64(n-len(rest))
			if !long {
				if err := fn(at, rest[:i]); err != nil {
					return whole, err
				}
			}
			long = false
			rest = rest[i+1:]
			whole = at + int64(i) + 1
		}
		off += int64(n - len(rest))
		n = copy(b.buf, rest)
		if n == len(b.buf) { // the line is too long
			off, n, long = off+int64(n), 0, true
		}
		if errors.Is(err, io.EOF) {
			return whole, nil
		}
		if err != nil {
			return whole, err
		}
	}
}
