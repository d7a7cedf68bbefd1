package archive

import (
	"bytes"
	"math"

	"github.com/oklog/ulid/v2"
)

// newest gathers what a query selects of an index. Lines lie in the order in
// which they were written: a job that waited, or was found again after a
// crash, has its line hours after those of its time. So every line is looked
// at, but of one that is too old only the beginning.
type newest struct {
	q         Query
	since     int64 // ns since 1970
	found     []Entry
	least     ulid.ULID // what is older is not wanted: the limit is reached without it
	leastText []byte    // the same as in a line; nil: none
}

func newNewest(q Query) *newest {
	n := &newest{q: q, since: math.MinInt64}
	if !q.Since.IsZero() {
		n.since = q.Since.UnixNano()
	}
	return n
}

func (n *newest) add(line []byte, day Date) {
	if n.tooOld(line) {
		return
	}
	var s scanned
	plain := scanLine(line, 0, &s)
	if plain && (s.at < n.since || s.id.Compare(n.least) < 0) {
		return
	}
	e, ok := Entry{}, false
	if plain {
		e, ok = s.entry()
		e.Day = day
	}
	if !ok {
		if e, ok = decodeEntry(line, day); !ok {
			return
		}
	}
	if !n.q.match(e) {
		return
	}
	n.found = append(n.found, e)
	if n.q.Limit > 0 && len(n.found) >= 4*n.q.Limit+64 {
		n.found = n.q.limit(newestFirst(n.found))
		if len(n.found) == n.q.Limit {
			n.least = n.found[len(n.found)-1].ID
			n.leastText = []byte(n.least.String())
		}
	}
}

// tooOld says what the beginning of a line as this package writes it tells:
//
//	{"id":"01KAR1ABTB5H2ZJ0Q4V7W8X9YZ","at":"2026-11-23T14:05:32.123456+08:00", …
//
// Texts of IDs are in the order of IDs.
func (n *newest) tooOld(line []byte) bool {
	const head, then = `{"id":"`, `","at":"`
	const idEnd = len(head) + ulid.EncodedSize
	if len(line) < idEnd+len(then) || string(line[:len(head)]) != head || string(line[idEnd:idEnd+len(then)]) != then {
		return false
	}
	if n.leastText != nil && bytes.Compare(line[len(head):idEnd], n.leastText) < 0 {
		return true
	}
	if n.since == math.MinInt64 {
		return false
	}
	at := line[idEnd+len(then):]
	end := bytes.IndexByte(at, '"')
	var ns int64
	return end > 0 && plainTime(at[:end], &ns) && ns < n.since
}
