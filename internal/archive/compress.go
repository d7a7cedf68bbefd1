package archive

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// compressDay makes each hour of a day a zip. What is no report stays as it
// is.
func (w *Writer) compressDay(ctx context.Context, day Date, done *Pruned) error {
	for _, hour := range numbered(w.tree.root, day.Path(), 2) {
		if err := ctx.Err(); err != nil {
			return err
		}
		before, err := w.tree.hourOnDisk(ctx, day, hour)
		if err != nil {
			return err
		}
		n, err := w.compressHour(day, hour)
		if err != nil {
			return fmt.Errorf("%s/%s: %w", day.Path(), hour, err)
		}
		after, err := w.tree.hourOnDisk(ctx, day, hour)
		if err != nil {
			return err
		}
		done.Compressed += n
		done.Saved += before - after
	}
	return nil
}

// compressHour puts an hour's reports into its zip: written beside it, read
// back, named, and only then are the files removed. The zip that was there
// is part of the new one.
func (w *Writer) compressHour(day Date, hour string) (reports int, err error) {
	files, err := w.tree.loose(day, hour)
	if err != nil {
		return 0, err
	}
	if len(files) == 0 {
		return 0, w.exclusive(func() error { return w.sweepHour(day, hour) })
	}
	tmp := day.Path() + "/" + tmpPrefix + ulid.Make().String()
	packed, err := w.writePack(tmp, day, hour, files)
	if err == nil {
		err = w.at("compress written")
	}
	if err == nil && len(packed) > 0 {
		err = w.exclusive(func() error { return w.putPack(tmp, day, hour, packed) })
	}
	if e := w.tree.root.Remove(tmp); e != nil && !errors.Is(e, fs.ErrNotExist) {
		err = errors.Join(err, e)
	}
	if err != nil {
		return 0, err
	}
	for name := range packed {
		if strings.HasSuffix(name, ".json") {
			reports++
		}
	}
	return reports, nil
}

// loose lists the files of whole reports in an hour's directory, as
// "14/140532+0800_….json".
func (t *tree) loose(day Date, hour string) ([]string, error) {
	entries, err := readDir(t.root, day.Path()+"/"+hour)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	there := map[string]bool{}
	for _, e := range entries {
		there[e.Name()] = e.Type().IsRegular()
	}
	var out []string
	for name, regular := range there {
		base, ok := strings.CutSuffix(name, ".json")
		if !ok || !regular {
			continue
		}
		if _, ok := parseName(day, hour+"/"+base); !ok {
			continue
		}
		out = append(out, hour+"/"+name)
		if there[base+".txt"] {
			out = append(out, hour+"/"+base+".txt")
		}
	}
	slices.Sort(out)
	return out, nil
}

// writePack writes an hour's zip under a name of its own, durable, and reads
// it back. It gives the files of reports that are in it now; one that cannot
// be read as a report is left out.
func (w *Writer) writePack(tmp string, day Date, hour string, files []string) (packed map[string]uint32, err error) {
	f, err := w.tree.root.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return nil, err
	}
	packed, err = w.tree.packInto(f, day, hour, files)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return packed, w.checkPack(tmp, maps.Clone(packed))
}

// errOldPack is an hour that cannot be compressed, as its zip cannot be read.
var errOldPack = errors.New("move it away, or see what unzip can save of it")

// packInto writes the zip of an hour's files, and of what its zip holds
// already. It gives the sums of the files that are in it now.
func (t *tree) packInto(out io.Writer, day Date, hour string, files []string) (packed map[string]uint32, err error) {
	old, err := openPack(t.root, day.Path(), hour)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", err, errOldPack)
	}
	if old != nil {
		defer old.close() // only read from
	}
	packed = map[string]uint32{}
	z := zip.NewWriter(out)
	for _, name := range files {
		if err = t.addMember(z, day, name, packed); err != nil {
			break
		}
	}
	if err == nil && old != nil {
		for _, m := range old.File {
			if _, ok := packed[m.Name]; !ok {
				err = errors.Join(err, z.Copy(m))
			}
		}
	}
	return packed, errors.Join(err, z.Close())
}

// addMember adds one file. Of a report that is damaged neither file is
// taken: the zip would hide that.
func (t *tree) addMember(z *zip.Writer, day Date, name string, packed map[string]uint32) error {
	if base, ok := strings.CutSuffix(name, ".txt"); ok {
		if _, ok := packed[base+".json"]; !ok { // sorted: its JSON came before
			return nil
		}
	}
	p := day.Path() + "/" + name
	data, err := readFile(t.root, p, maxReportBytes)
	if err != nil {
		return ignoreMissing(err)
	}
	if strings.HasSuffix(name, ".json") {
		if _, err := decodeReport(data); err != nil {
			return nil
		}
	}
	st, err := t.root.Lstat(p)
	if err != nil {
		return ignoreMissing(err)
	}
	m, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: st.ModTime().Truncate(time.Second)})
	if err != nil {
		return err
	}
	if _, err := m.Write(data); err != nil {
		return err
	}
	packed[name] = crc32.ChecksumIEEE(data)
	return nil
}

// checkPack reads a zip back: each file that is to be removed must be in it.
func (w *Writer) checkPack(tmp string, want map[string]uint32) error {
	f, err := openFile(w.tree.root, tmp)
	if err != nil {
		return err
	}
	defer f.Close() // only read from
	st, err := f.Stat()
	if err != nil {
		return err
	}
	r, err := zip.NewReader(f, st.Size())
	if err != nil {
		return err
	}
	for _, m := range r.File {
		sum, ok := want[m.Name]
		if !ok {
			continue
		}
		data, err := readMember(m)
		if err != nil {
			return err
		}
		if crc32.ChecksumIEEE(data) != sum {
			return fmt.Errorf("%s came back from the disk changed", m.Name)
		}
		delete(want, m.Name)
	}
	if len(want) > 0 {
		return fmt.Errorf("%d files are missing in %s: %w", len(want), tmp, io.ErrUnexpectedEOF)
	}
	return nil
}

// putPack gives a zip its name, then removes the files that are in it.
func (w *Writer) putPack(tmp string, day Date, hour string, packed map[string]uint32) error {
	if err := w.tree.root.Rename(tmp, day.Path()+"/"+hour+packEnding); err != nil {
		return err
	}
	if err := errors.Join(w.syncDir(day.Path()), w.at("compress named")); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(packed)) {
		if err := w.tree.root.Remove(day.Path() + "/" + name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := w.at("compress removed"); err != nil {
			return err
		}
	}
	return w.sweepHour(day, hour)
}

// sweepHour removes texts that a crash has left beside the zip that has
// them, and the directory when it is empty. What is no report keeps it.
func (w *Writer) sweepHour(day Date, hour string) error {
	dir := day.Path() + "/" + hour
	p, err := openPack(w.tree.root, day.Path(), hour)
	if err != nil {
		return ignoreMissing(err)
	}
	defer p.close() // only read from
	entries, err := readDir(w.tree.root, dir)
	if err != nil {
		return ignoreMissing(err)
	}
	left := len(entries)
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), ".txt")
		if !ok {
			continue
		}
		_, packed := p.member(hour + "/" + base + ".json")
		if _, err := w.tree.root.Lstat(dir + "/" + base + ".json"); packed && errors.Is(err, fs.ErrNotExist) {
			if err := w.tree.root.Remove(dir + "/" + e.Name()); err != nil {
				return err
			}
			left--
		}
	}
	if left == 0 {
		return w.tree.root.Remove(dir)
	}
	return nil
}
