package archive

import "github.com/oklog/ulid/v2"

// newest gathers what a query selects of an index.
type newest struct {
	q     Query
	since int64 // ns since 1970
	found []Entry
	least ulid.ULID // what is older is not wanted: the limit is reached without it
}

func (n *newest) add(line []byte, day Date) {
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
		}
	}
}
