package archive

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

// TestViewTargetAsByHand does the same for a target's history.
func TestViewTargetAsByHand(t *testing.T) {
	w := newWriter(t, t.TempDir(), "Europe/Berlin")
	a, loc := w.Archive, w.Location()
	r := rand.New(rand.NewPCG(7, 8))
	addr := netip.MustParseAddr("203.0.113.7")
	var all []Entry
	n := uint64(0)
	for _, month := range []string{"2026-09", "2026-10", "2026-11"} {
		first, err := ParseDate(month + "-01")
		if err != nil {
			t.Fatal(err)
		}
		data, err := headLine(header{Target: addr.String(), Month: month})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 120 {
			at := first.Start(loc).Add(time.Duration(i) * 5 * time.Hour)
			n++
			e := someEntry(t, r, at, n+5)
			e.Target, e.Day = addr, DateOf(at, loc)
			p, _ := parseName(e.Day, e.File)
			e.File = fileName(at, "203.0.113.7", p.id)
			if i > 0 && r.IntN(4) == 0 && all[len(all)-1].Day == e.Day { // it joined the one before
				e.File = all[len(all)-1].File
			}
			line, err := appendLine(nil, e, fmt.Sprintf("%02d/", e.Day.Day))
			if err != nil {
				t.Fatal(err)
			}
			data = append(data, line...)
			d, ok := decodeMonthEntry(line, month)
			if !ok {
				t.Fatalf("cannot be read: %q", line)
			}
			all = append(all, d)
		}
		p := filepath.Join(w.Dir(), targetDir("203.0.113.7"), month+".jsonl")
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	first, last := all[0].At, all[0].At
	for _, e := range all {
		if e.At.Before(first) {
			first = e.At
		}
		if e.At.After(last) {
			last = e.At
		}
	}
	for range 100 {
		from, to := time.Time{}, time.Time{}
		if r.IntN(2) == 0 {
			from = all[0].At.AddDate(0, 0, r.IntN(80)-5)
		}
		if r.IntN(2) == 0 {
			to = all[0].At.AddDate(0, 0, r.IntN(90)+1)
		}
		var inside []Entry
		for _, e := range all {
			if (from.IsZero() || !e.At.Before(from)) && (to.IsZero() || e.At.Before(to)) {
				inside = append(inside, e)
			}
		}
		v := someView(r, all[0].At, idsOf(all))
		got, err := a.ViewTarget("::ffff:203.0.113.7", from, to, 12, v)
		if err != nil {
			t.Fatal(err)
		}
		matching, shown := naive(inside, v)
		if got.Target != addr.String() || got.Total != len(inside) || got.Matching != matching || !got.First.Equal(first) || !got.Last.Equal(last) {
			t.Fatalf("%s: %d of %d, not %d of %d; %s to %s, not %s to %s", got.Target, got.Matching, got.Total, matching, len(inside), got.First, got.Last, first, last)
		}
		if diff := gocmp.Diff(shown, got.Entries, append(sameEntries, equateEmpty)...); diff != "" {
			t.Fatalf("%+v (-by hand +view):\n%s", v, diff)
		}
		v.Limit, v.Offset, v.Sort, v.Before = 0, 0, "", ulid.ULID{}
		_, matched := naive(inside, v)
		checkBuckets(t, got, matched)
	}
}

// checkBuckets adds up the reports of each bucket by hand.
func checkBuckets(t *testing.T, v *TargetView, entries []Entry) {
	t.Helper()
	slices.SortFunc(entries, func(a, b Entry) int { return a.ID.Compare(b.ID) })
	matches := map[ulid.ULID]bool{}
	for _, e := range entries {
		matches[e.ID] = true
	}
	seen := map[ulid.ULID]bool{}
	reports := make([]int, len(v.Buckets))
	lost, sent, unknown := slices.Clone(reports), slices.Clone(reports), slices.Clone(reports)
	low, high := make([]int64, len(reports)), make([]int64, len(reports))
	for _, e := range entries {
		p, _ := parseName(e.Day, e.File)
		if seen[p.id] || p.id != e.ID && matches[p.id] {
			continue
		}
		seen[p.id] = true
		i := slices.IndexFunc(v.Buckets, func(b Bucket) bool { return !e.At.Before(b.Start) && e.At.Before(b.Start.Add(b.Length)) })
		if i < 0 {
			t.Fatalf("%s is in no bucket", e.At)
		}
		reports[i]++
		if e.Loss() != nil {
			lost[i], sent[i] = lost[i]+*e.Lost, sent[i]+*e.Sent
		} else {
			unknown[i]++
		}
		if least := cmp.Or(e.MinUS, e.AvgUS); least != nil && (low[i] == 0 || *least < low[i]) {
			low[i] = *least
		}
		if most := cmp.Or(e.MaxUS, e.AvgUS); most != nil {
			high[i] = max(high[i], *most)
		}
	}
	for i, b := range v.Buckets {
		if b.Reports != reports[i] || b.Lost != lost[i] || b.Sent != sent[i] || b.Unknown != unknown[i] {
			t.Fatalf("bucket %d: %+v, not %d reports, %d of %d lost, %d unknown", i, b, reports[i], lost[i], sent[i], unknown[i])
		}
		if (b.RTTMin == nil) != (b.RTTMax == nil) || b.RTTMin != nil && (b.RTTMin.Microseconds() != low[i] || b.RTTMax.Microseconds() != high[i]) {
			t.Fatalf("bucket %d: RTT %v to %v, not %d to %d µs", i, b.RTTMin, b.RTTMax, low[i], high[i])
		}
		if b.RTTMin != nil && (*b.RTTMedian < *b.RTTMin || *b.RTTMedian > *b.RTTMax) {
			t.Fatalf("bucket %d: median %v is not within", i, b.RTTMedian)
		}
	}
}
