package archive

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// nearDays is how far a report's day can lie from that of its ULID: a
// sender's own ULID is taken within 24 hours, which are two dates where a
// day has 23; and a report lies by its first request, which those that join
// it follow by less than a day.
const nearDays = 2

// AmbiguousError is a beginning of an ID that more than one report has.
type AmbiguousError struct {
	Ref string
	IDs []ulid.ULID // some of them, newest first
}

// Error names some of them.
func (e *AmbiguousError) Error() string {
	ids := make([]string, len(e.IDs))
	for i, id := range e.IDs {
		ids[i] = id.String()
	}
	return fmt.Sprintf("%q begins more than one ID: %s", e.Ref, strings.Join(ids, ", "))
}

// maxAmbiguous is how many IDs an AmbiguousError names.
const maxAmbiguous = 5

// Find finds a request by its ID, by a beginning of it that no other has,
// or the newest by "last". It fails with ErrNotFound or *AmbiguousError.
func (a *Archive) Find(ref string) (Entry, error) {
	t, err := a.open()
	if errors.Is(err, fs.ErrNotExist) {
		return Entry{}, fmt.Errorf("find %q: %w: the archive %s is empty", ref, ErrNotFound, a.dir)
	}
	if err != nil {
		return Entry{}, err
	}
	days, err := a.Days()
	if err != nil {
		return Entry{}, err
	}
	if ref == "last" {
		return a.last(t, days)
	}
	prefix := strings.ToUpper(ref)
	low, high, ok := bounds(prefix)
	if !ok {
		return Entry{}, fmt.Errorf("find %q: %w: an ID has 26 characters of 0-9 and A-Z without I, L, O and U; a beginning of it is enough", ref, ErrNotFound)
	}
	if low == high {
		if e, ok := a.lookup(t, low); ok {
			return e, nil
		}
	}
	from := DateOf(ulid.Time(low.Time()), t.loc).Add(-nearDays)
	to := DateOf(ulid.Time(high.Time()), t.loc).Add(nearDays)
	var found []Entry
	for _, day := range days {
		if day.Compare(from) < 0 || day.Compare(to) > 0 {
			continue
		}
		entries, err := t.dayWith(day, prefix)
		if err != nil {
			return Entry{}, err
		}
		if found = append(found, entries...); len(found) > maxAmbiguous {
			break
		}
	}
	switch found = newestFirst(found); len(found) {
	case 0:
		return Entry{}, fmt.Errorf("find %q: %w", ref, ErrNotFound)
	case 1:
		return found[0], nil
	}
	e := &AmbiguousError{Ref: ref}
	for _, f := range found[:min(len(found), maxAmbiguous)] {
		e.IDs = append(e.IDs, f.ID)
	}
	return Entry{}, e
}

// bounds are the least and the greatest ULID that begin so.
func bounds(prefix string) (low, high ulid.ULID, ok bool) {
	if prefix == "" || len(prefix) > ulid.EncodedSize {
		return low, high, false
	}
	pad := ulid.EncodedSize - len(prefix)
	low, err := ulid.ParseStrict(prefix + strings.Repeat("0", pad))
	if err != nil {
		return low, high, false
	}
	high, err = ulid.ParseStrict(prefix + strings.Repeat("Z", pad))
	return low, high, err == nil
}

// last is the newest request of the newest day that has any.
func (a *Archive) last(t *tree, days []Date) (Entry, error) {
	for _, day := range days {
		entries, err := t.day(day)
		if err != nil {
			return Entry{}, err
		}
		if len(entries) > 0 {
			return entries[0], nil
		}
	}
	return Entry{}, fmt.Errorf("find \"last\": %w: the archive %s is empty", ErrNotFound, a.dir)
}

// dayWith lists a day's entries whose ID begins so: those of the index and
// those of files that a crash left without a line.
func (t *tree) dayWith(day Date, prefix string) ([]Entry, error) {
	path := day.Path() + "/" + indexName
	var out []Entry
	f, err := openFile(t.root, path)
	switch {
	case err == nil:
		defer f.Close() // only read from
		out, err = readIndex(f, path, func(line []byte) (Entry, bool) {
			// Decoding is what costs (5 µs a line); most lines need none.
			if !bytes.Contains(line, []byte(prefix)) {
				return Entry{}, false
			}
			e, ok := parseEntry(line, day)
			return e, ok && strings.HasPrefix(e.ID.String(), prefix)
		})
		if err != nil {
			return nil, err
		}
	case !noIndex(err):
		return nil, err
	}
	t.readable(day, func(file string, n parsedName) {
		known := func(e Entry) bool { return e.ID == n.id }
		if strings.HasPrefix(n.id.String(), prefix) && !slices.ContainsFunc(out, known) {
			out = append(out, nameEntry(day, file, n, t.loc))
		}
	})
	return out, nil
}

// Path is where the report of an entry lies, without ".json" or ".txt"; in
// a day that was compressed, the name of its directory is that of a zip.
func (a *Archive) Path(e Entry) string {
	return filepath.Join(a.dir, filepath.FromSlash(e.Day.Path()), filepath.FromSlash(e.File))
}

// JSON is the report of an entry as it was written.
func (a *Archive) JSON(e Entry) ([]byte, error) { return a.read(e, ".json") }

// Load reads the report of an entry.
func (a *Archive) Load(e Entry) (*report.Report, error) {
	data, err := a.JSON(e)
	if err != nil {
		return nil, err
	}
	r, err := decodeReport(data)
	if err != nil {
		return nil, fmt.Errorf("load report %s: %w", a.Path(e)+".json", err)
	}
	return r, nil
}

// Text is the report of an entry as text. Where its file is gone it is
// made again.
func (a *Archive) Text(e Entry) ([]byte, error) {
	data, err := a.read(e, ".txt")
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	r, err := a.Load(e)
	if err != nil {
		return nil, err
	}
	return textOf(r, a.Location()), nil
}

func (a *Archive) read(e Entry, ending string) ([]byte, error) {
	t, err := a.open()
	if err != nil {
		return nil, err
	}
	if _, ok := parseName(e.Day, e.File); !ok { // an Entry can be made by anyone
		return nil, fmt.Errorf("load report %s: %w: %q is no file of %s", e.ID, ErrNotFound, e.File, e.Day)
	}
	data, err := t.readReport(e.Day, e.File, ending)
	if err != nil {
		return nil, fmt.Errorf("load report %s in %s: %w", e.ID, a.dir, err)
	}
	return data, nil
}
