package archive

import (
	"context"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mtrq/mtrq/report"
)

// calendar is what was counted of days, and the names that stand in them.
type calendar struct {
	mu    sync.Mutex
	days  map[Date]*counted
	names names
}

// counted is a day as it was when its files had this state.
type counted struct {
	count DayCount
	index os.FileInfo // nil: there was none
}

func newCalendar() *calendar { return &calendar{days: map[Date]*counted{}, names: newNames()} }

// maxCalendarDays bounds what is asked for at once: eleven years.
const maxCalendarDays = 4096

// Calendar tells what is known of each day from one to another, both
// included, oldest first: it waits for nothing. CountDays makes it known. A
// day that has no directory is known to have nothing.
func (a *Archive) Calendar(from, to Date) ([]DayCount, error) {
	t, err := a.open()
	if ignoreMissing(err) != nil {
		return nil, err
	}
	there := map[Date]bool{}
	var days []Date
	if err == nil {
		if days, err = a.Days(); err != nil {
			return nil, err
		}
		for _, d := range days {
			there[d] = true
		}
	}
	var out []DayCount
	for day := from; day.Compare(to) <= 0 && len(out) < maxCalendarDays; day = day.Add(1) {
		c := DayCount{Day: day, Known: true}
		if there[day] {
			c.Known = false
			a.calendar.mu.Lock()
			if known := a.calendar.days[day]; known != nil {
				c = known.count
			}
			a.calendar.mu.Unlock()
			c.Incidents = len(t.namesOf(a, day, len(days) > lively && day.Compare(days[lively-1]) < 0))
		}
		out = append(out, c)
	}
	return out, nil
}

const (
	// countEvery is how often days are looked at for growth.
	countEvery = 5 * time.Second
	// countRest is how long counting rests for each moment that it worked, at
	// most maxRest: it takes a tenth of a core. Where the machine is busy it
	// works for longer by the clock, and would never end.
	countRest = 9
	maxRest   = 250 * time.Millisecond
	// lively is how many of the newest days are expected to grow: their
	// tables are kept and read on from where they ended.
	lively = 2
)

// CountDays counts the days of the archive, newest first, and again those
// that have changed, until ctx ends. It is meant to run beside everything
// else: it takes a tenth of a core until it has caught up (360 days of 27,777
// requests: about two minutes). A day that cannot
// be read stays unknown.
func (a *Archive) CountDays(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		a.countOnce(ctx, func(worked time.Duration) {
			timer.Reset(min(maxRest, countRest*worked))
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
		})
		timer.Reset(countEvery)
	}
}

// countOnce counts the days that have changed since they were counted. It
// calls rest after each of them.
func (a *Archive) countOnce(ctx context.Context, rest func(worked time.Duration)) {
	t, err := a.open()
	if err != nil {
		return // none yet
	}
	days, err := a.Days()
	if err != nil {
		return
	}
	a.calendar.keepOnly(days)
	a.incidents.keepOnly(days)
	for i, day := range days {
		if ctx.Err() != nil {
			return
		}
		began := time.Now()
		if a.countDay(ctx, t, day, i < lively) {
			rest(time.Since(began))
		}
	}
}

// countDay counts a day, and says whether there was anything to do.
func (a *Archive) countDay(ctx context.Context, t *tree, day Date, keep bool) bool {
	st, err := t.root.Lstat(day.Path() + "/" + indexName)
	if err != nil || !st.Mode().IsRegular() {
		st = nil
	}
	c := a.calendar
	c.mu.Lock()
	old := c.days[day]
	c.mu.Unlock()
	// Names of files are listed again only where an index has come or gone.
	if old != nil && (old.index == nil) == (st == nil) && (st == nil || os.SameFile(old.index, st) && st.Size() == old.index.Size() && st.ModTime().Equal(old.index.ModTime())) {
		return false
	}
	counted := &counted{count: DayCount{Day: day}, index: st}
	tb, f, err := a.dayTable(ctx, t, day, keep)
	if err == nil {
		s := sources{{t: tb, f: f}}
		counted.count = countTable(s, day)
		s.close()
		c.names.learn(tb, day)
	}
	if ctx.Err() != nil {
		return true
	}
	// Incidents are read once, so that pages find them read.
	for _, id := range t.incidentNames(a, day) {
		a.incidentEntry(t, day, id)
	}
	c.mu.Lock()
	c.days[day] = counted
	c.mu.Unlock()
	return true
}

func countTable(s sources, day Date) DayCount {
	c := DayCount{Day: day, Known: true}
	tb := s[0].t
	all := func(place) bool { return true }
	s.eachReport(s.all(all), all, func(p place) {
		c.Reports++
		class := tb.words.word(tb.class[p.row])
		if realLoss(class) {
			c.RealLoss++
		}
		l, ok := tb.loss(p.row)
		if !ok {
			return
		}
		if l > 0 {
			c.Lossy++
		}
		if string(class) != string(report.TargetFilters) && (c.WorstLoss == nil || l > *c.WorstLoss) {
			c.WorstLoss = &l
		}
	})
	return c
}

// keepOnly forgets days that were pruned.
func (c *calendar) keepOnly(days []Date) {
	c.mu.Lock()
	before := len(c.days)
	for day := range c.days {
		if !slices.Contains(days, day) {
			delete(c.days, day)
		}
	}
	pruned := len(c.days) < before
	c.mu.Unlock()
	if pruned {
		c.names.keepOnly(days)
	}
}

// knows says whether a day was counted once.
func (c *calendar) knows(day Date) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.days[day] != nil
}
