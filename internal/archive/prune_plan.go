package archive

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// PrunePlan is what Prune would do.
type PrunePlan struct {
	Steps []PruneStep // oldest day first
	// Frees is about how many bytes compressing frees, where it depends on
	// that which reports are TooBig: Prune compresses first. Else nil.
	Frees *int64

	before toll // when nothing has gone yet
}

// PlanPrune is what Prune would do. It fails with ErrTooMuch where more than
// half of the days that have reports would lose them, or of those that have
// incidents, unless that is forced.
func (a *Archive) PlanPrune(ctx context.Context, l Limits) (PrunePlan, error) {
	plan, err := a.plan(ctx, l)
	if err != nil || len(plan.Steps) == 0 {
		return plan, err
	}
	after := plan.before
	after.add(plan.Steps)
	return plan, after.check(l, a.Location())
}

func (a *Archive) plan(ctx context.Context, l Limits) (plan PrunePlan, err error) {
	t, err := a.open()
	if err != nil {
		return plan, ignoreMissing(err)
	}
	days, err := a.Days()
	if err != nil || len(days) == 0 {
		return plan, err
	}
	slices.Reverse(days)
	held := make([]holding, len(days))
	for i, day := range days {
		held[i] = t.holding(day)
	}
	plan.before = tollOf(held)
	steps := l.byAge(days[:l.old(days, held, t.loc)], t.loc)
	for i := range steps {
		steps[i].Reports = steps[i].Reports && held[i].reports
		steps[i].Incidents = steps[i].Incidents && held[i].incidents
		steps[i].Compress = steps[i].Compress && !steps[i].Reports && held[i].loose
	}
	if l.MaxBytes > 0 {
		if plan.Frees, err = t.bySize(ctx, l.MaxBytes, days, held, steps); err != nil {
			return plan, err
		}
	}
	for _, s := range steps {
		if s.Reports || s.Incidents || s.Compress {
			plan.Steps = append(plan.Steps, s)
		}
	}
	return plan, nil
}

// toll is what a prune takes of an archive, in days.
type toll struct{ reports, incidents loss }

// loss counts the days that would lose one kind of thing.
type loss struct {
	with, gone int // days that have some, and that would lose it
	tooBig     int // of those, only to fit into max_size
}

func tollOf(held []holding) (t toll) {
	for _, h := range held {
		t.reports.with += one(h.reports)
		t.incidents.with += one(h.incidents)
	}
	return t
}

func (t *toll) add(steps []PruneStep) {
	for _, s := range steps {
		t.reports.gone += one(s.Reports)
		t.reports.tooBig += one(s.TooBig)
		t.incidents.gone += one(s.Incidents)
	}
}

// check refuses what only a mistake would ask for.
func (t toll) check(l Limits, loc *time.Location) error {
	if l.Force {
		return nil
	}
	if err := t.reports.check("reports", "keep", l, loc); err != nil {
		return err
	}
	return t.incidents.check("incidents", "keep_incidents", l, loc)
}

// check names what would go, and the key that bounds its age.
func (lost loss) check(what, key string, l Limits, loc *time.Location) error {
	switch {
	case !lost.tooMuch():
		return nil
	case lost.tooBig == lost.gone:
		return fmt.Errorf("%w: %d of the %d days that have %s, to fit into [archive] max_size: see whether that is right, and if it is use --force",
			ErrTooMuch, lost.gone, lost.with, what)
	case lost.tooBig > 0:
		key += " and max_size"
	}
	return fmt.Errorf("%w: %d of the %d days that have %s: see whether the clock (%s) and [archive] %s are right, and if they are use --force",
		ErrTooMuch, lost.gone, lost.with, what, l.Now.In(loc).Format("2006-01-02 15:04"), key)
}

// tooMuch is what only a wrong clock would ask for; a small archive may
// shrink by much.
func (lost loss) tooMuch() bool {
	const few = 7
	return lost.gone > few && 2*lost.gone > lost.with
}

func one(is bool) int {
	if is {
		return 1
	}
	return 0
}

// byAge says of each of the days that may be touched what its age asks for.
func (l Limits) byAge(days []Date, loc *time.Location) []PruneStep {
	over := func(day Date, keep time.Duration) bool {
		return keep > 0 && l.Now.Sub(day.Add(1).Start(loc)) >= keep
	}
	steps := make([]PruneStep, len(days))
	for i, day := range days {
		steps[i] = PruneStep{Day: day, Reports: over(day, l.Keep), Incidents: over(day, l.KeepIncidents), Compress: over(day, l.CompressAfter)}
	}
	return steps
}

// old are how many of the days, oldest first, may be touched: those before
// the newest that has reports, and before today.
func (l Limits) old(days []Date, held []holding, loc *time.Location) int {
	n := len(days) - 1
	for n > 0 && !held[n].reports {
		n--
	}
	for n > 0 && days[n-1].Compare(DateOf(l.Now, loc)) >= 0 {
		n--
	}
	return n
}

// holding is what a day's directory has.
type holding struct {
	reports   bool // or an index or suspects of them
	incidents bool
	loose     bool // some hour is a directory
}

func (t *tree) holding(day Date) holding {
	var h holding
	entries, err := readDir(t.root, day.Path())
	if err != nil {
		return h // gone meanwhile
	}
	for _, e := range entries {
		if e.Name() == incidentsName {
			h.incidents = true
			continue
		}
		h.reports = true
		h.loose = h.loose || e.IsDir() && isHour(e.Name())
	}
	// A day that has nothing at all is an empty directory: it may go.
	h.reports = h.reports || len(entries) == 0
	return h
}
