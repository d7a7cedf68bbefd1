package archive

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestViewDayFaults are indexes that are not as they should be.
func TestViewDayFaults(t *testing.T) {
	day := Date{2026, 11, 23}
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	index := func(w *Writer) string { return filepath.Join(w.Dir(), day.Path(), indexName) }
	change := func(t *testing.T, name string, fn func(string) string) {
		t.Helper()
		data, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(name, []byte(fn(string(data))), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		do   func(t *testing.T, w *Writer)
		want int
		err  error
	}{
		"as it is": {func(*testing.T, *Writer) {}, 2, nil},
		"torn":     {func(t *testing.T, w *Writer) { change(t, index(w), func(s string) string { return s[:len(s)-30] }) }, 1, nil},
		"huge line": {func(t *testing.T, w *Writer) {
			change(t, index(w), func(s string) string { return s + strings.Repeat("x", 3*maxLineBytes) + "\n" + `{"id":1}` + "\n" })
		}, 2, nil},
		"zeros": {func(t *testing.T, w *Writer) {
			change(t, index(w), func(s string) string { return s + strings.Repeat("\x00", 8192) })
		}, 2, nil},
		"no first": {func(t *testing.T, w *Writer) {
			change(t, index(w), func(s string) string { _, s, _ = strings.Cut(s, "\n"); return s })
		}, 2, nil},
		"empty": {func(t *testing.T, w *Writer) { change(t, index(w), func(string) string { return "" }) }, 0, nil},
		"newer": {func(t *testing.T, w *Writer) {
			change(t, index(w), func(s string) string { return strings.Replace(s, `"schema":1`, `"schema":9`, 1) })
		}, 0, ErrNewer},
		"missing": {func(t *testing.T, w *Writer) {
			if err := os.Remove(index(w)); err != nil {
				t.Fatal(err)
			}
		}, 2, nil},
		"a link": {func(t *testing.T, w *Writer) {
			if err := os.Rename(index(w), index(w)+".away"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(indexName+".away", index(w)); err != nil {
				t.Fatal(err)
			}
		}, 2, nil}, // by names
		"day is a link": {func(t *testing.T, w *Writer) {
			p := filepath.Join(w.Dir(), day.Path())
			if err := os.Rename(p, p+".away"); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink("23.away", p); err != nil {
				t.Fatal(err)
			}
		}, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWriter(t, t.TempDir(), "UTC")
			write(t, w, makeReport(t, at, 1, "203.0.113.7"), makeReport(t, at.Add(time.Hour), 2, "gone.example.net"))
			before, err := w.ViewDay(day, View{}) // what was read before must not show
			if err != nil || before.Total != 2 {
				t.Fatal(before, err)
			}
			c.do(t, w)
			for range 2 {
				got, err := w.ViewDay(day, View{})
				if !errors.Is(err, c.err) {
					t.Fatalf("%v, not %v", err, c.err)
				}
				if err == nil && (got.Total != c.want || len(got.Entries) != c.want) {
					t.Fatalf("%d, %v", got.Total, got.Entries)
				}
				if err == nil && name != "as it is" && got.Tag == before.Tag {
					t.Error("the tag has not changed")
				}
				tag, err := w.DayTag(day)
				if err != nil || tag != "" && got != nil && tag != got.Tag {
					t.Errorf("tag %q, not %q: %v", tag, got.Tag, err)
				}
			}
			// Other days are as they were.
			write(t, w, makeReport(t, at.AddDate(0, 0, 1), 3, "203.0.113.7"))
			if got, err := w.ViewDay(day.Add(1), View{}); err != nil || got.Total != 1 {
				t.Errorf("the next day: %v, %v", got, err)
			}
		})
	}
}

// TestViewDayReplaced reads while an index is put in the place of another,
// and while lines are taken back.
func TestViewDayReplaced(t *testing.T) {
	w := newWriter(t, t.TempDir(), "UTC")
	day := Date{2026, 11, 23}
	r := rand.New(rand.NewPCG(9, 9))
	all := someDay(t, r, day, time.UTC, 60)
	name := day.Path() + "/" + indexName
	for i := range 40 {
		n := 1 + r.IntN(len(all)-1)
		from := r.IntN(n)
		switch i % 3 {
		case 0: // a new file
			if err := os.Remove(filepath.Join(w.Dir(), name)); err != nil && i > 0 {
				t.Fatal(err)
			}
			putIndex(t, w, name, header{Day: day.String()}, all[from:n], "")
		case 1: // others in the same file
			putIndex(t, w, name, header{Day: day.String()}, all[from:n], "")
		default: // the last of them taken back, and others come
			f, err := os.OpenFile(filepath.Join(w.Dir(), name), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			first := len(`{"schema":1,"generation":"01KAR1AAAA0000000000000000","day":"2026-11-23"}`) + 1
			if err := errors.Join(f.Truncate(int64(first)), f.Close()); err != nil {
				t.Fatal(err)
			}
			// More than there was, so that only the last line tells.
			grow(t, filepath.Join(w.Dir(), name), all)
			from, n = 0, len(all)
		}
		want := idsOf(newestFirst(slices.Clone(all[from:n])))
		// Few lines are decoded here: nothing but the table can be wrong.
		if got, err := w.ViewDay(day, View{Limit: 1, Ascending: true}); err != nil || got.Total != len(want) {
			t.Fatalf("round %d: %v of %d, %v", i, got, len(want), err)
		}
		got, err := w.ViewDay(day, View{})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(idsOf(got.Entries), want) {
			t.Fatalf("round %d: %v, not %v", i, idsOf(got.Entries), want)
		}
	}
}
