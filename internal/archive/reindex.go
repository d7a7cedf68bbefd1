package archive

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Reindexed counts what Reindex has done.
type Reindexed struct {
	Days    int // looked at
	Reports int // read
	Kept    int // lines of reports that cannot be read, or listed, taken over as they were
	// Rewritten are files that got another content, and with it a new
	// generation; those that say what they should stay as they are.
	RewrittenDays    int
	RewrittenTargets int
}

// Reindex makes indexes anew from the reports: those of the given days and
// of targets in their months, or of all. tell, unless nil, is called before
// each day. Writers go on meanwhile; each index is put in place whole, so a
// reader sees the old one or the new one.
func (w *Writer) Reindex(ctx context.Context, days []Date, tell func(Date)) (Reindexed, error) {
	var done Reindexed
	err := w.maintain(func() error { return w.reindexAll(ctx, days, tell, &done) })
	if err != nil {
		return done, fmt.Errorf("reindex archive %s: %w", w.dir, err)
	}
	return done, nil
}

// reindexAll takes nil for all days, and for targets of which no day is left.
func (w *Writer) reindexAll(ctx context.Context, days []Date, tell func(Date), done *Reindexed) error {
	months := map[string]struct{}{}
	if days == nil {
		var err error
		if days, err = w.Days(); err != nil {
			return err
		}
		slices.Reverse(days)
		for month := range w.tree.targetFiles() {
			months[month] = struct{}{}
		}
	}
	return w.reindex(ctx, days, months, tell, done)
}

// reindex makes the indexes of days anew, and the files by target of their
// months and of the given ones.
func (w *Writer) reindex(ctx context.Context, days []Date, months map[string]struct{}, tell func(Date), done *Reindexed) error {
	for _, day := range days {
		if tell != nil {
			tell(day)
		}
		if err := w.reindexDay(ctx, day, done); err != nil {
			return fmt.Errorf("%s: %w", day, err)
		}
		months[day.String()[:len("2026-11")]] = struct{}{}
		done.Days++
	}
	all, err := w.Days()
	if err != nil {
		return err
	}
	slices.Reverse(all)
	for _, month := range slices.Sorted(maps.Keys(months)) {
		var of []Date
		for _, day := range all {
			if day.String()[:len("2026-11")] == month {
				of = append(of, day)
			}
		}
		if err := w.reindexMonth(ctx, month, of, done); err != nil {
			return fmt.Errorf("%s: %w", month, err)
		}
	}
	return nil
}

// dayLines are a day's lines, by the file of the report that each is of.
type dayLines map[string][]Entry

// reindexDay reads a day's reports while writers go on, and then, while
// they wait, those that came meanwhile.
func (w *Writer) reindexDay(ctx context.Context, day Date, done *Reindexed) error {
	if !w.tree.isDir(day.Path()) {
		return nil // pruned meanwhile
	}
	lines := dayLines{}
	if _, err := w.readInto(ctx, day, lines, done); err != nil {
		return err
	}
	return w.exclusive(func() error {
		unread, err := w.readInto(ctx, day, lines, done)
		if err != nil {
			return err
		}
		return w.putDay(day, lines, unread, done)
	})
}

// readInto adds the lines of reports that are not in lines yet, and drops
// those of reports that went. unread are the hours of which it knows neither.
func (w *Writer) readInto(ctx context.Context, day Date, lines dayLines, done *Reindexed) (unread unreadHours, err error) {
	var files []string
	there := map[string]struct{}{}
	unread, err = w.tree.eachReport(day, func(file string, _ parsedName) {
		there[file] = struct{}{}
		if _, ok := lines[file]; !ok {
			files = append(files, file)
		}
	})
	if err != nil {
		return nil, err
	}
	for file := range lines {
		if _, ok := there[file]; !ok && unread[file[:2]] == nil {
			delete(lines, file)
		}
	}
	var mu sync.Mutex
	err = w.tree.readReports(ctx, day, files, func(file string, data []byte, err error) {
		var entries []Entry
		if err == nil {
			if r, e := decodeReport(data); e == nil {
				entries = entriesOf(r, day, file, w.tree.loc)
			}
		}
		mu.Lock()
		defer mu.Unlock()
		done.Reports++
		lines[file] = entries // nil where nobody can read it
	})
	return unread, err
}

// putDay writes the index of a day, unless it says the same already.
func (w *Writer) putDay(day Date, lines dayLines, unread unreadHours, done *Reindexed) error {
	p := day.Path() + "/" + indexName
	was, err := w.tree.indexLines(p, func(line []byte) (Entry, bool) { return parseEntry(line, day) })
	if err != nil {
		return err
	}
	var entries []Entry
	for _, es := range lines {
		entries = append(entries, es...)
	}
	for _, e := range was.entries { // a report that nobody can read, or list, keeps its lines
		es, listed := lines[e.File]
		if listed && len(es) == 0 || !listed && unread[e.File[:2]] != nil {
			entries = append(entries, e)
			done.Kept++
		}
	}
	if len(entries) == 0 && !was.there {
		return nil // incidents only
	}
	slices.SortFunc(entries, func(a, b Entry) int { return a.ID.Compare(b.ID) })
	entries = slices.CompactFunc(entries, func(a, b Entry) bool { return a.ID == b.ID })
	return w.rewrite(p, header{Day: day.String()}, was, entries, "", &done.RewrittenDays)
}

// rewrite replaces an index by entries, unless it has exactly these lines, and
// a first one of the right day, or target and month.
// File of each line gets prefix(day) before it.
func (w *Writer) rewrite(p string, head header, was oldIndex, entries []Entry, month string, rewritten *int) error {
	var all []byte
	want := map[string]int{}
	for _, e := range entries {
		prefix := ""
		if month != "" {
			prefix = e.Day.String()[len("2026-11-"):] + "/"
		}
		from := len(all)
		var err error
		if all, err = appendLine(all, e, prefix); err != nil {
			return err
		}
		want[string(all[from:len(all)-1])]++
	}
	head.Schema, head.Generation = was.head.Schema, was.head.Generation
	if was.clean && was.head == head && len(was.lines) == len(entries) {
		for _, line := range was.lines {
			want[line]--
		}
		same := true
		for _, n := range want {
			same = same && n == 0
		}
		if same {
			return nil
		}
	}
	data, err := headLine(head)
	if err != nil {
		return err
	}
	*rewritten++
	return w.replace(p, append(data, all...))
}

// oldIndex is an index as it is.
type oldIndex struct {
	there   bool
	clean   bool // a first line, whole lines that can be read, and nothing else
	head    header
	lines   []string // those that can be read
	entries []Entry
}

func (t *tree) indexLines(p string, parse func([]byte) (Entry, bool)) (oldIndex, error) {
	var out oldIndex
	f, err := openFile(t.root, p)
	if noIndex(err) {
		return out, nil
	}
	if err != nil {
		return out, err
	}
	defer f.Close() // only read from
	out.there, out.clean = true, true
	first := true
	whole, err := eachLine(f, func(line []byte) error {
		if first {
			first = false
			var ok bool
			if out.head, ok = parseHeader(line); ok {
				if out.head.Schema > Schema {
					return errNewer(p, out.head.Schema)
				}
				return nil
			}
			out.clean = false
		}
		e, ok := parse(bytes.Clone(line))
		if !ok {
			out.clean = false
			return nil
		}
		out.lines, out.entries = append(out.lines, string(line)), append(out.entries, e)
		return nil
	})
	if err != nil {
		return out, err
	}
	st, err := f.Stat()
	if err != nil {
		return out, err
	}
	out.clean = out.clean && !first && whole == st.Size()
	return out, nil
}
