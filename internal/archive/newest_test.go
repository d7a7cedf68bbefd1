package archive

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// mixedLines are the lines of a day as waiting, recovery and other programs
// leave them: in no order of time, some of them strange.
func mixedLines(t *testing.T, day Date, n int) (lines []string) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		at := day.Start(time.UTC).Add(time.Duration(rng.Int64N(int64(dayLong))))
		r := makeReport(t, at, uint64(i), "203.0.113.7")
		id := r.Evidence.ID
		if i%7 == 0 { // an ID that its sender gave, of another time
			id = makeID(t, at.Add(-time.Duration(rng.Int64N(int64(dayLong)))), uint64(i))
			r.Evidence.Requests[0].ID = id
		}
		data, err := appendLine(nil, entriesOf(r, day, fileName(at, "203.0.113.7", id), time.UTC)[0], "")
		ok(t, err)
		line := strings.TrimSuffix(string(data), "\n")
		switch i % 11 {
		case 1:
			line = strings.Replace(line, `"id":`, ` "id" : `, 1)
		case 2:
			line = strings.Replace(line, id.String(), strings.ToLower(id.String()), 1)
		case 3:
			line = line[:len(line)/2]
		case 4:
			line = strings.Replace(line, "Z\",", "+00:00\",", 1)
		}
		lines = append(lines, line)
	}
	return lines
}

// TestNewestIsWhole holds what is found with the short cut to what is
// found by decoding every line.
func TestNewestIsWhole(t *testing.T) {
	day := Date{2026, 11, 23}
	lines := mixedLines(t, day, 600)
	for _, limit := range []int{0, 1, 20} {
		for _, hours := range []int{0, 1, 13, 23, 24} {
			t.Run(fmt.Sprintf("limit %d since %d", limit, hours), func(t *testing.T) {
				q := Query{Limit: limit}
				if hours > 0 {
					q.Since = day.Start(time.UTC).Add(time.Duration(hours) * time.Hour)
				}
				n := newNewest(q)
				var all []Entry
				for _, line := range lines {
					n.add([]byte(line), day)
					if e, ok := decodeEntry([]byte(line), day); ok {
						all = append(all, e)
					}
				}
				want := q.limit(newestFirst(q.filter(all)))
				if d := cmp.Diff(idsOf(want), idsOf(q.limit(newestFirst(n.found)))); d != "" {
					t.Errorf("-want +got\n%s", d)
				}
			})
		}
	}
}

// TestNewestTakesFew counts the lines that are taken apart.
func TestNewestTakesFew(t *testing.T) {
	day := Date{2026, 11, 23}
	var lines [][]byte
	for i := range 1000 { // oldest first
		at := day.Start(time.UTC).Add(time.Duration(i) * time.Minute)
		r := makeReport(t, at, uint64(i), "203.0.113.7")
		line, err := appendLine(nil, entriesOf(r, day, fileName(at, "203.0.113.7", r.Evidence.ID), time.UTC)[0], "")
		ok(t, err)
		lines = append(lines, line[:len(line)-1])
	}
	since := day.Start(time.UTC).Add(990 * time.Minute)
	for name, c := range map[string]struct {
		q    Query
		want int
	}{
		"all":       {Query{}, 1000},
		"since":     {Query{Since: since}, 10},
		"newest 10": {Query{Limit: 10}, 4*10 + 64},
	} {
		n, taken := newNewest(c.q), 0
		for i := range lines {
			line := lines[len(lines)-1-i]
			if !n.tooOld(line) {
				taken++
			}
			n.add(line, day)
		}
		if taken != c.want {
			t.Errorf("%s: %d lines taken apart, want %d", name, taken, c.want)
		}
	}
}
