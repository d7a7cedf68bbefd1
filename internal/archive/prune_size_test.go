package archive

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// sizeOf is Size of an archive that lies there.
func sizeOf(t testing.TB, dir string) int64 {
	t.Helper()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	size, err := a.Size(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return size
}

// sizeAfter is what a prune would leave.
func sizeAfter(t testing.TB, was *string, days int, l Limits) int64 {
	t.Helper()
	dir := yearsIn(t, was, days)
	l.Now, l.Force = noon, true
	if _, err := newWriter(t, dir, "UTC").Prune(t.Context(), l, nil); err != nil {
		t.Fatal(err)
	}
	return sizeOf(t, dir)
}

// TestPruneSize lets nothing go for the size that ages and compressing in
// the same prune make room for.
func TestPruneSize(t *testing.T) {
	was := ""
	now := sizeOf(t, yearsIn(t, &was, 10))
	zipped := sizeAfter(t, &was, 10, Limits{CompressAfter: dayLong})
	aged := sizeAfter(t, &was, 10, Limits{KeepIncidents: 2 * dayLong})
	kept := sizeAfter(t, &was, 10, Limits{Keep: 5 * dayLong})
	for name, c := range map[string]struct {
		limits Limits
		gone   int  // days that lose their reports
		guess  bool // the plan goes by what compressing is thought to free
	}{
		"compressing is enough":         {Limits{CompressAfter: dayLong, MaxBytes: zipped}, 0, true},
		"compressing is not enough":     {Limits{CompressAfter: dayLong, MaxBytes: zipped - 1}, 1, true},
		"all that may go is too little": {Limits{CompressAfter: dayLong, MaxBytes: 1}, 9, true},
		"incidents that go are enough":  {Limits{KeepIncidents: 2 * dayLong, MaxBytes: aged}, 0, false},
		"they are not enough":           {Limits{KeepIncidents: 2 * dayLong, MaxBytes: aged - 1}, 1, false},
		"it fits":                       {Limits{CompressAfter: dayLong, MaxBytes: now}, 0, false},
		"ages make room":                {Limits{Keep: 5 * dayLong, MaxBytes: kept}, 5, false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := yearsIn(t, &was, 10)
			w := newWriter(t, dir, "UTC")
			c.limits.Now, c.limits.Force = noon, true
			plan, err := w.PlanPrune(t.Context(), c.limits)
			if err != nil {
				t.Fatal(err)
			}
			gone := 0
			for _, s := range plan.Steps {
				gone += one(s.Reports)
			}
			if gone != c.gone || (plan.Frees != nil) != c.guess {
				t.Errorf("the plan takes reports of %d days, guesses %v; want %d, %v", gone, plan.Frees != nil, c.gone, c.guess)
			}
			var did []PruneStep
			if _, err := w.Prune(t.Context(), c.limits, func(s PruneStep) { did = append(did, s) }); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(plan.Steps, ByDay(did)); d != "" {
				t.Errorf("plan and deed -plan +deed\n%s", d)
			}
			wantSound(t, dir, "after the prune")
			if size := sizeOf(t, dir); size > c.limits.MaxBytes && c.limits.MaxBytes > 1 {
				t.Errorf("it takes %d bytes, more than %d", size, c.limits.MaxBytes)
			}
			if again, err := w.PlanPrune(t.Context(), c.limits); err != nil || len(again.Steps) > 0 {
				t.Errorf("a second prune would do %v, %v", again, err)
			}
		})
	}
}

// TestPruneWhole refuses before it touches anything where age and size
// together would take more than half, though neither does alone.
func TestPruneWhole(t *testing.T) {
	was := ""
	now := sizeOf(t, yearsIn(t, &was, 20))
	for name, l := range map[string]Limits{
		"age and size":                     {Keep: 12 * dayLong, MaxBytes: now * 9 / 20},
		"age, compressed, and still large": {Keep: 12 * dayLong, CompressAfter: 10 * dayLong, MaxBytes: now * 2 / 5},
	} {
		t.Run(name, func(t *testing.T) {
			dir := yearsIn(t, &was, 20)
			w := newWriter(t, dir, "UTC")
			before := treeOf(t, dir)
			l.Now = noon
			if _, err := w.PlanPrune(t.Context(), l); !errors.Is(err, ErrTooMuch) {
				t.Errorf("plan: %v, want %v", err, ErrTooMuch)
			}
			if _, err := w.Prune(t.Context(), l, nil); !errors.Is(err, ErrTooMuch) || !strings.Contains(err.Error(), "keep and max_size") {
				t.Errorf("got %v, want %v for keep and max_size", err, ErrTooMuch)
			}
			if d := cmp.Diff(before, treeOf(t, dir)); d != "" {
				t.Errorf("it took something all the same\n%s", d)
			}
		})
	}
}

// TestPruneNoRoom has no room for zips: the oldest days make some, no more of
// them than that takes.
func TestPruneNoRoom(t *testing.T) {
	was := ""
	zipped := sizeAfter(t, &was, 10, Limits{CompressAfter: dayLong})
	for name, c := range map[string]struct {
		limit int64
		full  int // times that a zip finds no room
		kept  int // days with reports
		fails bool
	}{
		"a day makes room":   {zipped, 1, 9, false},
		"two days make room": {zipped, 2, 8, false},
		"it fits anyway":     {1 << 40, 1, 10, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := yearsIn(t, &was, 10)
			w := newWriter(t, dir, "UTC")
			w.step = func(s string) error {
				if s == "compress written" && c.full > 0 {
					c.full--
					return syscall.ENOSPC
				}
				return nil
			}
			_, err := w.Prune(t.Context(), Limits{Now: noon, CompressAfter: dayLong, MaxBytes: c.limit}, nil)
			if c.fails != errors.Is(err, syscall.ENOSPC) || !c.fails && err != nil {
				t.Errorf("got %v; want ENOSPC: %v", err, c.fails)
			}
			entries, err := w.List(Query{})
			if err != nil || len(daysOf(t, entries)) != c.kept {
				t.Errorf("reports of %v, %v; want %d days", daysOf(t, entries), err, c.kept)
			}
			wantSound(t, dir, "after the prune")
			if slices.ContainsFunc(treeOf(t, dir), func(f string) bool { return strings.Contains(f, tmpPrefix) }) {
				t.Error("an unfinished zip is left")
			}
		})
	}
}

// TestPruneDamagedZip tells of an hour whose zip cannot be read, and does the
// rest all the same.
func TestPruneDamagedZip(t *testing.T) {
	was := ""
	dir := yearsIn(t, &was, 10)
	damaged := filepath.Join(dir, "2026/11/20/14"+packEnding)
	ok(t, os.WriteFile(damaged, []byte("no zip"), 0o644))
	w := newWriter(t, dir, "UTC")
	l := Limits{Now: noon, Keep: 8 * dayLong, CompressAfter: dayLong, MaxBytes: 1, Force: true}
	if _, err := w.PlanPrune(t.Context(), l); err != nil {
		t.Errorf("plan: %v", err)
	}
	l.MaxBytes = sizeOf(t, dir) / 2
	done, err := w.Prune(t.Context(), l, nil)
	if !errors.Is(err, errOldPack) || !strings.Contains(err.Error(), "compress 2026-11-20: 2026/11/20/14: ") {
		t.Errorf("got %v, want it to name the hour", err)
	}
	if done.Days < 2 || done.Compressed == 0 || sizeOf(t, dir) > l.MaxBytes {
		t.Errorf("%+v, %d bytes; want old days gone, the others compressed, and at most %d bytes", done, sizeOf(t, dir), l.MaxBytes)
	}
}
