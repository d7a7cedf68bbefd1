package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxBytes is the most that Decode reads of one report. The longest
// trace by default (300 s, 30 hops) makes about 500 kB.
const MaxBytes = 64 << 20

var (
	// ErrNewerSchema says that a report was written by a later version
	// of mtrq, in a format that this one cannot be sure to understand.
	ErrNewerSchema = errors.New("report has a newer schema: read it with a newer mtrq")
	// ErrInvalid says that what was read is no report.
	ErrInvalid = errors.New("not a report")
)

// Encode writes a report as JSON, a field a line and a series a line, so
// that people can read it and diff can compare it.
func Encode(w io.Writer, r *Report) error {
	var compact bytes.Buffer
	enc := json.NewEncoder(&compact)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return fmt.Errorf("encode report %s: %w", r.Evidence.ID, err)
	}
	if _, err := w.Write(layout(compact.Bytes())); err != nil {
		return fmt.Errorf("write report %s: %w", r.Evidence.ID, err)
	}
	return nil
}

// Decode reads a report and checks that it holds together: what it
// returns can be shown and judged without further care. It gives
// ErrNewerSchema for one from the future, and ErrInvalid for anything
// that is none. Fields that it does not know are skipped.
func Decode(r io.Reader) (*Report, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read report: %w", err)
	}
	if len(b) > MaxBytes {
		return nil, fmt.Errorf("%w: longer than %d bytes", ErrInvalid, MaxBytes)
	}
	var head struct {
		MTRQ *struct {
			Schema int `json:"schema"`
		} `json:"mtrq"`
	}
	// A wrong type elsewhere in the head does not hide a newer schema.
	if err := json.Unmarshal(b, &head); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrInvalid, err)
	}
	switch {
	case head.MTRQ == nil:
		return nil, fmt.Errorf("%w: it has no \"mtrq\" object", ErrInvalid)
	case head.MTRQ.Schema > Schema:
		return nil, fmt.Errorf("%w (it has %d, this reads up to %d)", ErrNewerSchema, head.MTRQ.Schema, Schema)
	}
	var out Report
	if err := json.Unmarshal(b, &out); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrInvalid, err)
	}
	if err := out.Evidence.check(); err != nil {
		return nil, fmt.Errorf("%w: %v", ErrInvalid, err)
	}
	return &out, nil
}

// layout indents compact JSON by two spaces, but leaves arrays that hold
// no object, and objects of up to 160 bytes, on one line.
func layout(src []byte) []byte {
	var dst []byte
	var walk func(depth int) // copies one value
	i := 0
	newline := func(depth int) {
		dst = append(dst, '\n')
		for range depth {
			dst = append(dst, ' ', ' ')
		}
	}
	str := func() { // src[i] is the opening quote
		j := i + 1
		for src[j] != '"' {
			if src[j] == '\\' {
				j++
			}
			j++
		}
		dst = append(dst, src[i:j+1]...)
		i = j + 1
	}
	walk = func(depth int) {
		if end, ok := oneLine(src[i:]); ok {
			dst = append(dst, src[i:i+end]...)
			i += end
			return
		}
		switch src[i] {
		case '{', '[':
			open := src[i]
			dst = append(dst, open)
			i++
			for src[i] != '}' && src[i] != ']' {
				newline(depth + 1)
				if open == '{' {
					str()
					dst = append(dst, ':', ' ')
					i++
				}
				walk(depth + 1)
				if src[i] == ',' {
					dst = append(dst, ',')
					i++
				}
			}
			newline(depth)
			dst = append(dst, src[i])
			i++
		}
	}
	walk(0)
	return append(dst, '\n')
}

// oneLine says whether the value at the start of src stays on one line,
// and where it ends. src is valid compact JSON.
func oneLine(src []byte) (end int, ok bool) {
	depth, objects, quoted := 0, 0, false
	for i, c := range src {
		switch {
		case quoted:
			if c == '"' && !escaped(src[:i]) {
				quoted = false
			}
		case c == '"':
			quoted = true
		case c == '{' || c == '[':
			depth++
			if c == '{' {
				objects++
			}
		case c == '}' || c == ']':
			depth--
		}
		if objects > 0 && i > 160 {
			return 0, false
		}
		last := i+1 == len(src) || src[i+1] == ',' || src[i+1] == '}' || src[i+1] == ']' || src[i+1] == '\n'
		if depth == 0 && !quoted && last {
			return i + 1, true
		}
	}
	return 0, false
}

// escaped says that the byte after b is escaped: an odd number of
// backslashes stands before it.
func escaped(b []byte) bool {
	n := 0
	for n < len(b) && b[len(b)-1-n] == '\\' {
		n++
	}
	return n%2 == 1
}
