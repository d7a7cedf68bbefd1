package spool

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// sortVisible drops the names that begin with a dot and sorts the others:
// by ULID, so by time of acceptance.
func sortVisible(names []string) []string {
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, ".") })
	slices.Sort(names)
	return names
}

// readSmall reads a regular file of at most limit bytes, following no link.
func readSmall(path string, limit int) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	data, err := readLimited(f, limit)
	return data, errors.Join(err, f.Close())
}

func readLimited(f *os.File, limit int) ([]byte, error) {
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

// readEvents looks at an events file: was a probe sent, and does it end with
// a whole line? A file that is not there has no probe and no torn line.
func readEvents(path string) (sent, torn bool, err error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	return hasProbe(data), len(data) > 0 && data[len(data)-1] != '\n', nil
}
