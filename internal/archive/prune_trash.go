package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/oklog/ulid/v2"
)

// emptyTrash ends what takeAway has begun: lines by target that name
// reports in the trash go, then the trash.
func (w *Writer) emptyTrash(ctx context.Context, done *Pruned) error {
	entries, err := readDir(w.tree.root, ".")
	if err != nil {
		return err
	}
	var fresh, rest []string
	byMonth := map[string][]string{} // "2026-11"
	for _, e := range entries {
		day, isFresh, ok := trashOf(e.Name())
		switch {
		case !ok || !e.IsDir():
		case isFresh:
			fresh = append(fresh, e.Name())
			month := day.String()[:len("2026-11")]
			byMonth[month] = append(byMonth[month], e.Name())
		default:
			rest = append(rest, e.Name())
		}
	}
	for _, month := range slices.Sorted(maps.Keys(byMonth)) {
		if err := w.forget(ctx, month, byMonth[month], done); err != nil {
			return err
		}
	}
	for _, name := range fresh {
		to := trashDone + strings.TrimPrefix(name, trashDay)
		if err := w.tree.root.Rename(name, to); err != nil {
			return err
		}
		rest = append(rest, to)
	}
	if err := errors.Join(w.syncDir("."), w.at("prune lines gone")); err != nil {
		return err
	}
	for _, name := range rest {
		if err := errors.Join(ctx.Err(), w.at("prune trash")); err != nil {
			return err
		}
		if err := w.tree.root.RemoveAll(name); err != nil {
			return err
		}
	}
	return nil
}

// trashOf reads a name of takeAway or emptyTrash.
func trashOf(name string) (day Date, fresh, ok bool) {
	rest, fresh := strings.CutPrefix(name, trashDay)
	if !fresh {
		if rest, ok = strings.CutPrefix(name, trashDone); !ok {
			return Date{}, false, false
		}
	}
	const dateLen = len("2026-11-23")
	if len(rest) != dateLen+1+ulid.EncodedSize {
		return Date{}, false, false
	}
	day, err := ParseDate(rest[:dateLen])
	return day, fresh, err == nil
}

// forgetAtOnce is how many files of targets are written anew while other
// writers wait: 16 at a time, some 30 ms on a fast disk.
const forgetAtOnce = 256

// forget removes lines by target that name reports of days in the trash,
// all of one month. Which targets those are is known by the names of files.
func (w *Writer) forget(ctx context.Context, month string, trash []string, done *Pruned) error {
	files, gone := map[string]struct{}{}, map[Date]struct{}{}
	for _, dir := range trash {
		day, _, _ := trashOf(dir)
		gone[day] = struct{}{}
		unread, err := w.tree.eachReportIn(dir, day, func(_ string, n parsedName) {
			files[targetDir(n.target)+"/"+month+".jsonl"] = struct{}{}
			done.Reports++
		})
		if err == nil && len(unread) > 0 {
			err = w.targetsIn(dir+"/"+indexName, month, files)
		}
		if err != nil {
			return err
		}
	}
	for chunk := range slices.Chunk(slices.Sorted(maps.Keys(files)), forgetAtOnce) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.exclusive(func() error { return w.forgetIn(chunk, month, gone) }); err != nil {
			return err
		}
	}
	return nil
}

// targetsIn adds the files of the targets that an index in the trash names:
// a zip that is damaged tells of none.
func (w *Writer) targetsIn(index, month string, files map[string]struct{}) error {
	f, err := openFile(w.tree.root, index)
	if noIndex(err) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = eachLine(f, func(line []byte) error {
		if name, ok := targetOfLine(line); ok {
			files[targetDir(name)+"/"+month+".jsonl"] = struct{}{}
		}
		return nil
	})
	return errors.Join(err, f.Close())
}

// forgetIn removes lines of days that are gone from files by target. Of a day
// that went in parts some reports may still be there, or come late.
func (w *Writer) forgetIn(files []string, month string, gone map[Date]struct{}) error {
	var all failures
	parallel(files, func(p string) {
		all.add(w.filterTarget(p, month, func(e Entry) bool {
			_, ok := gone[e.Day]
			return !ok || !w.tree.lacksReport(e.Day, e.File)
		}))
	})
	return all.err()
}

// filterTarget keeps those lines of a target's file that keep wants; a file
// without any goes, and so does its directory. Lines that are torn or
// strange go too.
func (w *Writer) filterTarget(p, month string, keep func(Entry) bool) error {
	f, err := openFile(w.tree.root, p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var lines []byte
	var head header
	dropped := 0
	_, err = eachLine(f, func(line []byte) error {
		if h, ok := parseHeader(line); ok {
			if h.Schema > Schema {
				return errNewer(p, h.Schema)
			}
			head = h
			return nil
		}
		if e, ok := parseMonthEntry(line, month); ok && keep(e) {
			lines = append(append(lines, line...), '\n')
		} else {
			dropped++
		}
		return nil
	})
	if err = errors.Join(err, f.Close()); err != nil || dropped == 0 && len(lines) > 0 {
		return err
	}
	if err := w.at("prune target"); err != nil {
		return err
	}
	if len(lines) == 0 {
		return w.removeTargetFile(p)
	}
	if head.Target == "" {
		head = header{Target: path.Base(path.Dir(p)), Month: month}
	}
	data, err := headLine(head)
	if err != nil {
		return err
	}
	return w.replace(p, append(data, lines...))
}

// removeTargetFile removes a target's file, and what is empty without it.
func (w *Writer) removeTargetFile(p string) error {
	if err := w.tree.root.Remove(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", p, err)
	}
	// A file of the target's other months keeps the directory.
	for _, dir := range []string{path.Dir(p), path.Dir(path.Dir(p))} {
		if err := w.tree.root.Remove(dir); err != nil {
			break
		}
	}
	return nil
}

// failures gathers errors of what runs in parallel.
type failures struct {
	mu   sync.Mutex
	errs []error
}

func (f *failures) add(err error) {
	if err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.errs = append(f.errs, err)
	}
}

func (f *failures) err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return errors.Join(f.errs...)
}
