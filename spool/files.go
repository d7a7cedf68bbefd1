package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"
)

// sortVisible drops the names that begin with a dot and sorts the others:
// by ULID, so by time of acceptance.
func sortVisible(names []string) []string {
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, ".") })
	slices.Sort(names)
	return names
}

// readLimited reads at most limit bytes; 0 is no limit.
func readLimited(f *os.File, limit int) ([]byte, error) {
	if limit == 0 {
		return io.ReadAll(f)
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err == nil && len(data) > limit {
		return nil, fmt.Errorf("%s: is longer than %d bytes", f.Name(), limit)
	}
	return data, err
}

// probePrefix begins the line of a probe in an events file (docs/formats.md,
// "Events"): that such a line is there is all that this package knows of
// their content.
const probePrefix = `{"e":"p",`

// joinPrefix begins the line of another request that the trace serves too;
// its ID follows.
const joinPrefix = `{"e":"join","id":"`

// joinsIn gives the IDs of the jobs that joined a trace.
func joinsIn(data []byte) (ids []ulid.ULID) {
	for len(data) > 0 {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if text, ok := bytes.CutPrefix(line, []byte(joinPrefix)); ok && whole && len(text) > ulid.EncodedSize {
			if id, ok := parseID(string(text[:ulid.EncodedSize])); ok {
				ids = append(ids, id)
			}
		}
		data = rest
	}
	return ids
}

// hasProbe says whether data holds at least one whole line of a probe. The
// first byte of data must begin a line.
func hasProbe(data []byte) bool {
	for len(data) > 0 {
		line, rest, whole := bytes.Cut(data, []byte("\n"))
		if whole && bytes.HasPrefix(line, []byte(probePrefix)) {
			return true
		}
		data = rest
	}
	return false
}

// eventsSeen is what this package wants to know of an events file.
type eventsSeen struct {
	sent   bool // it holds a probe
	torn   bool // it does not end with a whole line
	joined []ulid.ULID
}

// readEvents looks at an events file. One that is not there has nothing in it.
func (s *Spool) readEvents(path string) (eventsSeen, error) {
	data, err := s.fs.read(path, 0)
	if errors.Is(err, os.ErrNotExist) {
		return eventsSeen{}, nil
	}
	if err != nil {
		return eventsSeen{}, err
	}
	return eventsSeen{hasProbe(data), len(data) > 0 && data[len(data)-1] != '\n', joinsIn(data)}, nil
}
