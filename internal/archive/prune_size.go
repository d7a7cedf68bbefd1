package archive

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"syscall"
)

// bySize lets the oldest days' reports go until the rest fits: what is left
// when the steps by age are done, compressing among them. frees is how much
// that is thought to free, where it matters.
func (t *tree) bySize(ctx context.Context, limit int64, days []Date, held []holding, steps []PruneStep) (frees *int64, err error) {
	sizes, err := t.sizes(ctx, days)
	if err != nil {
		return nil, err
	}
	total := sum(sizes)
	for i, s := range steps {
		if s.Reports {
			total -= sizes[i].reports
		}
		if s.Incidents {
			total -= sizes[i].incidents
		}
	}
	if total <= limit {
		return nil, nil
	}
	for i, s := range steps {
		if !s.Compress {
			continue
		}
		n, err := t.zipsFree(ctx, s.Day)
		if err != nil {
			return nil, err
		}
		if frees == nil {
			frees = new(int64)
		}
		*frees += n
		sizes[i].reports -= n
		total -= n
	}
	for i := range steps {
		if s := &steps[i]; total > limit && !s.Reports && held[i].reports {
			s.Reports, s.TooBig = true, true
			total -= sizes[i].reports
		}
	}
	return frees, nil
}

// blockBytes is what disks give to files at a time, nearly all of them.
const blockBytes = 4096

// zipsFree is about how many bytes a day takes less when it is compressed: its
// zips are made, and thrown away. What cannot be read frees nothing, and is
// told of by whoever compresses.
func (t *tree) zipsFree(ctx context.Context, day Date) (bytes int64, err error) {
	for _, hour := range numbered(t.root, day.Path(), 2) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		files, err := t.loose(day, hour)
		if err != nil || len(files) == 0 {
			continue
		}
		var zip counter
		packed, err := t.packInto(&zip, day, hour, files)
		if err != nil || len(packed) == 0 {
			continue
		}
		was, err := blocksOf(t.root.Lstat(day.Path() + "/" + hour + packEnding))
		for name := range packed {
			n, e := blocksOf(t.root.Lstat(day.Path() + "/" + name))
			was, err = was+n, errors.Join(err, e)
		}
		if err != nil {
			return 0, err
		}
		bytes += was - (int64(zip)+blockBytes-1)/blockBytes*blockBytes
	}
	return bytes, nil
}

// counter counts what is written to it.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
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
	sizes, err := t.sizes(ctx, days)
	return sum(sizes), err
}

// daySize is what a day takes, in bytes.
type daySize struct{ reports, incidents int64 }

func sum(sizes []daySize) (total int64) {
	for _, s := range sizes {
		total += s.reports + s.incidents
	}
	return total
}

// sizes are what each day takes. Lines by target count with the day whose
// index holds the same lines.
func (t *tree) sizes(ctx context.Context, days []Date) ([]daySize, error) {
	sizes := make([]daySize, len(days))
	for i, day := range days {
		incidents, err := t.onDisk(ctx, incidentsDir(day))
		if err != nil {
			return nil, err
		}
		all, err := t.onDisk(ctx, day.Path())
		if err != nil {
			return nil, err
		}
		sizes[i] = daySize{all - incidents, incidents}
		if st, err := t.root.Lstat(day.Path() + "/" + indexName); err == nil {
			sizes[i].reports += st.Size()
		}
	}
	return sizes, nil
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
