package archive

import (
	"cmp"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// putIndex writes an index into an archive, as a writer would.
func putIndex(t testing.TB, w *Writer, name string, head header, entries []Entry, prefix string) {
	t.Helper()
	data, err := headLine(head)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if data, err = appendLine(data, e, prefix); err != nil {
			t.Fatal(err)
		}
	}
	p := filepath.Join(w.Dir(), name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// someDay is a day's entries in no good order, some of them twice.
func someDay(t testing.TB, r *rand.Rand, day Date, loc *time.Location, n int) []Entry {
	var out []Entry
	start := day.Start(loc)
	for i := range n {
		at := start.Add(time.Duration(i) * (23 * time.Hour) / time.Duration(n)).Truncate(time.Millisecond)
		out = append(out, someEntry(t, r, at, uint64(i)+5))
		if i > 0 && r.IntN(4) == 0 { // it joined the one before
			out[i].File = out[i-1].File
		}
	}
	for range n / 3 {
		i, j := r.IntN(n), 0
		j = min(n-1, i+r.IntN(20))
		out[i], out[j] = out[j], out[i]
	}
	return append(out, out[n/2])
}

// match says whether a filter selects an entry: the meaning of Filter, to
// which tables come without decoding.
func (f *Filter) match(e *Entry) bool { return f.matchTime(e.At) && f.matchRest(e) }

func (f *Filter) matchTime(at time.Time) bool {
	return (f.From.IsZero() || !at.Before(f.From)) && (f.To.IsZero() || at.Before(f.To))
}

func (f *Filter) matchRest(e *Entry) bool {
	if f.Target != "" && !sameTarget(f.Target, e.Asked, e.Target.WithZone("").Unmap()) {
		return false
	}
	if f.Prefix.IsValid() && !f.Prefix.Contains(e.Target.WithZone("").Unmap()) {
		return false
	}
	if f.Node != "" && e.Node != f.Node || f.Source != "" && e.Source != f.Source {
		return false
	}
	if f.LossAbove != nil {
		if l := e.Loss(); l == nil || !(*l > *f.LossAbove) {
			return false
		}
	}
	if f.Reason != "" {
		part := strings.ToLower(f.Reason)
		if !strings.Contains(strings.ToLower(e.Reason), part) && !strings.Contains(strings.ToLower(e.Event), part) {
			return false
		}
	}
	return (len(f.Verdicts) == 0 || slices.Contains(f.Verdicts, e.Verdict)) &&
		(len(f.Freshness) == 0 || slices.Contains(f.Freshness, e.Freshness)) &&
		matchTags(f.Tags, e.Tags)
}

// naive is a view of entries by the meaning of Filter and SortKey.
func naive(entries []Entry, v View) (matching int, shown []Entry) {
	var out []Entry
	for _, e := range newestFirst(slices.Clone(entries)) {
		if v.Filter.match(&e) {
			out = append(out, e)
		}
	}
	matching = len(out)
	key := func(e Entry) (string, float64, bool) {
		switch v.Sort {
		case SortLoss:
			if l := e.Loss(); l != nil {
				return "", *l, true
			}
			return "", 0, false
		case SortVerdict:
			return string(e.Verdict), float64(severity(e.Verdict)), e.Verdict != ""
		case SortNode:
			return e.Node, 0, e.Node != ""
		}
		return "", 0, true
	}
	switch v.Sort {
	case "", SortTime:
		if v.Ascending {
			slices.Reverse(out)
		}
		if i := slices.IndexFunc(out, func(e Entry) bool {
			c := e.ID.Compare(v.Before)
			return v.Ascending && c > 0 || !v.Ascending && c < 0
		}); !v.Before.IsZero() {
			if i < 0 {
				i = len(out)
			}
			out = out[i:]
		}
	case SortTarget:
		text := func(e Entry) string {
			if e.Target.IsValid() {
				return e.Target.String()
			}
			return e.Asked
		}
		slices.SortStableFunc(out, func(a, b Entry) int {
			c := CompareTargets(text(b), text(a))
			if v.Ascending {
				c = -c
			}
			return c
		})
	default:
		slices.SortStableFunc(out, func(a, b Entry) int {
			aText, aNumber, aKnown := key(a)
			bText, bNumber, bKnown := key(b)
			if aKnown != bKnown {
				if aKnown {
					return -1
				}
				return 1
			}
			c := cmp.Or(cmp.Compare(bNumber, aNumber), cmp.Compare(bText, aText))
			if v.Ascending {
				c = -c
			}
			return c
		})
	}
	out = out[min(v.Offset, len(out)):]
	if v.Limit > 0 && len(out) > v.Limit {
		out = out[:v.Limit]
	}
	return matching, out
}

// someFilter asks for some of what someEntry makes.
func someFilter(r *rand.Rand, at time.Time) Filter {
	var f Filter
	one := func() bool { return r.IntN(5) == 0 }
	if one() {
		f.Target = []string{"203.0.113.3", "HOST1.example.net.", "2001:db8:0::2", "::ffff:203.0.113.4", "nowhere"}[r.IntN(5)]
	}
	if one() {
		f.Prefix = netip.MustParsePrefix([]string{"203.0.113.0/30", "203.0.113.5/30", "2001:db8::/32"}[r.IntN(3)])
	}
	if one() {
		f.Node = []string{"hk1", "节点", "HK1"}[r.IntN(3)]
	}
	if one() {
		l := []float64{-1, 0, 20, 99.5, 100}[r.IntN(5)]
		f.LossAbove = &l
	}
	if one() {
		f.Source = "http"
	}
	if one() {
		f.Reason = []string{"LOSS", "zabbix: \"icmp", "丢包", "\x00", "a\\B", "7"}[r.IntN(6)]
	}
	if one() {
		f.Verdicts = []report.Class{report.RealLoss, ""}[:1+r.IntN(2)]
	}
	if one() {
		f.Freshness = []report.Freshness{report.InEvent, report.After}
	}
	if one() {
		f.Tags = map[string]string{"circuit": []string{"", "GZ-1"}[r.IntN(2)]}
	}
	if one() {
		f.From = at.Add(time.Duration(r.IntN(24)) * time.Hour)
	}
	if one() {
		f.To = at.Add(time.Duration(r.IntN(24)) * time.Hour)
	}
	return f
}

func someView(r *rand.Rand, at time.Time, ids []ulid.ULID) View {
	v := View{Filter: someFilter(r, at), Ascending: r.IntN(2) == 0, Offset: r.IntN(2) * r.IntN(30), Limit: r.IntN(3) * 17}
	v.Sort = []SortKey{"", SortTime, SortLoss, SortTarget, SortVerdict, SortNode}[r.IntN(6)]
	if v.Sort == "" && r.IntN(2) == 0 {
		v.Before = ids[r.IntN(len(ids))]
	}
	return v
}

// TestViewDayAsByHand compares views with what encoding/json and sorting by
// hand come to, while the index grows.
func TestViewDayAsByHand(t *testing.T) {
	for _, zone := range []string{"UTC", "Asia/Shanghai"} {
		t.Run(zone, func(t *testing.T) {
			w := newWriter(t, t.TempDir(), zone)
			a, loc, day := w.Archive, w.Location(), Date{2026, 11, 23}
			r := rand.New(rand.NewPCG(5, 6))
			all := someDay(t, r, day, loc, 400)
			for i := range all {
				all[i].Day = day
			}
			name := day.Path() + "/" + indexName
			have := 0
			for round := range 60 {
				if round%10 == 0 {
					have = min(len(all), have+57)
					if round == 0 {
						putIndex(t, w, name, header{Day: day.String()}, all[:have], "")
					} else {
						grow(t, filepath.Join(w.Dir(), name), all[have-57:have])
					}
				}
				entries := readByHand(t, all[:have], day)
				v := someView(r, day.Start(loc), idsOf(entries))
				got, err := a.ViewDay(day, v)
				if err != nil {
					t.Fatal(err)
				}
				matching, shown := naive(entries, v)
				if got.Total != len(newestFirst(slices.Clone(entries))) || got.Matching != matching {
					t.Fatalf("%d of %d, not %d of %d: %+v", got.Matching, got.Total, matching, have, v)
				}
				if diff := gocmp.Diff(shown, got.Entries, append(sameEntries, equateEmpty)...); diff != "" {
					t.Fatalf("%+v (-by hand +view):\n%s", v, diff)
				}
				if want := hoursByHand(entries, v.Filter, day, loc); !slices.Equal(want, got.Hours) {
					t.Fatalf("hours %v\nnot    %v\n%+v", got.Hours, want, v.Filter)
				}
				var walked []Entry
				if err := a.WalkDay(day, v, func(e Entry) error { walked = append(walked, e); return nil }); err != nil || !slices.Equal(idsOf(walked), idsOf(shown)) {
					t.Fatalf("walked %v, not %v: %v", idsOf(walked), idsOf(shown), err)
				}
			}
		})
	}
}

var equateEmpty = gocmp.Transformer("empty", func(e []Entry) []Entry {
	if e == nil {
		return []Entry{}
	}
	return e
})

// readByHand are entries as encoding/json reads them from their lines.
func readByHand(t testing.TB, entries []Entry, day Date) []Entry {
	var out []Entry
	for _, e := range entries {
		line, err := appendLine(nil, e, "")
		if err != nil {
			t.Fatal(err)
		}
		d, ok := decodeEntry(line, day)
		if !ok {
			t.Fatalf("cannot be read: %q", line)
		}
		out = append(out, d)
	}
	return out
}

// grow appends to a file what a writer would, after a torn line.
func grow(t testing.TB, name string, entries []Entry) {
	t.Helper()
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, e := range entries {
		line, err := appendLine([]byte("{\"id\":\"torn\n"), e, "")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(line); err != nil {
			t.Fatal(err)
		}
	}
}

// hoursByHand counts reports by hour, each once.
func hoursByHand(entries []Entry, f Filter, day Date, loc *time.Location) []HourCount {
	out := emptyHours(day, loc)
	sorted := newestFirst(slices.Clone(entries))
	slices.Reverse(sorted)
	f.From, f.To = time.Time{}, time.Time{}
	matches := map[ulid.ULID]bool{}
	for _, e := range sorted {
		if f.match(&e) {
			matches[e.ID] = true
		}
	}
	counted := map[ulid.ULID]bool{}
	for _, e := range sorted {
		p, _ := parseName(day, e.File)
		if !matches[e.ID] || counted[p.id] || p.id != e.ID && matches[p.id] {
			continue
		}
		counted[p.id] = true
		h := &out[min(max(int(e.At.Sub(out[0].Start)/time.Hour), 0), len(out)-1)]
		h.Reports++
		if l := e.Loss(); l != nil && *l > 0 {
			h.Lossy++
		}
		if e.Verdict == report.RealLoss {
			h.RealLoss++
		}
	}
	return out
}
