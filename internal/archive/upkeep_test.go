package archive

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// years is an archive of so many days up to 2026-11-23, each with reports of
// three targets (one of them an IPv6 address, one a name that did not
// resolve), one of which two requests share, and every second day with an
// incident.
func years(t testing.TB, w *Writer, days int) (reports []*report.Report) {
	t.Helper()
	last := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	for d := days - 1; d >= 0; d-- {
		at := last.AddDate(0, 0, -d)
		for i, target := range []string{"203.0.113.7", "2001:db8::7", "nowhere.example.net"} {
			r := makeReport(t, at.Add(time.Duration(i)*time.Hour), uint64(100*d+i), target)
			if i == 0 {
				q := r.Evidence.Requests[0]
				q.ID, q.Accepted = makeID(t, at.Add(time.Second), uint64(100*d+50)), at.Add(time.Second)
				r.Evidence.Requests = append(r.Evidence.Requests, q)
			}
			write(t, w, r)
			reports = append(reports, r)
		}
		if d%2 == 0 {
			if err := w.WriteIncident(makeIncident(t, at, uint64(d), "203.0.113.7")); err != nil {
				t.Fatal(err)
			}
		}
	}
	return reports
}

// yearsIn is years in a directory of its own, made of a copy of was: fsyncs
// take their time. was may be empty: then it is filled.
func yearsIn(t testing.TB, was *string, days int) (dir string) {
	t.Helper()
	if *was == "" {
		*was = t.TempDir()
		w := newNode(t, *was)
		years(t, w, days)
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(*was)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// findings verifies an archive from its beginning.
func findings(t testing.TB, dir string) (out []string, counts Verified) {
	t.Helper()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	counts, err = a.Verify(t.Context(), Date{}, func(f Finding) { out = append(out, string(f.Kind)+" "+f.Path) })
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out, counts
}

// wantSound fails for an archive in which verify finds anything, or whose
// lists name what cannot be read.
func wantSound(t testing.TB, dir, when string) {
	t.Helper()
	if list, _ := findings(t, dir); len(list) > 0 {
		t.Errorf("%s: findings\n%s", when, strings.Join(list, "\n"))
	}
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	entries, err := a.List(Query{})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, err := a.Load(e); err != nil {
			t.Errorf("%s: listed and not there: %v", when, err)
		}
		if text, err := a.Text(e); err != nil || len(text) == 0 {
			t.Errorf("%s: text of %s: %v", when, e.ID, err)
		}
	}
}

// noon is the day after the newest of years, at noon.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

const dayLong = 24 * time.Hour

func daysOf(t testing.TB, entries []Entry) []string {
	t.Helper()
	days := map[string]struct{}{}
	for _, e := range entries {
		days[e.Day.String()] = struct{}{}
	}
	return slices.Sorted(maps.Keys(days))
}

func TestPrune(t *testing.T) {
	was := ""
	yearsIn(t, &was, 10)
	for name, c := range map[string]struct {
		limits    Limits
		kept      []string // days with reports
		incidents int      // of 5: on the 15th, 17th, … 23rd
		zips      int
	}{
		"nothing is old enough":         {Limits{Keep: 400 * dayLong, KeepIncidents: 400 * dayLong}, []string{"14", "15", "16", "17", "18", "19", "20", "21", "22", "23"}, 5, 0},
		"by age, incidents longer":      {Limits{Keep: 4 * dayLong, KeepIncidents: 7 * dayLong}, []string{"20", "21", "22", "23"}, 4, 0},
		"no limit of incidents":         {Limits{Keep: 4 * dayLong}, []string{"20", "21", "22", "23"}, 5, 0},
		"incidents shorter":             {Limits{KeepIncidents: 2 * dayLong}, []string{"14", "15", "16", "17", "18", "19", "20", "21", "22", "23"}, 1, 0},
		"never the newest day":          {Limits{Keep: time.Hour, KeepIncidents: time.Hour, Force: true}, []string{"23"}, 1, 0},
		"by size":                       {Limits{MaxBytes: 1}, []string{"23"}, 5, 0},
		"compressed, and the rest goes": {Limits{Keep: 6 * dayLong, CompressAfter: 3 * dayLong}, []string{"18", "19", "20", "21", "22", "23"}, 5, 9},
	} {
		t.Run(name, func(t *testing.T) {
			dir := yearsIn(t, &was, 10)
			w := newWriter(t, dir, "UTC")
			c.limits.Now, c.limits.Force = noon, true
			plan, err := w.PlanPrune(t.Context(), c.limits)
			if err != nil {
				t.Fatal(err)
			}
			var did []PruneStep
			if _, err := w.Prune(t.Context(), c.limits, func(s PruneStep) { did = append(did, s) }); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(plan.Steps, ByDay(did)); d != "" {
				t.Errorf("plan and deed -plan +deed\n%s", d)
			}
			entries, err := w.List(Query{})
			if err != nil {
				t.Fatal(err)
			}
			var want []string
			for _, d := range c.kept {
				want = append(want, "2026-11-"+d)
			}
			if d := cmp.Diff(want, daysOf(t, entries)); d != "" {
				t.Errorf("days with reports -want +got\n%s", d)
			}
			if byTarget, err := w.Target("203.0.113.7"); err != nil || cmp.Diff(want, daysOf(t, byTarget)) != "" || len(byTarget) != 2*len(want) {
				t.Errorf("by target: %v of %v, %v", len(byTarget), daysOf(t, byTarget), err)
			}
			if inc, err := w.Incidents(IncidentQuery{}); err != nil || len(inc) != c.incidents {
				t.Errorf("%d incidents, want %d; %v", len(inc), c.incidents, err)
			}
			zips := 0
			for _, f := range treeOf(t, dir) {
				if strings.HasSuffix(f, packEnding) {
					zips++
				}
				if strings.Contains(f, ".prune") || strings.Contains(f, tmpPrefix) {
					t.Errorf("%s is left", f)
				}
			}
			if zips != c.zips {
				t.Errorf("%d zips, want %d", zips, c.zips)
			}
			wantSound(t, dir, "after the prune")
			if again, err := w.PlanPrune(t.Context(), c.limits); err != nil || len(again.Steps) > 0 {
				t.Errorf("a second prune would do %v, %v", again, err)
			}
		})
	}
}

// TestPruneWrongClock refuses what only a clock years ahead would ask for.
func TestPruneWrongClock(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "UTC")
	years(t, w, 20)
	l := Limits{Now: noon.AddDate(3, 0, 0), Keep: 400 * dayLong}
	before := treeOf(t, dir)
	if _, err := w.Prune(t.Context(), l, nil); !errors.Is(err, ErrTooMuch) {
		t.Errorf("got %v, want %v", err, ErrTooMuch)
	}
	if d := cmp.Diff(before, treeOf(t, dir)); d != "" {
		t.Errorf("it took something all the same\n%s", d)
	}
	l.Keep, l.KeepIncidents = 0, 400*dayLong
	if plan, err := w.PlanPrune(t.Context(), l); !errors.Is(err, ErrTooMuch) || !strings.Contains(err.Error(), "keep_incidents") {
		t.Errorf("of incidents alone: %d steps, %v; want %v", len(plan.Steps), err, ErrTooMuch)
	}
	l.Force = true
	if plan, err := w.PlanPrune(t.Context(), l); err != nil || len(plan.Steps) != 9 {
		t.Errorf("of incidents, forced: %d steps, %v; want 9 of 10 days", len(plan.Steps), err)
	}
	l = Limits{Keep: 400 * dayLong}
	l.Now = noon.AddDate(-3, 0, 0) // a clock behind: all days lie ahead
	if plan, err := w.PlanPrune(t.Context(), l); err != nil || len(plan.Steps) > 0 {
		t.Errorf("got %v, %v; want nothing", plan, err)
	}
}

// TestPruneCrash stops a prune at each of its steps. What is listed then can
// be read; nothing that should stay is gone; and the next prune ends it.
func TestPruneCrash(t *testing.T) {
	l := Limits{Now: noon, Keep: 4 * dayLong, KeepIncidents: 7 * dayLong, CompressAfter: 2 * dayLong, Force: true}
	stop := errors.New("stopped here")
	steps := 0
	was := ""
	for at := 0; ; at++ {
		dir := yearsIn(t, &was, 7)
		w := newWriter(t, dir, "UTC")
		var mu sync.Mutex // files of targets are written in parallel
		n := 0
		name := ""
		w.step = func(s string) error {
			mu.Lock()
			defer mu.Unlock()
			if n++; n > at {
				name = s
				return stop
			}
			return nil
		}
		_, err := w.Prune(t.Context(), l, nil)
		w.step = nil
		if err == nil {
			steps = at
			break
		}
		if !errors.Is(err, stop) {
			t.Fatalf("step %d: %v", at, err)
		}
		when := fmt.Sprintf("stopped at step %d (%s)", at, name)
		reader, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		entries, err := reader.List(Query{})
		if err != nil {
			t.Fatalf("%s: %v", when, err)
		}
		listed := map[ulid.ULID]bool{}
		for _, e := range entries {
			listed[e.ID] = true
			if _, err := reader.Load(e); err != nil {
				t.Errorf("%s: listed and not there: %v", when, err)
			}
		}
		for d := range 4 { // those that are to stay
			for i := range 3 {
				at := time.Date(2026, 11, 23, 14+i, 5, 32, 0, time.UTC).AddDate(0, 0, -d)
				if id := makeID(t, at, uint64(100*d+i)); !listed[id] {
					t.Errorf("%s: %s of %s is gone", when, id, at.Format(time.DateOnly))
				}
			}
		}
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
		again := newWriter(t, dir, "UTC")
		if _, err := again.Repair(); err != nil {
			t.Errorf("%s: repair: %v", when, err)
		}
		if _, err := again.Prune(t.Context(), l, nil); err != nil {
			t.Errorf("%s: the next prune: %v", when, err)
		}
		wantSound(t, dir, when+", then pruned again")
		if entries, err := again.List(Query{}); err != nil || len(daysOf(t, entries)) != 4 {
			t.Errorf("%s: in the end there are reports of %v, %v", when, daysOf(t, entries), err)
		}
		for _, e := range mustDir(t, dir) {
			if strings.HasPrefix(e.Name(), ".prune") {
				t.Errorf("%s: %s is left", when, e.Name())
			}
		}
	}
	if steps < 30 {
		t.Errorf("a prune has %d steps, this test proves little", steps)
	}
}

// TestPruneLate writes a report of a day that a prune has just taken away
// when it died: the next one leaves that report alone, with its lines.
func TestPruneLate(t *testing.T) {
	was := ""
	dir := yearsIn(t, &was, 7)
	w := newWriter(t, dir, "UTC")
	stop := errors.New("stopped here")
	w.step = func(s string) error {
		if s == "prune day moved" {
			return stop
		}
		return nil
	}
	if _, err := w.Prune(t.Context(), Limits{Now: noon, Keep: 6 * dayLong, KeepIncidents: 6 * dayLong}, nil); !errors.Is(err, stop) {
		t.Fatal(err)
	}
	w.step = nil
	late := makeReport(t, time.Date(2026, 11, 17, 20, 0, 0, 0, time.UTC), 9000, "203.0.113.7")
	write(t, w, late)
	if _, err := w.Prune(t.Context(), Limits{Now: noon}, nil); err != nil {
		t.Fatal(err)
	}
	wantSound(t, dir, "in the end")
	list, err := w.Target("203.0.113.7")
	if err != nil || len(list) != 2*6+1 || list[len(list)-1].ID != late.Evidence.ID {
		t.Errorf("%d lines, %v; want those of six days and the late one", len(list), err)
	}
}

// TestCompressed reads reports of a day that was compressed as before, and
// writes to it.
func TestCompressed(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "UTC")
	reports := years(t, w, 3)
	old := reports[0]
	e, err := w.Find(old.Evidence.ID.String())
	if err != nil {
		t.Fatal(err)
	}
	wantJSON, err := w.JSON(e)
	if err != nil {
		t.Fatal(err)
	}
	wantText, err := w.Text(e)
	if err != nil {
		t.Fatal(err)
	}
	l := Limits{Now: noon, CompressAfter: dayLong}
	done, err := w.Prune(t.Context(), l, nil)
	if err != nil || done.Compressed != 6 {
		t.Fatalf("compressed %+v, %v; want 6 reports", done, err)
	}
	if hours := numbered(w.tree.root, e.Day.Path(), 2); len(hours) > 0 {
		t.Errorf("%v are left", hours)
	}
	read := func(a *Archive) {
		t.Helper()
		found, err := a.Find(old.Evidence.ID.String()[:20])
		if err != nil || found.ID != old.Evidence.ID {
			t.Fatalf("find: %v, %v", found.ID, err)
		}
		for _, c := range []struct {
			what string
			get  func(Entry) ([]byte, error)
			want []byte
		}{{"JSON", a.JSON, wantJSON}, {"text", a.Text, wantText}} {
			if got, err := c.get(found); err != nil || string(got) != string(c.want) {
				t.Errorf("%s: %d bytes, %v; want the %d as before", c.what, len(got), err, len(c.want))
			}
		}
		if ok, err := a.Has(old.Evidence.ID); !ok || err != nil {
			t.Errorf("has: %v, %v", ok, err)
		}
		es, err := a.Day(e.Day)
		if err != nil || len(es) < 3 {
			t.Errorf("day: %d entries, %v", len(es), err)
		}
	}
	read(w.Archive)
	// Without its index the zips tell what there is.
	if err := os.Rename(filepath.Join(dir, e.Day.Path(), indexName), filepath.Join(dir, "aside")); err != nil {
		t.Fatal(err)
	}
	fresh, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	read(fresh)
	if err := os.Rename(filepath.Join(dir, "aside"), filepath.Join(dir, e.Day.Path(), indexName)); err != nil {
		t.Fatal(err)
	}

	// What is there already is not written a second time; what comes late is.
	late := makeReport(t, old.Evidence.Times.Accepted.Add(time.Minute), 900, "203.0.113.7")
	again := newWriter(t, dir, "UTC")
	write(t, again, old, late)
	if st, err := os.Stat(filepath.Join(dir, e.Day.Path(), e.File+".json")); err == nil {
		t.Errorf("%s is there beside the zip", st.Name())
	}
	wantSound(t, dir, "with a late report")
	if done, err = again.Prune(t.Context(), l, nil); err != nil || done.Compressed != 1 {
		t.Errorf("compressed %+v, %v; want the late report alone", done, err)
	}
	read(again.Archive)
	if e, err := again.Find(late.Evidence.ID.String()); err != nil {
		t.Error(err)
	} else if _, err := again.Load(e); err != nil {
		t.Error(err)
	}
	wantSound(t, dir, "after the second compression")

	// A byte that the disk has changed is told, and removes nothing.
	zip := filepath.Join(dir, e.Day.Path(), e.File[:2]+packEnding)
	data := mustRead(t, zip)
	data[len(data)/3] ^= 0x40
	if err := os.WriteFile(zip, data, 0o644); err != nil {
		t.Fatal(err)
	}
	if list, _ := findings(t, dir); len(list) == 0 {
		t.Error("verify does not see a changed byte in a zip")
	}
}

// TestPruneBeside writes, lists and prunes at the same time, in writers of
// their own as processes have.
func TestPruneBeside(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "UTC")
	years(t, w, 8)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 2)
	go func() { // a node
		n := newNode(t, dir)
		var err error
		for i := 0; ctx.Err() == nil && err == nil; i++ {
			err = n.Write(makeReport(t, noon.Add(time.Duration(i)*time.Second), uint64(5000+i), "203.0.113.7"))
		}
		ended <- errors.Join(err, n.Close())
	}()
	go func() { // pages
		a, err := Open(dir)
		for ctx.Err() == nil && err == nil {
			var list []Entry
			list, err = a.List(Query{})
			for _, e := range list {
				if _, e := a.Load(e); e != nil && !errors.Is(e, os.ErrNotExist) {
					err = e
				}
			}
		}
		ended <- errors.Join(err, a.Close())
	}()
	for keep := 7; keep > 0; keep -= 2 {
		if _, err := w.Prune(t.Context(), Limits{Now: noon, Keep: time.Duration(keep) * dayLong, CompressAfter: dayLong, Force: true}, nil); err != nil {
			t.Error(err)
		}
		if _, err := w.Reindex(t.Context(), nil, nil); err != nil {
			t.Error(err)
		}
		if _, err := w.Verify(t.Context(), Date{}, func(f Finding) { t.Errorf("beside writers: %+v", f) }); err != nil {
			t.Error(err)
		}
	}
	cancel()
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	wantSound(t, dir, "in the end")
}

func newNode(t testing.TB, dir string) *Writer {
	w, err := OpenWriter(dir, "UTC")
	if err != nil {
		t.Error(err)
	}
	return w
}
