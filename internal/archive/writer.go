package archive

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/report"
)

// A Writer keeps reports. Reports that finish together share their fsyncs.
// Several writers, in one process or in many, may write to one archive.
type Writer struct {
	*Archive
	tree *tree

	lockFile *os.File // lockName: flock is held while anything is changed
	commits  sync.Mutex
	// The rest is used under commits only.
	index  map[Date]*indexSet
	synced map[string]struct{} // directories whose names are durable
	broken map[string]struct{} // indexes whose fsync failed: written anew before the next append
	marks  *marks
	step   func(string) error // tests stop here; nil: go on

	mu      sync.Mutex
	pending *batch
}

// batch are reports that are written together.
type batch struct {
	items []*item
	full  chan struct{} // closed when nobody else fits
	done  chan struct{} // closed when err of each item is final
}

// item is one report on its way.
type item struct {
	report  *report.Report
	day     Date
	file    string // below the day's directory, without ending
	json    []byte
	text    []byte
	entries []Entry
	err     error
}

const (
	maxBatch   = 512
	batchDelay = 2 * time.Millisecond
)

// OpenWriter opens an archive for writing and makes it where there is
// none. zone names the zone that parts its days; it fails with ErrZone
// where the archive has another. Call Repair before the first Write when
// an earlier process may have died.
func OpenWriter(dir, zone string) (*Writer, error) {
	if err := create(dir, zone); err != nil {
		return nil, err
	}
	a, err := Open(dir)
	if err != nil {
		return nil, err
	}
	t, err := a.open()
	if err == nil {
		err = a.InZone(zone)
	}
	var lock *os.File
	if err == nil {
		if lock, err = openLock(t.root, lockName); err != nil {
			err = fmt.Errorf("open archive %s for writing: %w", dir, err)
		}
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	w := &Writer{
		Archive:  a,
		tree:     t,
		lockFile: lock,
		index:    map[Date]*indexSet{},
		synced:   map[string]struct{}{},
		broken:   map[string]struct{}{},
	}
	// Made while there is room: prune must not need an inode to free some. Who
	// needs it and has none says why.
	if upkeep, err := openLock(t.root, upkeepName); err == nil {
		upkeep.Close() // nothing was written
	}
	w.marks = &marks{root: t.root, name: markPrefix + ulid.Make().String()}
	return w, nil
}

// Close ends a writer that nobody uses any more.
func (w *Writer) Close() error {
	w.commits.Lock()
	defer w.commits.Unlock()
	return errors.Join(w.marks.close(), w.lockFile.Close(), w.Archive.Close())
}

// Write keeps a report: when it returns nil, report and lines have reached
// the disk. A report that is there already stays as it is and gets the
// lines that it lacks, so Write can be called again after an error.
func (w *Writer) Write(r *report.Report) error {
	it, err := w.prepare(r)
	if err != nil {
		return fmt.Errorf("archive report %s: %w", r.Evidence.ID, err)
	}
	b, leads := w.join(it)
	if leads {
		w.lead(b)
	}
	<-b.done
	if it.err != nil {
		return fmt.Errorf("archive report %s in %s: %w", r.Evidence.ID, w.dir, it.err)
	}
	return nil
}

// prepare does what needs no lock.
func (w *Writer) prepare(r *report.Report) (*item, error) {
	ev := &r.Evidence
	if ev.ID.IsZero() || ev.Times.Accepted.IsZero() || len(ev.Requests) == 0 {
		return nil, errors.New("it has no ID, no time of acceptance or no request")
	}
	at := ev.Times.Accepted.In(w.tree.loc)
	it := &item{
		report: r,
		day:    DateOf(at, w.tree.loc),
		file:   fileName(at, dirName(ev.Target.Address, ev.Target.Asked), ev.ID),
		text:   textOf(r, w.tree.loc),
	}
	if _, ok := parseName(it.day, it.file); !ok {
		return nil, fmt.Errorf("%q is no name that can be read again", it.file)
	}
	var err error
	if it.json, err = encodeReport(r); err != nil {
		return nil, err
	}
	it.entries = entriesOf(r, it.day, it.file, w.tree.loc)
	return it, nil
}

// join puts an item into the batch that gathers; the first one leads it.
func (w *Writer) join(it *item) (b *batch, leads bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if leads = w.pending == nil; leads {
		w.pending = &batch{full: make(chan struct{}), done: make(chan struct{})}
	}
	b = w.pending
	if b.items = append(b.items, it); len(b.items) == maxBatch {
		w.pending = nil
		close(b.full)
	}
	return b, leads
}

// lead gathers for a moment, waits for the batch before, and commits.
// Those who come while it waits still join.
func (w *Writer) lead(b *batch) {
	gather := time.NewTimer(batchDelay)
	defer gather.Stop()
	select {
	case <-gather.C:
	case <-b.full:
	}
	w.commits.Lock()
	defer w.commits.Unlock()
	w.mu.Lock()
	if w.pending == b {
		w.pending = nil
	}
	w.mu.Unlock()
	defer close(b.done)
	if err := w.locked(func() error { w.commit(b.items); return nil }); err != nil {
		for _, it := range b.items {
			it.err = err
		}
	}
}

// at is where a test kills or fails a writer.
func (w *Writer) at(step string) error {
	if w.step == nil {
		return nil
	}
	return w.step(step)
}
