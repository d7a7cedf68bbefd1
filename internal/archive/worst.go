package archive

import (
	"cmp"
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/mtrq/mtrq/report"
)

// Worst lists the reports with the most loss at the target among those
// accepted at or after since, worst first, each once. A target that filters
// probes, and one whose loss is unknown, is none of them. Days that a newer
// mtrq wrote are left out. It reads every day since; those that are known to
// hold nothing worse are not read again.
func (a *Archive) Worst(since time.Time, limit int) ([]Entry, error) {
	t, err := a.open()
	if err != nil {
		return nil, ignoreMissing(err)
	}
	days, err := a.Days()
	if err != nil {
		return nil, err
	}
	if limit <= 0 {
		return nil, nil
	}
	type found struct {
		loss  float64
		entry Entry
	}
	var worst []found
	first := DateOf(since, t.loc).Add(-1) // a request may have joined over midnight
	for _, day := range days {
		if day.Compare(first) < 0 {
			break
		}
		if len(worst) == limit && a.calendar.atMost(t, day, worst[limit-1].loss) {
			continue
		}
		err := a.unlessStale(day.Path()+"/"+indexName, func() error {
			return a.worstOf(t, day, since, limit, func(loss float64, e Entry) { worst = append(worst, found{loss, e}) })
		})
		if errors.Is(err, ErrNewer) {
			continue
		}
		if err != nil {
			return nil, err
		}
		slices.SortStableFunc(worst, func(a, b found) int { return cmp.Or(cmp.Compare(b.loss, a.loss), b.entry.ID.Compare(a.entry.ID)) })
		worst = worst[:min(limit, len(worst))]
	}
	out := make([]Entry, 0, len(worst))
	for _, w := range worst {
		out = append(out, w.entry)
	}
	return out, nil
}

// worstOf finds the worst of a day.
func (a *Archive) worstOf(t *tree, day Date, since time.Time, limit int, fn func(loss float64, e Entry)) error {
	tb, f, err := a.dayTable(context.Background(), t, day, true)
	if err != nil {
		return err
	}
	above := 0.0
	m := newMatcher(tb, &Filter{LossAbove: &above, From: since})
	s := sources{{tb, f, m}}
	defer s.close()
	want := func(p place) bool {
		return m.inTime(p.row) && m.rest(p.row) && string(tb.words.word(tb.class[p.row])) != string(report.TargetFilters)
	}
	var rows []place
	s.eachReport(s.all(want), want, func(p place) { rows = append(rows, p) })
	rows = s.page(rows, &View{Sort: SortLoss, Limit: limit})
	entries, err := s.read(rows)
	if err != nil {
		return err
	}
	for i, p := range rows {
		l, _ := tb.loss(p.row)
		fn(l, entries[i])
	}
	return nil
}

// atMost says whether a day is known to have no greater loss than this, as
// it is now.
func (c *calendar) atMost(t *tree, day Date, loss float64) bool {
	c.mu.Lock()
	known := c.days[day]
	c.mu.Unlock()
	if known == nil || !known.count.Known || known.index == nil {
		return false
	}
	st, err := t.root.Lstat(day.Path() + "/" + indexName)
	return err == nil && os.SameFile(st, known.index) && st.Size() == known.index.Size() && st.ModTime().Equal(known.index.ModTime()) &&
		(known.count.WorstLoss == nil || *known.count.WorstLoss < loss)
}
