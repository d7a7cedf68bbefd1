package archive

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
)

// TestTablesAreBounded views more days than are kept.
func TestTablesAreBounded(t *testing.T) {
	w := newWriter(t, t.TempDir(), "UTC")
	r := rand.New(rand.NewPCG(11, 12))
	first := Date{2026, 11, 1}
	for i := range 8 {
		day := first.Add(i)
		putIndex(t, w, day.Path()+"/"+indexName, header{Day: day.String()}, someDay(t, r, day, time.UTC, 200), "")
	}
	view := func(i int) *table {
		t.Helper()
		day := first.Add(i)
		if v, err := w.ViewDay(day, View{Limit: 1}); err != nil || v.Total != 200 {
			t.Fatal(v, err)
		}
		if s := w.tables.slots[day.Path()+"/"+indexName]; s != nil {
			return s.table
		}
		return nil
	}
	one := view(0)
	c := w.tables
	c.max = 3*one.bytes() + one.bytes()/2
	for i := range 8 {
		view(i)
		if view(0) != one { // used each time: it is never the oldest
			t.Fatal("the first day is read again")
		}
		sum := int64(0)
		for _, s := range c.slots {
			sum += s.bytes
		}
		if len(c.slots) == 8 || c.bytes > c.max || c.bytes != sum {
			t.Fatalf("%d tables of %d bytes, %d counted, for at most %d", len(c.slots), sum, c.bytes, c.max)
		}
	}
	c.max = 10 // nothing fits
	if view(3) != nil || c.bytes != 0 || len(c.slots) != 0 {
		t.Errorf("%d bytes are kept", c.bytes)
	}
}

// TestViewsTogether reads in every way while reports come, from a cache that
// holds next to nothing.
func TestViewsTogether(t *testing.T) {
	w := newWriter(t, t.TempDir(), "UTC")
	a, err := Open(w.Dir())
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	a.tables.max = 20 << 10
	day := Date{2026, 11, 23}
	at := time.Date(2026, 11, 23, 23, 59, 0, 0, time.UTC)
	const reports = 40
	var wg sync.WaitGroup
	ctx, stop := context.WithCancel(t.Context())
	wg.Go(func() {
		defer stop()
		for i := range reports {
			if err := w.Write(makeReport(t, at.Add(time.Duration(i)*3*time.Second), uint64(i), fmt.Sprintf("203.0.113.%d", i%3))); err != nil {
				t.Error(err)
				return
			}
		}
	})
	wg.Go(func() { a.CountDays(ctx) })
	for reader := range 6 {
		wg.Go(func() {
			total := [2]int{}
			for i := 0; ctx.Err() == nil; i++ {
				for d := range 2 {
					v, err := a.ViewDay(day.Add(d), View{Sort: []SortKey{SortTime, SortLoss, SortTarget}[i%3], Offset: i % 2})
					if err != nil || v.Total < total[d] || len(v.Entries) != max(0, v.Matching-i%2) {
						t.Errorf("%d of %d, there were %d: %v", len(v.Entries), v.Total, total[d], err)
						return
					}
					total[d] = v.Total
				}
				var err error
				switch reader % 3 {
				case 0:
					_, err = a.ViewTarget("203.0.113.1", time.Time{}, time.Time{}, 10, View{})
				case 1:
					_, err = a.Search("203", 10)
				default:
					_, err = a.Worst(at.Add(-time.Hour), 5)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	n := 0
	for d := range 2 {
		v, err := a.ViewDay(day.Add(d), View{})
		if err != nil {
			t.Fatal(err)
		}
		n += v.Total
	}
	if n != reports {
		t.Errorf("%d of %d", n, reports)
	}
}

// TestLongLines decodes rows whose lines are long and far from each other.
func TestLongLines(t *testing.T) {
	w := newWriter(t, t.TempDir(), "UTC")
	day := Date{2026, 11, 23}
	r := rand.New(rand.NewPCG(13, 14))
	all := someDay(t, r, day, time.UTC, 300)
	for i := range all {
		all[i].Reason = strings.Repeat("long ", r.IntN(3000))
	}
	putIndex(t, w, day.Path()+"/"+indexName, header{Day: day.String()}, all, "")
	if st, err := os.Stat(filepath.Join(w.Dir(), day.Path(), indexName)); err != nil || st.Size() < 2*nearEnough {
		t.Fatal(st.Size(), err)
	}
	entries := readByHand(t, all, day)
	for _, v := range []View{{}, {Sort: SortTarget}, {Sort: SortLoss, Limit: 20}, {Limit: 1}, {Ascending: true, Offset: 299}} {
		got, err := w.ViewDay(day, v)
		if err != nil {
			t.Fatal(err)
		}
		if _, shown := naive(entries, v); !gocmp.Equal(shown, got.Entries, sameEntries...) {
			t.Errorf("%+v: %v, not %v", v, idsOf(got.Entries), idsOf(shown))
		}
	}
}

// TestStaleTable reads an index in which lines changed places behind our back.
func TestStaleTable(t *testing.T) {
	w := newWriter(t, t.TempDir(), "UTC")
	day := Date{2026, 11, 23}
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	write(t, w, makeReport(t, at, 1, "203.0.113.7"), makeReport(t, at, 2, "203.0.113.8"))
	want, err := w.ViewDay(day, View{})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(w.Dir(), day.Path(), indexName)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	if err := os.WriteFile(name, []byte(lines[0]+lines[2]+lines[1]), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, st.ModTime(), st.ModTime()); err != nil {
		t.Fatal(err)
	}
	got, err := w.ViewDay(day, View{})
	if err != nil || !gocmp.Equal(want.Entries, got.Entries, sameEntries...) {
		t.Errorf("%v, not %v: %v", got, want, err)
	}
}

// TestFindByTable finds requests by their whole ID, also one that came after
// the day was read, and one that has no line.
func TestFindByTable(t *testing.T) {
	w := newWriter(t, t.TempDir(), "UTC")
	at := time.Date(2026, 11, 23, 23, 59, 59, 0, time.UTC)
	for i := range 5 {
		r := makeReport(t, at.Add(time.Duration(i)*time.Second), uint64(i), "203.0.113.7")
		write(t, w, r)
		e, err := w.Find(strings.ToLower(r.Evidence.ID.String()))
		if err != nil || e.ID != r.Evidence.ID || e.Verdict == "" {
			t.Fatalf("%+v, %v", e, err)
		}
	}
	days, err := w.Days()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(w.Dir(), days[0].Path(), indexName)); err != nil {
		t.Fatal(err)
	}
	entries, err := w.Day(days[0])
	if err != nil || len(entries) != 4 {
		t.Fatal(entries, err)
	}
	e, err := w.Find(entries[0].ID.String())
	if err != nil || e.File != entries[0].File || e.Verdict != "" {
		t.Errorf("without an index: %+v, %v", e, err)
	}
	if got := slices.IndexFunc(entries, func(x Entry) bool { return x.ID == e.ID }); got != 0 {
		t.Error(got)
	}
}
