package archive

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"syscall"
	"time"
)

// PlanPrune is what Prune would do, oldest day first. It fails with
// ErrTooMuch where more than half of the days that have reports would lose
// them, or of those that have incidents, unless that is forced.
func (a *Archive) PlanPrune(ctx context.Context, l Limits) ([]PruneStep, error) {
	t, err := a.open()
	if err != nil {
		return nil, ignoreMissing(err)
	}
	days, err := a.Days()
	if err != nil || len(days) == 0 {
		return nil, err
	}
	slices.Reverse(days)
	held := make([]holding, len(days))
	for i, day := range days {
		held[i] = t.holding(day)
	}
	steps := l.byAge(days[:l.old(days, held, t.loc)], t.loc)
	old := slices.Clone(steps)
	if l.MaxBytes > 0 {
		if err := t.bySize(ctx, l.MaxBytes, days, steps); err != nil {
			return nil, err
		}
	}
	reports, incidents := loss{what: "reports", key: "keep"}, loss{what: "incidents", key: "keep_incidents"}
	for _, h := range held {
		reports.with += one(h.reports)
		incidents.with += one(h.incidents)
	}
	var out []PruneStep
	for i, s := range steps {
		s.Reports, s.Incidents = s.Reports && held[i].reports, s.Incidents && held[i].incidents
		s.Compress = s.Compress && !s.Reports && held[i].loose
		reports.gone += one(s.Reports)
		reports.tooBig += one(s.Reports && !old[i].Reports)
		incidents.gone += one(s.Incidents)
		if s.Reports || s.Incidents || s.Compress {
			out = append(out, s)
		}
	}
	for _, lost := range []loss{reports, incidents} {
		if lost.tooMuch() && !l.Force {
			key := lost.key
			switch {
			case lost.tooBig == lost.gone:
				return nil, fmt.Errorf("%w: %d of the %d days that have %s, to fit into [archive] max_size: see whether that is right, and if it is use --force",
					ErrTooMuch, lost.gone, lost.with, lost.what)
			case lost.tooBig > 0:
				key += " and max_size"
			}
			return nil, fmt.Errorf("%w: %d of the %d days that have %s: see whether the clock (%s) and [archive] %s are right, and if they are use --force",
				ErrTooMuch, lost.gone, lost.with, lost.what, l.Now.In(t.loc).Format("2006-01-02 15:04"), key)
		}
	}
	return out, nil
}

// loss counts the days that would lose one kind of thing.
type loss struct {
	what, key  string // as a person says it; the key that bounds its age
	with, gone int    // days that have some, and that would lose it
	tooBig     int    // of those, only to fit into max_size
}

// tooMuch is what only a wrong clock would ask for; a small archive may
// shrink by much.
func (l loss) tooMuch() bool {
	const few = 7
	return l.gone > few && 2*l.gone > l.with
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
		steps[i] = PruneStep{day, over(day, l.Keep), over(day, l.KeepIncidents), over(day, l.CompressAfter)}
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

// bySize lets the oldest days' reports go until the rest fits.
func (t *tree) bySize(ctx context.Context, limit int64, days []Date, steps []PruneStep) error {
	sizes, total, err := t.sizes(ctx, days)
	if err != nil {
		return err
	}
	for i := range steps {
		if steps[i].Reports {
			total -= sizes[i]
		}
	}
	for i := range steps {
		if total <= limit {
			break
		}
		if !steps[i].Reports {
			steps[i].Reports = true
			total -= sizes[i]
		}
	}
	return nil
}

// Size is how many bytes reports, indexes and incidents take on the disk, as
// Limits.MaxBytes counts them.
func (a *Archive) Size(ctx context.Context) (int64, error) {
	t, err := a.open()
	if err != nil {
		return 0, ignoreMissing(err)
	}
	days, err := a.Days()
	if err != nil {
		return 0, err
	}
	_, total, err := t.sizes(ctx, days)
	return total, err
}

// sizes are what the reports of each day take, and all days with their
// incidents together. Lines by target count with the day whose index holds the
// same lines.
func (t *tree) sizes(ctx context.Context, days []Date) (reports []int64, total int64, err error) {
	reports = make([]int64, len(days))
	for i, day := range days {
		incidents, err := t.onDisk(ctx, incidentsDir(day))
		if err != nil {
			return nil, 0, err
		}
		all, err := t.onDisk(ctx, day.Path())
		if err != nil {
			return nil, 0, err
		}
		reports[i] = all - incidents
		if st, err := t.root.Lstat(day.Path() + "/" + indexName); err == nil {
			reports[i] += st.Size()
		}
		total += reports[i] + incidents
	}
	return reports, total, nil
}

// onDisk is how many bytes the files below a directory take.
func (t *tree) onDisk(ctx context.Context, dir string) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	entries, err := readDir(t.root, dir)
	if err != nil {
		return 0, ignoreMissing(err)
	}
	var sum int64
	for _, e := range entries {
		p := path.Join(dir, e.Name())
		if e.IsDir() {
			n, err := t.onDisk(ctx, p)
			if err != nil {
				return 0, err
			}
			sum += n
			continue
		}
		n, err := blocksOf(e.Info())
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// hourOnDisk is onDisk of an hour: its directory and its zip.
func (t *tree) hourOnDisk(ctx context.Context, day Date, hour string) (int64, error) {
	dir := day.Path() + "/" + hour
	sum, err := t.onDisk(ctx, dir)
	if err != nil {
		return 0, err
	}
	n, err := blocksOf(t.root.Lstat(dir + packEnding))
	return sum + n, err
}

// blocksOf is what a file takes on disk; nothing if it is gone.
func blocksOf(st fs.FileInfo, err error) (int64, error) {
	if err != nil {
		return 0, ignoreMissing(err)
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); ok {
		return sys.Blocks * 512, nil
	}
	return st.Size(), nil
}
