package probe

import (
	"bytes"
	"io"
)

// maxLine is longer than any answer: mtr-packet's own buffer has 4,096 bytes.
const maxLine = 16 << 10

// lineReader cuts what a child writes into lines.
type lineReader struct {
	r          io.Reader
	buf        [4 * maxLine]byte
	start, end int
}

// next is the next line without its newline, valid until the call after.
// What is longer than maxLine comes in pieces, and is no answer.
func (l *lineReader) next() ([]byte, error) {
	for {
		if line, ok := l.buffered(); ok {
			return line, nil
		}
		if l.start > 0 {
			l.end = copy(l.buf[:], l.buf[l.start:l.end])
			l.start = 0
		}
		n, err := l.r.Read(l.buf[l.end:])
		l.end += n
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// buffered is the next line if it needs no reading.
func (l *lineReader) buffered() ([]byte, bool) {
	have := l.buf[l.start:l.end]
	if i := bytes.IndexByte(have, '\n'); i >= 0 {
		l.start += i + 1
		return have[:i], true
	}
	if len(have) > maxLine {
		l.start += maxLine
		return have[:maxLine], true
	}
	return nil, false
}
