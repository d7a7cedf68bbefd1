package torture

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/probe"
	"github.com/mtrq/mtrq/internal/run"
	"github.com/mtrq/mtrq/internal/trace"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// A wall is a clock that can be stepped. A process's clock cannot be set
// without setting the machine's, and a time namespace shifts only the
// monotonic one, so these tests run the node in this process and hand it one.
type wall struct{ offset atomic.Int64 }

func (w *wall) now() time.Time       { return time.Now().Add(time.Duration(w.offset.Load())) }
func (w *wall) step(d time.Duration) { w.offset.Add(int64(d)) }

// set makes it this time now.
func (w *wall) set(at time.Time) { w.offset.Store(int64(time.Until(at))) }

// life runs a node of this process with a clock until its spool is empty, or
// until ctx ends. Within a trace durations are measured, by the monotonic
// clock, which no step moves: the tracer keeps the machine's.
func (s *site) life(t *testing.T, ctx context.Context, w *wall, zone string) error {
	t.Helper()
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	sched := probe.New(probe.Options{Do: s.net.Space().Do, Log: log})
	slots := trace.NewSlots(100)
	r := &run.Runner{
		Scheduler: sched,
		Tracer: &trace.Tracer{
			Prober: sched, Resolver: net.DefaultResolver, Memory: trace.NewMemory(), Slots: slots,
			Rule: trace.Rule{Interval: 100 * time.Millisecond, MaxTTL: 30, MinPackets: 5, Tail: 300 * time.Millisecond, MaxDuration: 20 * time.Second, SlotWait: time.Second},
			Node: "torture", Now: time.Now,
		},
		Defaults: run.Defaults{Protocol: "icmp"}, Jobs: 100, Node: report.Node{Name: "torture"}, Version: "test", ArchiveAt: s.archive,
		Once: true, Log: log, Now: w.now,
	}
	var err error
	if r.Spool, err = spool.Open(s.spool, spool.Options{Now: w.now}); err != nil {
		t.Fatal(err)
	}
	a, err := archive.OpenWriter(s.archive, zone)
	if err != nil {
		t.Fatal(err)
	}
	r.Archive = a
	return errors.Join(r.Run(ctx, make(chan struct{})), a.Close())
}

// submit accepts a job by a clock.
func (s *site) submit(t *testing.T, w *wall, target int) ulid.ULID {
	t.Helper()
	sp, err := spool.Open(s.spool, spool.Options{Now: w.now})
	if err != nil {
		t.Fatal(err)
	}
	id, err := sp.Submit(t.Context(), spool.Job{Target: s.target(target), Rounds: 2, Source: "cli"})
	if err != nil {
		t.Fatal(err)
	}
	s.acks = append(s.acks, id.String())
	return id
}

// TestClockSteps sets the clock a day on and a day back while jobs wait,
// while they are traced, between a crash and the recovery, and by seconds, so
// that IDs go backwards.
func TestClockSteps(t *testing.T) {
	for _, day := range []time.Duration{24 * time.Hour, -24 * time.Hour} {
		t.Run(day.String(), func(t *testing.T) {
			n := network(t, 8)
			dir := t.TempDir()
			s := newSite(t, n, filepath.Join(dir, "spool"), filepath.Join(dir, "archive"))
			w := &wall{}
			for i := range 4 { // they wait, the clock goes, and others come
				s.submit(t, w, i)
			}
			w.step(day)
			for i := range 4 {
				s.submit(t, w, 4+i)
				w.step(-7 * time.Second) // an ID is less than the one before
			}
			if err := s.life(t, t.Context(), w, "Asia/Hong_Kong"); err != nil {
				t.Fatal(err)
			}
			// While they are traced, and the node dies then.
			for i := range 4 {
				s.submit(t, w, i)
			}
			ctx, die := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- s.life(t, ctx, w, "Asia/Hong_Kong") }()
			await(t, "events", func() bool {
				files, err := filepath.Glob(filepath.Join(s.spool, "cur", "*.events"))
				return err == nil && len(files) > 0
			})
			w.step(-day)
			die()
			if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			s.submit(t, w, 5)
			if err := s.life(t, t.Context(), w, "Asia/Hong_Kong"); err != nil {
				t.Fatal(err)
			}
			s.allFound(t)
		})
	}
}

// TestClockSetBack: what was acknowledged through drop/ is found by its ID, however far the clock was
// set back before it was taken in. The files get their times from the machine, so the node is behind.
func TestClockSetBack(t *testing.T) {
	n := network(t, 1)
	for _, back := range []time.Duration{time.Hour, 30 * time.Hour, 48 * time.Hour, 20 * 24 * time.Hour} {
		t.Run(back.String(), func(t *testing.T) {
			dir := t.TempDir()
			s := newSite(t, n, filepath.Join(dir, "spool"), filepath.Join(dir, "archive"))
			w := &wall{}
			sp, err := spool.Open(s.spool, spool.Options{})
			if err != nil {
				t.Fatal(err)
			}
			id, err := sp.SubmitDrop(t.Context(), spool.Job{Target: s.target(0), Rounds: 2})
			if err != nil {
				t.Fatal(err)
			}
			s.acks = append(s.acks, id.String())
			w.step(-back)
			if err := s.life(t, t.Context(), w, "Asia/Hong_Kong"); err != nil {
				t.Fatal(err)
			}
			if a := s.allFound(t); len(a.bad) > 0 {
				t.Errorf("bad/ holds %v", a.why)
			}
		})
	}
}

// TestDaylightSaving takes jobs in the hour that comes twice and around the
// one that is left out, in the zone that the days are parted by.
func TestDaylightSaving(t *testing.T) {
	n := network(t, 4)
	dir := t.TempDir()
	s := newSite(t, n, filepath.Join(dir, "spool"), filepath.Join(dir, "archive"))
	hours := map[string]int{}
	for _, at := range []string{
		"2026-10-24T21:59:59Z", "2026-10-24T22:00:01Z", // midnight in Berlin
		"2026-10-25T00:30:00Z", "2026-10-25T00:59:59Z", "2026-10-25T01:00:01Z", "2026-10-25T01:30:00Z", // 02:30 twice
		"2026-10-25T22:59:59Z", "2026-10-25T23:00:01Z", // a day of 25 hours
		"2027-03-28T00:59:59Z", "2027-03-28T01:00:01Z", // 02:00 is 03:00
		"2027-03-28T21:59:59Z", "2027-03-28T22:00:01Z", // a day of 23 hours
	} {
		when, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		w := &wall{}
		w.set(when)
		s.submit(t, w, 0)
		if err := s.life(t, t.Context(), w, "Europe/Berlin"); err != nil {
			t.Fatal(err)
		}
	}
	a := s.allFound(t)
	for _, files := range a.reports {
		hours[strings.Join(strings.Split(files[0], "/")[:4], "/")]++
		if !strings.Contains(files[0], "+0") {
			t.Errorf("%s has no offset", files[0])
		}
	}
	for hour, want := range map[string]int{"2026/10/24/23": 1, "2026/10/25/00": 1, "2026/10/25/02": 4, "2026/10/25/23": 1, "2026/10/26/00": 1, "2027/03/28/01": 1, "2027/03/28/03": 1, "2027/03/28/23": 1, "2027/03/29/00": 1} {
		if hours[hour] != want {
			t.Errorf("%d reports in %s, want %d: %v", hours[hour], hour, want, hours)
		}
	}
}

// allFound holds a site to the promise, and wants each job found by its ID
// and listed.
func (s *site) allFound(t *testing.T) *audit {
	t.Helper()
	a := s.held(t)
	ar, err := archive.Open(s.archive)
	if err != nil {
		t.Fatal(err)
	}
	defer ar.Close() // only read from
	list, err := ar.List(archive.Query{})
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, e := range list {
		listed[e.ID.String()] = true
	}
	for _, id := range s.acks {
		e, err := ar.Find(id)
		if err == nil {
			_, err = ar.Load(e)
		}
		if has, hasErr := ar.Has(ulid.MustParse(id)); err != nil || hasErr != nil || !has || !listed[id] {
			t.Errorf("%s: found %v, has %t (%v), listed %t", id, err, has, hasErr, listed[id])
		}
	}
	if _, err := ar.Verify(t.Context(), archive.Date{}, func(f archive.Finding) { t.Errorf("verify: %+v", f) }); err != nil {
		t.Error(err)
	}
	return a
}
