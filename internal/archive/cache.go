package archive

import (
	"bytes"
	"context"
	"errors"
	"hash/maphash"
	"os"
	"sync"
	"syscall"
)

const (
	// maxTableBytes bounds what is kept of tables: some three days of 27,777
	// lines.
	maxTableBytes = 8 << 20
	// builders is how many tables are built at the same time; who comes then
	// waits some 30 ms.
	builders = 2
)

// tables are those of files read lately, the least used of which goes first.
type tables struct {
	seed maphash.Seed
	free chan *builder // nil: not made yet

	mu    sync.Mutex
	max   int64
	bytes int64
	clock uint64
	slots map[string]*slot
}

// slot is the table of a file.
type slot struct {
	building chan struct{} // holds one while somebody reads the file
	table    *table        // under building

	bytes int64 // under tables.mu, as used
	used  uint64
}

func newTables() *tables {
	c := &tables{seed: maphash.MakeSeed(), free: make(chan *builder, builders), max: maxTableBytes, slots: map[string]*slot{}}
	for range builders {
		c.free <- nil
	}
	return c
}

// get is the table of an open file. What it holds is what the file held at
// some time after the call. fresh is an empty table of its kind.
func (c *tables) get(ctx context.Context, f *os.File, path string, fresh table) (*table, error) {
	s := c.slot(path)
	select {
	case s.building <- struct{}{}:
		defer func() { <-s.building }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	t, err := c.build(ctx, f, s.table, fresh)
	if err != nil {
		c.forget(path, s)
		s.table = nil
		return nil, err
	}
	if s.table != t {
		s.table = t
		c.keep(path, s, t.bytes())
	}
	return t, nil
}

// drop forgets a table that is no longer that of its file.
func (c *tables) drop(path string) {
	c.mu.Lock()
	s := c.slots[path]
	c.mu.Unlock()
	if s != nil {
		c.forget(path, s)
	}
}

// build makes a table that nobody keeps, unless old is still good.
func (c *tables) build(ctx context.Context, f *os.File, old *table, fresh table) (*table, error) {
	if old != nil {
		if st, err := f.Stat(); err == nil && os.SameFile(st, old.file.info) && st.Size() == old.file.info.Size() && st.ModTime().Equal(old.file.info.ModTime()) {
			return old, nil
		}
	}
	var b *builder
	select {
	case b = <-c.free:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if b == nil {
		b = newBuilder(c.seed)
	}
	defer func() { c.free <- b }()
	return b.grow(ctx, f, old, fresh)
}

func (c *tables) slot(path string) *slot {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.slots[path]
	if s == nil {
		s = &slot{building: make(chan struct{}, 1)}
		c.slots[path] = s
	}
	c.clock++
	s.used = c.clock
	return s
}

func (c *tables) forget(path string, s *slot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slots[path] == s {
		delete(c.slots, path)
		c.bytes -= s.bytes
	}
}

// keep counts a table's bytes, and makes room.
func (c *tables) keep(path string, s *slot, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slots[path] != s {
		return // it was the least used one meanwhile
	}
	c.bytes += bytes - s.bytes
	s.bytes = bytes
	for c.bytes > c.max {
		var oldest string
		for p, o := range c.slots {
			if o.bytes > 0 && (oldest == "" || o.used < c.slots[oldest].used) {
				oldest = p
			}
		}
		c.bytes -= c.slots[oldest].bytes
		delete(c.slots, oldest)
	}
}

// dayTable is the table of a day, and the file it is of, which the caller
// closes. Where there is no index it is made of the names of files, and there
// is no file. keep says whether the table is worth keeping.
func (a *Archive) dayTable(ctx context.Context, t *tree, day Date, keep bool) (*table, *os.File, error) {
	if !t.plainDirs(day) {
		return &table{day: day}, nil, nil
	}
	tb, f, err := a.indexTable(ctx, t, day, keep)
	if noIndex(err) {
		byNames := t.dayByNames(day)
		// As in tree.day: it may have begun just now.
		if tb, f, err = a.indexTable(ctx, t, day, keep); noIndex(err) {
			return a.tables.ofEntries(day, byNames), nil, nil
		}
	}
	return tb, f, err
}

// indexTable is the table of a day's index.
func (a *Archive) indexTable(ctx context.Context, t *tree, day Date, keep bool) (tb *table, f *os.File, err error) {
	path := day.Path() + "/" + indexName
	if f, err = openFile(t.root, path); err != nil {
		return nil, nil, err
	}
	if keep {
		tb, err = a.tables.get(ctx, f, path, table{day: day})
	} else {
		tb, err = a.tables.build(ctx, f, nil, table{day: day})
	}
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return tb, f, nil
}

// monthTable is the table of a target's file.
func (a *Archive) monthTable(t *tree, dir, month string) (*table, *os.File, error) {
	first, err := ParseDate(month + "-01")
	if err != nil {
		return nil, nil, err
	}
	path := dir + "/" + month + ".jsonl"
	f, err := openFile(t.root, path)
	if err != nil {
		return nil, nil, err
	}
	tb, err := a.tables.get(context.Background(), f, path, table{month: month, lastDay: lastOf(first).Day})
	if err != nil {
		return nil, nil, errors.Join(err, f.Close())
	}
	return tb, f, nil
}

// ofEntries is a table of rows that have no line.
func (c *tables) ofEntries(day Date, entries []Entry) *table {
	t := &table{day: day, entries: entries}
	b := <-c.free
	if b == nil {
		b = newBuilder(c.seed)
	}
	defer func() { c.free <- b }()
	b.t = t
	b.in.begin(&t.words)
	defer func() { b.t, b.in.w = nil, nil }()
	for i := range entries {
		b.addEntry(&entries[i], 0)
	}
	t.sortFrom(0)
	return t
}

// plainDirs says whether a day's directories are directories: a link that
// stays inside the archive would show a day under two names.
func (t *tree) plainDirs(day Date) bool {
	path := day.Path()
	return t.isDir(path[:4]) && t.isDir(path[:7]) && t.isDir(path)
}

// syscallStat is what the system says of a file.
type syscallStat = syscall.Stat_t

// firstLine is what a table keeps of a file's first line.
func firstLine(b []byte) []byte {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return b[:i]
	}
	return b
}
