package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"golang.org/x/sys/unix"
)

// Limits say what an archive keeps. What is zero limits nothing.
type Limits struct {
	Now           time.Time
	Keep          time.Duration // reports and suspects of days that ended longer ago go
	KeepIncidents time.Duration // the same of incidents
	MaxBytes      int64         // on disk; the oldest days' reports go until the rest fits
	CompressAfter time.Duration // reports of days that ended longer ago become zips by hour
	// Force lets it remove more than half of the days at once, which else is
	// taken for the work of a wrong clock.
	Force bool
}

// ErrTooMuch is a prune that would remove more than half of the archive.
var ErrTooMuch = errors.New("most of the archive would go")

// PruneStep is what Prune does, or would do, with one day.
type PruneStep struct {
	Day       Date
	Reports   bool // reports, index and suspects go
	TooBig    bool // they go only so that the rest fits into MaxBytes
	Incidents bool // incidents go
	Compress  bool // reports become zips; where they go all the same, before they do
}

// ByDay makes one step of those of the same day, and puts the oldest first.
func ByDay(steps []PruneStep) []PruneStep {
	var out []PruneStep
	for _, s := range slices.SortedStableFunc(slices.Values(steps), func(a, b PruneStep) int { return a.Day.Compare(b.Day) }) {
		if last := len(out) - 1; last >= 0 && out[last].Day == s.Day {
			l := out[last]
			s = PruneStep{s.Day, l.Reports || s.Reports, l.TooBig || s.TooBig, l.Incidents || s.Incidents, l.Compress || s.Compress}
			out = out[:last]
		}
		out = append(out, s)
	}
	return out
}

// Pruned counts what Prune has done.
type Pruned struct {
	Days       int // that lost reports or incidents
	Reports    int
	Compressed int   // reports that went into zips
	Saved      int64 // bytes on disk that compressing has freed
}

// trash begins the names of directories in the archive's own that hold what
// was taken from a day, with the day behind it. A reader never looks there:
// a day goes in one rename. Lines by target still name the reports of a
// trashDay; those of a trashDone are gone too.
const (
	trashDay  = ".prune-"
	trashDone = ".pruned-"
)

// Prune does what the limits ask for; tell, unless nil, is called before
// each step, and of a day may be more than once. The newest day is never
// touched. At any moment a reader sees a day as it was or not at all, except
// that a target's list may name reports that went a moment ago. What a crash
// leaves half done the next Prune ends.
func (w *Writer) Prune(ctx context.Context, l Limits, tell func(PruneStep)) (Pruned, error) {
	p := pruning{w: w, limits: l, tell: tell, lost: map[Date]struct{}{}}
	if tell == nil {
		p.tell = func(PruneStep) {}
	}
	if err := w.maintain(func() error { return p.run(ctx) }); err != nil {
		return p.done, fmt.Errorf("prune archive %s: %w", w.dir, err)
	}
	return p.done, nil
}

// pruning is a Prune at work.
type pruning struct {
	w      *Writer
	limits Limits
	tell   func(PruneStep)
	toll   toll // of what it has taken away
	lost   map[Date]struct{}
	done   Pruned
}

// run lets go what is too old, compresses what stays, and only then sees how
// much is too much for MaxBytes.
func (p *pruning) run(ctx context.Context) error {
	if err := p.w.emptyTrash(ctx, &p.done); err != nil { // of a prune that died
		return err
	}
	// It also refuses, before anything is touched, what would be too much in all.
	plan, err := p.w.PlanPrune(ctx, p.limits)
	if err != nil {
		return err
	}
	p.toll = plan.before
	var old, zips []PruneStep
	for _, s := range plan.Steps {
		if aged := (PruneStep{Day: s.Day, Reports: s.Reports && !s.TooBig, Incidents: s.Incidents}); aged.Reports || aged.Incidents {
			old = append(old, aged)
		}
		if s.Compress {
			zips = append(zips, PruneStep{Day: s.Day, Compress: true})
		}
	}
	if err := p.takeAway(ctx, old); err != nil {
		return err
	}
	return p.fit(ctx, zips)
}

// fit compresses, and then lets the oldest reports go until the rest fits.
// Where there is no room for zips, one day after the other makes some: what
// zips save then need not go.
func (p *pruning) fit(ctx context.Context, zips []PruneStep) error {
	for {
		rest, err := p.compress(ctx, zips)
		full := noRoom(err)
		if err != nil && !full && !errors.Is(err, errOldPack) {
			return err
		}
		more, sizeErr := p.tooBig(ctx)
		if sizeErr != nil || len(more) == 0 {
			return errors.Join(err, sizeErr)
		}
		if full {
			more = more[:1]
		}
		if awayErr := p.takeAway(ctx, more); awayErr != nil || !full {
			return errors.Join(err, awayErr)
		}
		zips = rest
	}
}

// compress gives the steps that are left when the disk is full. An hour whose
// zip is damaged stays as it is, and the other days are compressed.
func (p *pruning) compress(ctx context.Context, zips []PruneStep) (rest []PruneStep, err error) {
	for i, s := range zips {
		p.tell(s)
		dayErr := p.w.compressDay(ctx, s.Day, &p.done)
		if dayErr != nil {
			err = errors.Join(err, fmt.Errorf("compress %s: %w", s.Day, dayErr))
		}
		if dayErr != nil && !errors.Is(dayErr, errOldPack) {
			return zips[i:], err
		}
	}
	return nil, err
}

// noRoom says that a disk is full, or a quota.
func noRoom(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// tooBig are the days that must go so that the rest fits, as it is now.
func (p *pruning) tooBig(ctx context.Context) ([]PruneStep, error) {
	if p.limits.MaxBytes == 0 {
		return nil, nil
	}
	plan, err := p.w.plan(ctx, Limits{Now: p.limits.Now, MaxBytes: p.limits.MaxBytes})
	return plan.Steps, err
}

// takeAway moves days, or parts of them, into the trash and empties it.
func (p *pruning) takeAway(ctx context.Context, steps []PruneStep) error {
	p.toll.add(steps)
	if err := p.toll.check(p.limits, p.w.tree.loc); err != nil {
		return err
	}
	for _, s := range steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		p.tell(s)
		if err := p.w.takeAway(s); err != nil {
			return fmt.Errorf("take %s away: %w", s.Day, err)
		}
		p.lost[s.Day] = struct{}{}
		p.done.Days = len(p.lost)
	}
	return p.w.emptyTrash(ctx, &p.done)
}

// maintain runs fn while nobody else prunes or reindexes. Writers go on.
func (w *Writer) maintain(fn func() error) error {
	lock, err := openLock(w.tree.root, upkeepName)
	if err != nil {
		return err
	}
	defer lock.Close() // only locked; gives the lock back
	if err := tryLock(lock, unix.LOCK_EX); err != nil {
		return fmt.Errorf("%w: another prune, reindex or verify --repair is at work (%w)", ErrBusy, err)
	}
	return fn()
}

// exclusive runs fn while nobody else writes, in this process or another.
func (w *Writer) exclusive(fn func() error) error {
	w.commits.Lock()
	defer w.commits.Unlock()
	return w.locked(fn)
}

// takeAway moves what a step removes into the trash: the whole day, or all
// but its incidents, or those alone.
func (w *Writer) takeAway(s PruneStep) error {
	return w.exclusive(func() error {
		from := s.Day.Path()
		entries, err := readDir(w.tree.root, from)
		if err != nil {
			return ignoreMissing(err)
		}
		var names []string
		for _, e := range entries {
			if reportsPart := e.Name() != incidentsName; reportsPart && s.Reports || !reportsPart && s.Incidents {
				names = append(names, e.Name())
			}
		}
		to := trashDay + s.Day.String() + "-" + ulid.Make().String()
		if err := w.at("prune begun"); err != nil {
			return err
		}
		if len(names) == len(entries) {
			if err := w.tree.root.Rename(from, to); err != nil {
				return err
			}
			return errors.Join(w.at("prune day moved"), w.syncDir("."), w.syncDir(from[:len("2026/11")]), w.removeEmpty(from[:len("2026/11")]))
		}
		if err := w.tree.root.Mkdir(to, 0o755); err != nil {
			return err
		}
		if err := w.syncDir("."); err != nil {
			return err
		}
		// Without its index a day is read by the names of its files, so the
		// index goes first and every hour that is left is still listed.
		slices.Sort(names)
		if s.Reports {
			names = append([]string{indexName}, names...)
		}
		for _, name := range names {
			err := w.tree.root.Rename(from+"/"+name, to+"/"+name)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err = errors.Join(err, w.at("prune part moved")); err != nil {
				return err
			}
		}
		return errors.Join(w.syncDir(to), w.syncDir(from))
	})
}

// removeEmpty removes a directory and those above it where they are empty.
// A name that comes back after a power cut harms nobody.
func (w *Writer) removeEmpty(dir string) error {
	for dir != "" && dir != "." {
		if entries, err := readDir(w.tree.root, dir); err != nil || len(entries) > 0 {
			return ignoreMissing(err)
		}
		if err := w.tree.root.Remove(dir); err != nil {
			return err
		}
		dir, _, _ = cutLast(dir, "/")
	}
	return nil
}

// cutLast is strings.Cut at the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}
