package archive

import (
	"cmp"
	"math"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// A source is a table and the file its lines are read from, nil where it has
// none.
type source struct {
	t *table
	f *os.File
	m *matcher
}

// place is a row of one of several sources.
type place struct{ src, row uint32 }

// sources are tables looked at together: one of a day, or those of the months
// of a target, oldest first.
type sources []source

func (s sources) close() {
	for _, x := range s {
		if x.f != nil {
			x.f.Close() // only read from
		}
	}
}

func (s sources) id(p place) ulid.ULID { return s[p.src].t.ids[p.row] }

// all are the rows of requests that a test passes, by ID, each ID once.
func (s sources) all(want func(p place) bool) []place {
	n := 0
	for _, x := range s {
		n += len(x.t.order)
	}
	out := make([]place, 0, n)
	sorted := true
	for i, x := range s {
		for j, row := range x.t.order {
			p := place{uint32(i), row}
			if j == 0 && len(out) > 0 && s.id(out[len(out)-1]).Compare(s.id(p)) >= 0 {
				sorted = false
			}
			if want(p) {
				out = append(out, p)
			}
		}
	}
	if !sorted { // requests that joined over the end of a month
		slices.SortStableFunc(out, func(a, b place) int { return s.id(a).Compare(s.id(b)) })
		out = slices.CompactFunc(out, func(a, b place) bool { return s.id(a) == s.id(b) })
	}
	return out
}

// page is what a view shows of rows that match, which are sorted by ID.
func (s sources) page(rows []place, v *View) []place {
	if !v.Ascending || v.Sort != "" && v.Sort != SortTime {
		rows = slices.Clone(rows)
		slices.Reverse(rows) // newest first
	}
	if v.Sort == "" || v.Sort == SortTime {
		if !v.Before.IsZero() {
			rows = s.after(rows, v)
		}
	} else {
		s.sort(rows, v)
	}
	rows = rows[min(max(v.Offset, 0), len(rows)):]
	if v.Limit > 0 && len(rows) > v.Limit {
		rows = rows[:v.Limit]
	}
	return rows
}

// after leaves out what comes up to Before.
func (s sources) after(rows []place, v *View) []place {
	i, found := slices.BinarySearchFunc(rows, v.Before, func(p place, id ulid.ULID) int {
		if v.Ascending {
			return s.id(p).Compare(id)
		}
		return id.Compare(s.id(p))
	})
	if found {
		i++
	}
	return rows[i:]
}

// sort orders rows that are newest first, by a key in which a greater one
// stands first; those without one stand last.
func (s sources) sort(rows []place, v *View) {
	type keyed struct {
		key uint64
		p   place
	}
	key := s.key(rows, v.Sort)
	list := make([]keyed, len(rows))
	for i, p := range rows {
		k := key(p)
		if v.Ascending && k != 0 {
			k = math.MaxUint64 - k
		}
		list[i] = keyed{k, p}
	}
	slices.SortStableFunc(list, func(a, b keyed) int { return cmp.Compare(b.key, a.key) })
	for i := range list {
		rows[i] = list[i].p
	}
}

// key is how rows are ordered: greater than 0 and less than the greatest
// number, 0 where it is unknown.
func (s sources) key(rows []place, by SortKey) func(place) uint64 {
	switch by {
	case SortLoss:
		return func(p place) uint64 {
			l, ok := s[p.src].t.loss(p.row)
			if !ok {
				return 0
			}
			return math.Float64bits(l) + 1 // which are in order where none is negative
		}
	case SortVerdict:
		return s.ranks(rows, func(t *table, row uint32) uint32 { return t.class[row] }, func(a, b string) int {
			return cmp.Or(cmp.Compare(severity(report.Class(a)), severity(report.Class(b))), cmp.Compare(a, b))
		})
	case SortNode:
		return s.ranks(rows, func(t *table, row uint32) uint32 { return t.node[row] }, cmp.Compare[string])
	default:
		return s.ranks(rows, func(t *table, row uint32) uint32 {
			if n := t.target[row]; n != 0 {
				return n
			}
			return t.asked[row]
		}, CompareTargets)
	}
}

// ranks numbers the words of a column by their order; "" has none.
func (s sources) ranks(rows []place, col func(*table, uint32) uint32, compare func(a, b string) int) func(place) uint64 {
	type word struct {
		text string
		src  int
		n    uint32
	}
	rank := make([][]uint64, len(s))
	for i, x := range s {
		rank[i] = make([]uint64, x.t.words.count())
	}
	var list []word
	for _, p := range rows {
		t := s[p.src].t
		if n := col(t, p.row); n != 0 && rank[p.src][n] == 0 {
			rank[p.src][n] = 1
			list = append(list, word{string(t.words.word(n)), int(p.src), n})
		}
	}
	slices.SortFunc(list, func(a, b word) int { return compare(a.text, b.text) })
	r := uint64(0)
	for i, w := range list {
		if i == 0 || compare(list[i-1].text, w.text) != 0 {
			r++
		}
		rank[w.src][w.n] = r
	}
	return func(p place) uint64 { return rank[p.src][col(s[p.src].t, p.row)] }
}

// CompareTargets orders addresses as numbers, before names, and those in any
// case by the alphabet.
func CompareTargets(a, b string) int {
	x, errX := netip.ParseAddr(a)
	y, errY := netip.ParseAddr(b)
	switch {
	case errX == nil && errY == nil:
		return x.Compare(y)
	case errX == nil:
		return -1
	case errY == nil:
		return 1
	}
	return cmp.Compare(strings.ToLower(a), strings.ToLower(b))
}

// severity orders verdicts: what a person looks for first is the greatest.
func severity(c report.Class) int {
	order := []report.Class{
		report.Clean, report.Recovered, report.RateLimitOnly, report.TargetFilters, report.MeasurementFault, report.NotProven,
		report.PathChanged, report.Latency, report.RoutingLoop, report.OwnNetwork, report.UplinkCut, report.RealLoss,
	}
	return slices.Index(order, c)
}

// read decodes rows of a page.
func (s sources) read(rows []place) ([]Entry, error) {
	out := make([]Entry, 0, len(rows))
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].src == rows[0].src {
			n++
		}
		x := s[rows[0].src]
		numbers := make([]uint32, n)
		for i, p := range rows[:n] {
			numbers[i] = p.row
		}
		entries, err := x.t.read(x.f, numbers)
		if err != nil {
			return nil, err
		}
		out, rows = append(out, entries...), rows[n:]
	}
	return out, nil
}

// eachReport calls fn for each report that a test passes for at least one of
// its requests, with the first of those: rows are those that passed.
func (s sources) eachReport(rows []place, passed func(place) bool, fn func(place)) {
	var seen map[ulid.ULID]bool
	for _, p := range rows {
		t := s[p.src].t
		id, joined := t.reportOf(p.row)
		if joined {
			if row, ok := t.find(id); ok && passed(place{p.src, row}) || seen[id] {
				continue
			}
			if seen == nil {
				seen = map[ulid.ULID]bool{}
			}
			seen[id] = true
		}
		fn(p)
	}
}
