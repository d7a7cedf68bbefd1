package archive

import "github.com/oklog/ulid/v2"

// scanned is a line of an index as this package writes it, taken apart
// without decoding: a day of 27,777 lines is read while a person does not
// notice, where encoding/json takes 300 ms. Strings are those of the line,
// between the quotes; nil what is absent, -1 an absent number.
type scanned struct {
	id       ulid.ULID
	report   ulid.ULID // of the file
	at       int64     // ns since 1970
	atText   []byte
	node     []byte
	target   []byte
	asked    []byte
	protocol []byte
	source   []byte
	reason   []byte
	event    []byte
	tags     []byte // the whole object
	state    []byte
	ended    []byte
	ttl      int32
	lost     int32
	sent     int32
	avg      int32
	min      int32
	median   int32
	max      int32
	verdict  []byte
	grade    []byte
	fresh    []byte
	first    []byte // a number
	file     []byte // without the day
	dd       int    // the day that is before it in a target's file
	escaped  bool   // some string has a backslash
}

// scanLine takes a line apart. false: it is not plainly one of ours, and
// encoding/json must say what it is. What it takes, encoding/json takes too,
// with the same result (FuzzScan). lastDay is 0 for a day's index, and for a
// target's file the last day of its month.
func scanLine(line []byte, lastDay int, s *scanned) bool {
	*s = scanned{ttl: -1, lost: -1, sent: -1, avg: -1, min: -1, median: -1, max: -1}
	c := cursor{b: line}
	var raw []byte
	ok := c.lit(`{"id":"`) && c.take(ulid.EncodedSize, &raw) && plainULID(raw, &s.id) &&
		c.lit(`","at":"`) && c.str(&s.atText) && plainTime(s.atText, &s.at) &&
		c.lit(`,"node":"`) && c.str(&s.node) &&
		c.optStr(`,"target":"`, &s.target) &&
		c.lit(`,"asked":"`) && c.str(&s.asked) &&
		c.lit(`,"protocol":"`) && c.str(&s.protocol) &&
		c.lit(`,"source":"`) && c.str(&s.source) &&
		c.optStr(`,"reason":"`, &s.reason) &&
		c.optStr(`,"event":"`, &s.event) &&
		c.optTags(`,"tags":{`, &s.tags) &&
		c.optStr(`,"state":"`, &s.state) &&
		c.lit(`,"ended":"`) && c.str(&s.ended) &&
		c.optInt(`,"ttl":`, &s.ttl) &&
		c.optInt(`,"lost":`, &s.lost) &&
		c.optInt(`,"sent":`, &s.sent) &&
		c.optInt(`,"avg_us":`, &s.avg) &&
		c.optInt(`,"min_us":`, &s.min) &&
		c.optInt(`,"median_us":`, &s.median) &&
		c.optInt(`,"max_us":`, &s.max) &&
		c.optStr(`,"verdict":"`, &s.verdict) &&
		c.optStr(`,"grade":"`, &s.grade) &&
		c.optStr(`,"freshness":"`, &s.fresh) &&
		c.optNumber(`,"asked_to_first_probe_ms":`, &s.first) &&
		c.lit(`,"file":"`) && c.str(&s.file) && c.lit(`}`) && c.i == len(line)
	if !ok || s.id.IsZero() || s.target != nil && len(s.target) == 0 {
		return false
	}
	if lastDay > 0 {
		if len(s.file) < 3 || s.file[2] != '/' || !two(s.file, &s.dd) || s.dd < 1 || s.dd > lastDay {
			return false
		}
		s.file = s.file[3:]
	}
	s.escaped = c.escaped
	return plainFile(s.file, &s.report)
}
