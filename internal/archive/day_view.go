package archive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/oklog/ulid/v2"
)

// ViewDay shows a day. A day that is not there is empty. It fails with
// ErrNewer where a newer mtrq wrote its index. Where the index is missing
// the names of files are all that is known.
func (a *Archive) ViewDay(day Date, v View) (*DayView, error) {
	t, err := a.open()
	if err != nil {
		if ignoreMissing(err) != nil {
			return nil, err
		}
		return &DayView{Day: day, Hours: emptyHours(day, time.UTC), Tag: tagOf()}, nil
	}
	var d *DayView
	err = a.unlessStale(day.Path()+"/"+indexName, func() error {
		tb, f, err := a.dayTable(context.Background(), t, day, true)
		if err != nil {
			return err
		}
		s := sources{{tb, f, newMatcher(tb, &v.Filter)}}
		defer s.close()
		d, err = viewDay(s, day, &v, t.loc)
		return err
	})
	if err != nil {
		return nil, err
	}
	ids := t.incidentNames(a, day)
	d.Incidents = a.incidentEntries(t, day, ids)
	d.Tag = tagOf(d.Tag, ids)
	return d, nil
}

// viewDay is a day's view but for its incidents; its tag is that of the
// index.
func viewDay(s sources, day Date, v *View, loc *time.Location) (*DayView, error) {
	tb, m := s[0].t, s[0].m
	d := &DayView{Day: day, Total: len(tb.order), Hours: emptyHours(day, loc), Tag: tb.tag()}
	// The strip shows all hours, those asked for are marked in it.
	rest := func(p place) bool { return m.rest(p.row) }
	rows := s.all(rest)
	start := nanos(day.Start(loc))
	s.eachReport(rows, rest, func(p place) {
		hour := int((tb.at[p.row] - start) / int64(time.Hour))
		h := &d.Hours[min(max(hour, 0), len(d.Hours)-1)]
		h.Reports++
		if l, ok := tb.loss(p.row); ok && l > 0 {
			h.Lossy++
		}
		if realLoss(tb.words.word(tb.class[p.row])) {
			h.RealLoss++
		}
	})
	if !m.timeAlways {
		n := 0
		for _, p := range rows {
			if m.inTime(p.row) {
				rows[n] = p
				n++
			}
		}
		rows = rows[:n]
	}
	d.Matching = len(rows)
	var err error
	d.Entries, err = s.read(s.page(rows, v))
	return d, err
}

// WalkDay calls fn for each entry that ViewDay would show, however many: for
// what is written as it is read. It ends with fn's error.
func (a *Archive) WalkDay(day Date, v View, fn func(Entry) error) error {
	t, err := a.open()
	if err != nil {
		return ignoreMissing(err)
	}
	tb, f, err := a.dayTable(context.Background(), t, day, true)
	if err != nil {
		return err
	}
	m := newMatcher(tb, &v.Filter)
	s := sources{{tb, f, m}}
	defer s.close()
	rows := s.page(s.all(func(p place) bool { return m.inTime(p.row) && m.rest(p.row) }), &v)
	const together = 256
	for len(rows) > 0 {
		n := min(together, len(rows))
		entries, err := s.read(rows[:n])
		if err != nil {
			return err
		}
		for i := range entries {
			if err := fn(entries[i]); err != nil {
				return err
			}
		}
		rows = rows[n:]
	}
	return nil
}

// DayTag is the Tag of a day's view, without its content: for a reader who
// may have it already. "" where it cannot be known so cheaply.
func (a *Archive) DayTag(day Date) (string, error) {
	t, err := a.open()
	if err != nil {
		return tagOf(), ignoreMissing(err)
	}
	if !t.plainDirs(day) {
		return "", nil
	}
	f, err := openFile(t.root, day.Path()+"/"+indexName)
	if noIndex(err) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer f.Close() // only read from
	st, err := f.Stat()
	if err != nil {
		return "", err
	}
	var head [headBytes]byte
	n, err := f.ReadAt(head[:], 0)
	if n == 0 && err != nil && ignoreEOF(err) != nil {
		return "", err
	}
	tb := table{file: fileState{info: st, head: firstLine(head[:n])}}
	return tagOf(tb.tag(), t.incidentNames(a, day)), nil
}

// unlessStale does something with a table once more when it turned out that
// its file is not what it was read from.
func (a *Archive) unlessStale(path string, do func() error) error {
	err := do()
	if errors.Is(err, errStale) {
		a.tables.drop(path)
		err = do()
	}
	return err
}

// emptyHours are a day's hours.
func emptyHours(day Date, loc *time.Location) []HourCount {
	var out []HourCount
	end := day.Add(1).Start(loc)
	for at := day.Start(loc); at.Before(end); at = at.Add(time.Hour) {
		out = append(out, HourCount{Start: at})
	}
	return out
}

// tag tells states of an index apart: by generation and length, or else by
// what it is made of.
func (t *table) tag() string {
	if t.entries != nil || t.file.info == nil {
		ids := make([]ulid.ULID, 0, len(t.order))
		for _, row := range t.order {
			ids = append(ids, t.ids[row])
		}
		return tagOf("names", ids)
	}
	st := t.file.info
	if _, ok := parseHeader(t.file.head); ok {
		return tagOf(string(t.file.head), st.Size())
	}
	return tagOf(string(t.file.head), st.Size(), inode(st), st.ModTime().UnixNano())
}

// tagOf is a short text that differs where what it is made of differs.
func tagOf(parts ...any) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintln(h, p) // to a hash: cannot fail
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// inode tells files of the same size and time apart.
func inode(st os.FileInfo) uint64 {
	if sys, ok := st.Sys().(*syscallStat); ok {
		return sys.Ino
	}
	return 0
}
