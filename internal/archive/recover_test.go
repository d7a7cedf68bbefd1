package archive

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

var errPlanted = errors.New("planted")

// withJoined is a report that answers a second request, too.
func withJoined(t testing.TB, at time.Time, n uint64) (r *report.Report, second ulid.ULID) {
	t.Helper()
	r = makeReport(t, at, n, "203.0.113.7")
	q := r.Evidence.Requests[0]
	q.ID, q.Accepted = makeID(t, at.Add(time.Second), n+1000), at.Add(time.Second)
	r.Evidence.Requests = append(r.Evidence.Requests, q)
	return r, q.ID
}

// withoutLines is what a writer leaves that could not append to the index
// until it was closed: a report with its name, and no line of the day.
func withoutLines(t *testing.T, dir string) (r *report.Report, second ulid.ULID) {
	t.Helper()
	w, err := OpenWriter(dir, "UTC")
	ok(t, err)
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	write(t, w, makeReport(t, at, 1, "203.0.113.7"))
	r, second = withJoined(t, at.Add(time.Minute), 2)
	w.step = func(step string) error {
		if step == "append "+indexName {
			return errPlanted
		}
		return nil
	}
	for range 2 {
		if err := w.Write(r); !errors.Is(err, errPlanted) {
			t.Fatal(err)
		}
	}
	ok(t, w.Close())
	return r, second
}

// TestClosedOwing closes a writer that owes a report its lines: the next one
// makes them, and so both requests are known.
func TestClosedOwing(t *testing.T) {
	dir := t.TempDir()
	r, second := withoutLines(t, dir)
	w := newWriter(t, dir, "UTC")
	if n, err := w.Repair(); n != 1 || err != nil {
		t.Errorf("mended %d, %v; want 1", n, err)
	}
	for _, id := range []ulid.ULID{r.Evidence.ID, second} {
		if has, err := w.Has(id); !has || err != nil {
			t.Errorf("has %s: %v, %v", id, has, err)
		}
	}
	wantSound(t, dir, "after repair")
	for _, e := range mustDir(t, dir) {
		if strings.HasPrefix(e.Name(), markPrefix) {
			t.Errorf("%s is left", e.Name())
		}
	}
}

// TestClosedWell leaves no mark where what failed was written in the end.
func TestClosedWell(t *testing.T) {
	dir := t.TempDir()
	w, err := OpenWriter(dir, "UTC")
	ok(t, err)
	r := makeReport(t, noon, 1, "203.0.113.7")
	w.step = func(string) error { return errPlanted }
	if err := w.Write(r); !errors.Is(err, errPlanted) {
		t.Fatal(err)
	}
	w.step = nil
	write(t, w, r)
	ok(t, w.Close())
	for _, e := range mustDir(t, dir) {
		if strings.HasPrefix(e.Name(), markPrefix) {
			t.Errorf("%s is left", e.Name())
		}
	}
}

// TestHasUnmended asks for requests while nothing can be mended: a report
// without its lines answers the one that joined it, too, and nobody else.
func TestHasUnmended(t *testing.T) {
	dir := t.TempDir()
	r, second := withoutLines(t, dir)
	w := newWriter(t, dir, "UTC")
	w.step = func(string) error { return errPlanted }
	if n, err := w.Repair(); n != 0 || !errors.Is(err, errPlanted) {
		t.Fatalf("mended %d, %v", n, err)
	}
	for _, id := range []ulid.ULID{r.Evidence.ID, second} {
		if has, err := w.Has(id); !has || err != nil {
			t.Errorf("has %s: %v, %v", id, has, err)
		}
	}
	if has, err := w.Has(makeID(t, r.Evidence.Times.Accepted, 77)); has || err != nil {
		t.Errorf("has what nobody asked for: %v, %v", has, err)
	}
	w.step = nil
	if n, err := w.Repair(); n != 1 || err != nil {
		t.Errorf("mended %d, %v; want 1", n, err)
	}
	wantSound(t, dir, "after repair")
}

// listing tells the listings of the one hour of a day apart: each makes a map
// of its own. 0: it was never listed.
func listing(w *Writer, day Date) uintptr {
	if s := w.cache[day]; s != nil {
		for _, hour := range s.hours {
			return reflect.ValueOf(hour.reports).Pointer()
		}
	}
	return 0
}

// TestHasListsLittle counts how often directories are listed for requests
// that have no report: never on days that only this writer writes to.
func TestHasListsLittle(t *testing.T) {
	dir := t.TempDir()
	w := newWriter(t, dir, "UTC")
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	ask := func(want int, when string) {
		t.Helper()
		got := 0
		for n := range uint64(5) {
			before := listing(w, DateOf(at, time.UTC))
			if has, err := w.Has(makeID(t, at, 900+n)); has || err != nil {
				t.Errorf("%s: has %v, %v", when, has, err)
			}
			if listing(w, DateOf(at, time.UTC)) != before {
				got++
			}
		}
		if got != want {
			t.Errorf("%s: listed %d times for 5 requests, want %d", when, got, want)
		}
	}
	for n := range uint64(3) {
		write(t, w, makeReport(t, at, n, "203.0.113.7"))
		ask(0, "while reports are written")
	}
	// Another writer marks the day: what it leaves has no line yet.
	other, err := OpenWriter(dir, "UTC")
	ok(t, err)
	write(t, other, makeReport(t, at, 4, "203.0.113.7"))
	hour := filepath.Join(dir, "2026/11/23/14")
	ask(5, "beside another writer, while it writes")
	past := time.Now().Add(-time.Hour)
	ok(t, os.Chtimes(hour, past, past))
	ask(1, "beside another writer at rest")
	ok(t, other.Close())
	ask(0, "when the other has ended")
}

// TestTornJoined cuts off the line of a request that joined a report whose
// own line is whole: nobody was told of either, and repair makes it again.
func TestTornJoined(t *testing.T) {
	dir := t.TempDir()
	w, err := OpenWriter(dir, "UTC")
	ok(t, err)
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	write(t, w, makeReport(t, at, 1, "203.0.113.7"))
	r, second := withJoined(t, at.Add(time.Minute), 2)
	write(t, w, r)
	ok(t, w.marks.file.Close()) // dies: its mark stays
	w.marks.file = nil
	ok(t, w.Close())
	edit(t, filepath.Join(dir, "2026/11/23", indexName), func(b []byte) []byte { return b[:len(b)-9] })

	again := newWriter(t, dir, "UTC")
	if n, err := again.Repair(); n != 1 || err != nil {
		t.Errorf("mended %d, %v; want 1", n, err)
	}
	if has, err := again.Has(second); !has || err != nil {
		t.Errorf("has who joined: %v, %v", has, err)
	}
	wantSound(t, dir, "after repair")
}
