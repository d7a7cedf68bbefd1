package archive

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// countAll counts without resting.
func countAll(a *Archive) { a.countOnce(context.Background(), func(time.Duration) {}) }

func calendarOf(t *testing.T, a *Archive, from, to Date) []DayCount {
	t.Helper()
	days, err := a.Calendar(from, to)
	if err != nil {
		t.Fatal(err)
	}
	return days
}

// joinedReport is a report that serves two requests.
func joinedReport(t *testing.T, at time.Time, n uint64, target string) *report.Report {
	t.Helper()
	r := makeReport(t, at, n, target)
	r.Evidence.Verdict.Class = report.RealLoss
	q := r.Evidence.Requests[0]
	q.ID, q.Accepted, q.Source = makeID(t, at.Add(time.Second), n+1000), at.Add(time.Second), "http"
	r.Evidence.Requests = append(r.Evidence.Requests, q)
	return r
}

func TestCalendar(t *testing.T) {
	w := newWriter(t, t.TempDir(), "UTC")
	a := w.Archive
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	day := Date{2026, 11, 23}
	write(t, w, joinedReport(t, at, 1, "203.0.113.7"), makeReport(t, at, 2, "nowhere.example.net"), makeReport(t, at.AddDate(0, 0, -2), 3, "203.0.113.8"))
	writeIncidents(t, w, makeIncident(t, at, 9, "203.0.113.7"))

	got := calendarOf(t, a, day.Add(-3), day)
	for i, known := range []bool{true, false, true, false} {
		if got[i].Known != known || got[i].Reports != 0 || got[i].Day != day.Add(i-3) {
			t.Errorf("before counting: %+v", got[i])
		}
	}
	countAll(a)
	got = calendarOf(t, a, day.Add(-3), day)
	today := got[3]
	if !today.Known || today.Reports != 2 || today.Lossy != 1 || today.RealLoss != 1 || today.Incidents != 1 || today.WorstLoss == nil || *today.WorstLoss < 33 || *today.WorstLoss > 34 {
		t.Errorf("two reports, one of them for two requests: %+v", today)
	}
	if got[1].Reports != 1 || !got[0].Known || got[0].Reports != 0 || got[0].WorstLoss != nil {
		t.Errorf("%+v", got)
	}

	write(t, w, makeReport(t, at.Add(time.Minute), 4, "203.0.113.7"))
	countAll(a)
	if got = calendarOf(t, a, day, day); got[0].Reports != 3 {
		t.Errorf("grown: %+v", got)
	}
	// A day that cannot be read is unknown, and not empty.
	p := filepath.Join(w.Dir(), day.Path(), indexName)
	data, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(strings.Replace(string(data), `"schema":1`, `"schema":9`, 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	countAll(a)
	if got = calendarOf(t, a, day, day); got[0].Known || got[0].Reports != 0 {
		t.Errorf("of a newer mtrq: %+v", got)
	}
	if worst, err := a.Worst(at.AddDate(0, 0, -9), 5); err != nil || len(worst) != 1 {
		t.Errorf("the other day's report is the worst: %v, %v", worst, err)
	}
	// Pruned.
	if err := os.RemoveAll(filepath.Join(w.Dir(), day.Path())); err != nil {
		t.Fatal(err)
	}
	countAll(a)
	if got = calendarOf(t, a, day, day); !got[0].Known || got[0].Reports != 0 || got[0].Incidents != 0 {
		t.Errorf("pruned: %+v", got)
	}
	if len(a.calendar.days) != 1 {
		t.Errorf("%d days are remembered", len(a.calendar.days))
	}
}

// TestCountDaysEnds waits for it to count, and to end.
func TestCountDaysEnds(t *testing.T) {
	w := newWriter(t, t.TempDir(), "UTC")
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	write(t, w, makeReport(t, at, 1, "203.0.113.7"))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { w.CountDays(ctx); close(ended) }()
	for {
		if days := calendarOf(t, w.Archive, Date{2026, 11, 23}, Date{2026, 11, 23}); days[0].Known {
			break
		}
		select {
		case <-ended:
			t.Fatal("it ended by itself")
		case <-time.After(time.Millisecond):
		}
	}
	stop()
	<-ended
}

func TestWorst(t *testing.T) {
	w := newWriter(t, t.TempDir(), "UTC")
	day := Date{2026, 11, 23}
	start := day.Start(time.UTC)
	put := func(day Date, n uint64, lost, sent int, class report.Class, shared uint64) Entry {
		at := day.Start(time.UTC).Add(time.Duration(n) * time.Minute)
		id := makeID(t, at, n)
		file := id
		if shared > 0 {
			file = makeID(t, day.Start(time.UTC).Add(time.Duration(shared)*time.Minute), shared)
		}
		return Entry{ID: id, At: at, Node: "hk1", Asked: "203.0.113.7", Protocol: "icmp", Source: "cli", Ended: report.EndedComplete, Lost: &lost, Sent: &sent,
			Verdict: class, File: fileName(at, "203.0.113.7", file)}
	}
	a, b, c := put(day, 1, 10, 100, report.RealLoss, 0), put(day, 2, 90, 100, report.RealLoss, 0), put(day, 3, 90, 100, report.RealLoss, 2) // c joined b
	filters, clean := put(day, 4, 100, 100, report.TargetFilters, 0), put(day, 5, 0, 100, report.Clean, 0)
	old, older := put(day.Add(-1), 6, 50, 100, report.RealLoss, 0), put(day.Add(-2), 7, 95, 100, report.RealLoss, 0)
	putIndex(t, w, day.Path()+"/"+indexName, header{Day: day.String()}, []Entry{a, b, c, filters, clean}, "")
	putIndex(t, w, day.Add(-1).Path()+"/"+indexName, header{Day: day.Add(-1).String()}, []Entry{old}, "")
	putIndex(t, w, day.Add(-2).Path()+"/"+indexName, header{Day: day.Add(-2).String()}, []Entry{older}, "")
	for _, counted := range []bool{false, true} {
		if counted {
			countAll(w.Archive)
		}
		for _, x := range []struct {
			since time.Time
			limit int
			want  []ulid.ULID
		}{
			{start.AddDate(0, 0, -9), 9, []ulid.ULID{older.ID, b.ID, old.ID, a.ID}},
			{start.AddDate(0, 0, -9), 2, []ulid.ULID{older.ID, b.ID}},
			{start.AddDate(0, 0, -1), 9, []ulid.ULID{b.ID, old.ID, a.ID}},
			{b.At, 9, []ulid.ULID{b.ID}},
			{start.AddDate(0, 0, 9), 9, []ulid.ULID{}},
		} {
			got, err := w.Worst(x.since, x.limit)
			if err != nil || !slices.Equal(idsOf(got), x.want) {
				t.Errorf("since %s, %d: %v, not %v (%v)", x.since, x.limit, idsOf(got), x.want, err)
			}
		}
	}
}
