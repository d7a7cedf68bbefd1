package archive

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"path"
	"slices"
	"strconv"

	"github.com/oklog/ulid/v2"
)

// passBytes is how much of a month's indexes is held at one time, as bytes
// of lines; in memory they take some four times as much.
const passBytes = 32 << 20

// reindexMonth makes the files of targets of one month anew from the indexes
// of its days. A month that is too large to hold is read several times, each
// time for a part of the 256 directories of targets.
func (w *Writer) reindexMonth(ctx context.Context, month string, days []Date, done *Reindexed) error {
	var size int64
	for _, day := range days {
		if st, err := w.tree.root.Lstat(day.Path() + "/" + indexName); err == nil {
			size += st.Size()
		}
	}
	passes := int(min(size/passBytes+1, 256))
	for pass := range passes {
		low, high := 256*pass/passes, 256*(pass+1)/passes
		lines, err := w.linesOf(ctx, days, low, high)
		if err != nil {
			return err
		}
		for _, dir := range numberedHex(low, high) {
			entries, err := readDir(w.tree.root, "target/"+dir)
			if err != nil {
				if err = ignoreMissing(err); err != nil {
					return err
				}
			}
			for _, e := range entries {
				p := "target/" + dir + "/" + e.Name() + "/" + month + ".jsonl"
				if _, err := w.tree.root.Lstat(p); err == nil && lines[e.Name()] == nil {
					lines[e.Name()] = []Entry{} // of which no day knows anything
				}
			}
		}
		if err := w.putTargets(ctx, month, lines, done); err != nil {
			return err
		}
	}
	return nil
}

// numberedHex are the names of the directories of targets from low to high.
func numberedHex(low, high int) (out []string) {
	for i := low; i < high; i++ {
		out = append(out, strconv.FormatInt(int64(0x100+i), 16)[1:])
	}
	return out
}

// linesOf reads the lines of targets in the directories low to high, by the
// name of the target's own directory.
func (w *Writer) linesOf(ctx context.Context, days []Date, low, high int) (map[string][]Entry, error) {
	out := map[string][]Entry{}
	wanted := map[string]bool{}
	for _, day := range days {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		p := day.Path() + "/" + indexName
		f, err := openFile(w.tree.root, p)
		if noIndex(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		_, err = readIndex(f, p, func(line []byte) (Entry, bool) {
			name, ok := targetOfLine(line)
			if !ok {
				return Entry{}, false
			}
			want, known := wanted[name]
			if !known {
				n, err := strconv.ParseUint(hash2(name), 16, 16)
				want = err == nil && int(n) >= low && int(n) < high
				wanted[name] = want
			}
			if want {
				if e, ok := parseEntry(line, day); ok {
					out[name] = append(out[name], e)
				}
			}
			return Entry{}, false
		})
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// targetOfLine takes the name of a target's directory from the file that a
// line names, which stands last.
func targetOfLine(line []byte) (string, bool) {
	i := bytes.LastIndex(line, []byte(`,"file":"`))
	if i < 0 {
		return "", false
	}
	const before, after = len(`,"file":"14/140532+0800_`), len("_") + ulid.EncodedSize + len(`"}`)
	if rest := line[i:]; len(rest) > before+after {
		return string(rest[before : len(rest)-after]), true
	}
	return "", false
}

// putTargets writes the files of targets, some at a time while other
// writers wait.
func (w *Writer) putTargets(ctx context.Context, month string, lines map[string][]Entry, done *Reindexed) error {
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(lines)), forgetAtOnce) {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := w.exclusive(func() error {
			var dirs []string
			for _, name := range chunk {
				if len(lines[name]) > 0 {
					dirs = append(dirs, targetDir(name))
				}
			}
			if err := w.mkdir(dirs...); err != nil {
				return err
			}
			var all failures
			rewritten := make([]int, len(chunk))
			numbers := make([]int, len(chunk))
			for i := range numbers {
				numbers[i] = i
			}
			parallel(numbers, func(i int) {
				all.add(w.putTarget(month, chunk[i], lines[chunk[i]], &rewritten[i]))
			})
			for _, n := range rewritten {
				done.RewrittenTargets += n
			}
			return all.err()
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// putTarget writes one file of a target. Lines that no day had when it was
// read stay if their report is there: it came meanwhile, or its line of the
// day is still to come. So do those of which that cannot be known.
func (w *Writer) putTarget(month, name string, entries []Entry, rewritten *int) error {
	p := targetDir(name) + "/" + month + ".jsonl"
	was, err := w.tree.indexLines(p, func(line []byte) (Entry, bool) { return parseMonthEntry(line, month) })
	if err != nil {
		return err
	}
	known := map[ulid.ULID]struct{}{}
	for _, e := range entries {
		known[e.ID] = struct{}{}
	}
	for _, e := range was.entries {
		if _, ok := known[e.ID]; ok || dirName(e.Target, e.Asked) != name || w.tree.lacksReport(e.Day, e.File) {
			continue
		}
		known[e.ID] = struct{}{}
		entries = append(entries, e)
	}
	if len(entries) == 0 {
		if !was.there {
			return nil
		}
		*rewritten++
		return w.removeTargetFile(p)
	}
	slices.SortFunc(entries, func(a, b Entry) int { return a.ID.Compare(b.ID) })
	entries = slices.CompactFunc(entries, func(a, b Entry) bool { return a.ID == b.ID })
	head := header{Target: path.Base(path.Dir(p)), Month: month}
	if a := entries[0].Target; a.IsValid() {
		head.Target = a.WithZone("").Unmap().String()
	}
	return w.rewrite(p, head, was, entries, month, rewritten)
}
