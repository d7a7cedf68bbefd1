package run

import (
	"os"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
	"github.com/mtrq/mtrq/spool"
)

// TestMoreThanInHand: a node that has as many jobs in hand as it may says how
// many wait beside them, and for how long; and no longer once they are traced.
func TestMoreThanInHand(t *testing.T) {
	t.Parallel()
	s := newSite(t, lab.Config{Targets: 5, Seed: 3})
	var targets []string
	for i := range 4 {
		targets = append(targets, s.target(i))
	}
	ids, err := s.spool.SubmitBatch(t.Context(), spool.Job{Source: "cli", Rounds: 40}, targets)
	if err != nil {
		t.Fatal(err)
	}
	s.ids = append(s.ids, ids...)
	l := s.run(func(r *Runner) { r.most = 2 })
	await(t, "lines that wait in cur/", func() bool {
		st := s.state()
		return st.Jobs.InHand() == 2 && st.Jobs.Most == 2 && st.Jobs.Lines == 2 && st.UnprobedMS != nil && *st.UnprobedMS > 0
	})
	await(t, "their first probes", func() bool { return s.state().Jobs.Lines == 0 && s.state().UnprobedMS == nil })
	alone := s.submit(spool.Job{Target: s.target(4), Rounds: 3})
	await(t, "the job in new/", func() bool { return s.state().UnprobedMS != nil || s.reports()[alone] != nil })
	await(t, "nothing to wait any more", func() bool { return s.state().Counters.Reported == 5 && s.state().UnprobedMS == nil })
	l.drain()
	s.settled()
}

func TestWaits(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 5, 33, 0, time.UTC)
	for _, c := range []struct {
		name     string
		accepted time.Time
		want     float64 // ms; below 0: nobody waits
	}{
		{"nobody", time.Time{}, -1},
		{"for a minute", now.Add(-time.Minute), 60000},
		{"accepted by a clock that is ahead", now.Add(time.Minute), 0},
	} {
		got := waits(c.accepted, now)
		if (got == nil) != (c.want < 0) || got != nil && *got != c.want {
			t.Errorf("%s: got %v, want %v", c.name, got, c.want)
		}
	}
	early, late := now, now.Add(time.Second)
	for _, c := range []struct{ a, b, want time.Time }{
		{time.Time{}, time.Time{}, time.Time{}}, {early, time.Time{}, early}, {time.Time{}, early, early}, {late, early, early}, {early, late, early},
	} {
		if got := older(c.a, c.b); got != c.want {
			t.Errorf("older(%v, %v) is %v", c.a, c.b, got)
		}
	}
}

// TestHeadIsLookedAtInProportion: new/ is not listed all the time where that
// takes long, and a clock that was set back does not end the looks.
func TestHeadIsLookedAtInProportion(t *testing.T) {
	sp, err := spool.Open(t.TempDir(), spool.Options{})
	if err != nil {
		t.Fatal(err)
	}
	submit := func() {
		if _, err := sp.Submit(t.Context(), spool.Job{Target: "203.0.113.7", Source: "cli"}); err != nil {
			t.Fatal(err)
		}
	}
	clock := time.Date(2026, 11, 23, 14, 5, 33, 0, time.UTC)
	took := 100 * time.Millisecond
	now := func() time.Time { clock = clock.Add(took / 2); return clock }
	var h head
	look := func(what string, any bool) {
		t.Helper()
		if at := h.oldest(sp, now); at.IsZero() == any {
			t.Errorf("%s: the oldest is of %v", what, at)
		}
	}
	look("an empty new/", false)
	submit()
	look("at once", false)
	clock = clock.Add(headCost * took)
	look("later", true)
	if err := os.RemoveAll(sp.Dir() + "/new"); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(headCost * took)
	look("where it cannot be listed", true)
	if err := os.Mkdir(sp.Dir()+"/new", 0o700); err != nil {
		t.Fatal(err)
	}
	clock = clock.Add(-time.Hour)
	look("after the clock was set back", false)
}
