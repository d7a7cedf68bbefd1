package archive

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"sort"

	"github.com/oklog/ulid/v2"
)

// A table is an index in columns: what counting, choosing and sorting need,
// some 80 bytes a row, without pointers. What is shown of a row is decoded
// from its line in the file. A table does not change once it is given out;
// one of a file that has grown shares its memory with the one before.
type table struct {
	file    fileState
	month   string // of a target's file; "" for a day
	lastDay int    // of that month; 0 for a day
	day     Date   // of a day

	ids    []ulid.ULID
	at     []int64  // ns since 1970
	off    []uint32 // of the line
	lost   []int32  // probes to the target; -1 unknown
	sent   []int32
	rtt    []rtt // of a target's file only
	node   []uint32
	target []uint32 // numbers of words, as all below
	asked  []uint32
	source []uint32
	reason []uint32
	event  []uint32
	tags   []uint32 // as a JSON object
	class  []uint32
	fresh  []uint32
	words  words
	joined []joined // by row
	order  []uint32 // rows by ID, each ID once

	entries []Entry // where there is no index: the rows themselves, from names
}

// rtt are the least, the median and the greatest round-trip time in µs; -1
// what is unknown.
type rtt struct{ min, median, max int32 }

// joined is a row whose request shares the report of another one.
type joined struct {
	row    uint32
	report ulid.ULID
}

// rows is how many lines there are, those of a request's second line
// included.
func (t *table) rows() int { return len(t.ids) }

// bytes is about how much memory a table takes.
func (t *table) bytes() int64 {
	n := int64(cap(t.ids))*(16+8+4+4+4+9*4) + int64(cap(t.rtt))*12 + int64(cap(t.order))*4
	return n + int64(cap(t.words.text)) + int64(cap(t.words.ends))*4 + int64(cap(t.joined))*20 + int64(len(t.entries))*512 + 1024
}

// find is the row of a request.
func (t *table) find(id ulid.ULID) (uint32, bool) {
	i, ok := sort.Find(len(t.order), func(i int) int { return id.Compare(t.ids[t.order[i]]) })
	if !ok {
		return 0, false
	}
	return t.order[i], true
}

// reportOf is the report of a row; false: the row is its own request.
func (t *table) reportOf(row uint32) (ulid.ULID, bool) {
	if len(t.joined) == 0 {
		return ulid.ULID{}, false
	}
	i, ok := slices.BinarySearchFunc(t.joined, row, func(j joined, row uint32) int { return cmp.Compare(j.row, row) })
	if !ok {
		return ulid.ULID{}, false
	}
	return t.joined[i].report, true
}

// sortFrom brings the rows from n on into the order. They are nearly sorted:
// reports end in another order than they were asked for.
func (t *table) sortFrom(n int) {
	added := make([]uint32, 0, t.rows()-n)
	sorted := true
	for row := n; row < t.rows(); row++ {
		if row > n && t.ids[row].Compare(t.ids[row-1]) <= 0 {
			sorted = false
		}
		added = append(added, uint32(row))
	}
	if !sorted {
		// Of a request's lines the first one counts.
		slices.SortFunc(added, func(a, b uint32) int { return cmp.Or(t.ids[a].Compare(t.ids[b]), cmp.Compare(a, b)) })
		added = slices.CompactFunc(added, func(a, b uint32) bool { return t.ids[a] == t.ids[b] })
	}
	if len(t.order) == 0 {
		t.order = added
		return
	}
	old := t.order
	t.order = make([]uint32, 0, len(old)+len(added)+len(added)/4)
	for len(old) > 0 && len(added) > 0 {
		switch c := t.ids[old[0]].Compare(t.ids[added[0]]); {
		case c < 0:
			t.order, old = append(t.order, old[0]), old[1:]
		case c > 0:
			t.order, added = append(t.order, added[0]), added[1:]
		default:
			added = added[1:]
		}
	}
	t.order = append(append(t.order, old...), added...)
}

// errStale says that a file is not what its table was read from.
var errStale = errors.New("the index changed while it was read: try again")

// read decodes rows from the file that the table was read from.
func (t *table) read(f *os.File, rows []uint32) ([]Entry, error) {
	out := make([]Entry, 0, len(rows))
	if t.entries != nil {
		for _, row := range rows {
			out = append(out, t.entries[row])
		}
		return out, nil
	}
	r := rowReader{f: f, end: t.file.whole}
	if err := r.around(t.off, rows); err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name(), err)
	}
	for _, row := range rows {
		line, err := r.line(int64(t.off[row]))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.Name(), err)
		}
		e, ok := t.parse(line)
		if !ok || e.ID != t.ids[row] {
			return nil, fmt.Errorf("read %s: %w", f.Name(), errStale)
		}
		out = append(out, e)
	}
	return out, nil
}

func (t *table) parse(line []byte) (Entry, bool) {
	if t.lastDay > 0 {
		return parseMonthEntry(line, t.month)
	}
	return parseEntry(line, t.day)
}
