package archive

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/report"
)

// suspectsName is a day's file of suspects, in the day's directory: one line
// each, without a first line of its own.
const suspectsName = "suspects.jsonl"

// maxSuspectsBytes bounds such a file: some 200,000 lines.
const maxSuspectsBytes = 64 << 20

// ErrSuspectsFull says that a day has as many suspects as are kept.
var ErrSuspectsFull = errors.New("the day's file of suspects is full (64 MB)")

// AppendSuspect adds a suspect to those of the day on which its ping left.
// It waits for no disk: what was appended last may be gone after a power
// cut. Only the first of a day makes directories, which does. It fails with
// ErrSuspectsFull where the day has 64 MB of them.
//
// Appending takes no lock, so that many suspects never wait for reports: the
// kernel keeps whole lines apart, and a line that was torn by a crash or a
// full disk is ended by the next one.
func (w *Writer) AppendSuspect(s report.Suspect) error {
	if err := w.appendSuspect(s); err != nil {
		return fmt.Errorf("archive suspect %s in %s: %w", s.ID, w.dir, err)
	}
	return nil
}

func (w *Writer) appendSuspect(s report.Suspect) error {
	if s.ID.IsZero() || s.At.IsZero() || s.Target == "" {
		return errors.New("it has no ID, no time or no target")
	}
	s.At = s.At.In(w.tree.loc)
	var line bytes.Buffer
	line.WriteByte('\n') // for the line before, where that is torn
	if err := report.EncodeSuspect(&line, &s); err != nil {
		return err
	}
	data := line.Bytes()
	if _, err := report.DecodeSuspect(data[1:]); err != nil {
		return fmt.Errorf("nobody could read it again: %w", err)
	}
	f, err := w.suspects(DateOf(s.At, w.tree.loc))
	if err != nil {
		return err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("append to %s: %w", f.Name(), errIrregular)
	}
	if err == nil && st.Size()+int64(len(data)) > maxSuspectsBytes {
		err = ErrSuspectsFull
	}
	if err == nil {
		var torn bool
		if torn, err = endsTorn(f, st.Size()); !torn {
			data = data[1:]
		}
	}
	if err == nil {
		_, err = f.Write(data)
	}
	return errors.Join(err, f.Close())
}

// suspects opens a day's file of suspects for appending.
func (w *Writer) suspects(day Date) (*os.File, error) {
	p := day.Path() + "/" + suspectsName
	// os.Root follows a link that stays inside the archive.
	if st, err := w.tree.root.Lstat(p); err == nil && !st.Mode().IsRegular() {
		return nil, fmt.Errorf("append to %s: %w: move it away", p, errIrregular)
	}
	open := func() (*os.File, error) {
		return w.tree.root.OpenFile(p, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK, 0o644)
	}
	f, err := open()
	if !errors.Is(err, fs.ErrNotExist) {
		return f, err
	}
	w.commits.Lock() // mkdir remembers which names are durable
	err = w.mkdir(day.Path())
	w.commits.Unlock()
	if err != nil {
		return nil, err
	}
	return open()
}

// endsTorn says whether a file of lines ends without a line end.
func endsTorn(f *os.File, size int64) (bool, error) {
	if size == 0 {
		return false, nil
	}
	last := make([]byte, 1)
	if _, err := f.ReadAt(last, size-1); err != nil {
		return false, err
	}
	return last[0] != '\n', nil
}

// Suspects lists suspects, newest first: those whose ping left at or after
// since (zero: all), at most limit (0: no limit), and only those of a target
// (address or name) unless that is empty. Days before since are not read,
// nor more than the limit wants.
func (a *Archive) Suspects(since time.Time, limit int, target string) ([]report.Suspect, error) {
	t, err := a.open()
	if err != nil {
		return nil, ignoreMissing(err)
	}
	days, err := a.Days()
	if err != nil {
		return nil, err
	}
	var out []report.Suspect
	for _, day := range days {
		if !since.IsZero() && day.Compare(DateOf(since, t.loc)) < 0 {
			break
		}
		left := 0
		if limit > 0 {
			if left = limit - len(out); left <= 0 {
				break
			}
		}
		list, err := t.suspectsOf(day, left, func(s report.Suspect) bool {
			return !s.At.Before(since) && (target == "" || sameTarget(target, s.Target, s.Address))
		})
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// suspectsOf reads the newest of a day's suspects, newest first. A day that
// is full has more lines than are good to hold, so the oldest go meanwhile.
func (t *tree) suspectsOf(day Date, limit int, want func(report.Suspect) bool) ([]report.Suspect, error) {
	p := day.Path() + "/" + suspectsName
	f, err := openFile(t.root, p)
	if noIndex(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close() // only read from
	var out []report.Suspect
	newest := func() {
		slices.SortStableFunc(out, func(a, b report.Suspect) int {
			return cmp.Or(b.At.Compare(a.At), b.ID.Compare(a.ID))
		})
		if limit > 0 && len(out) > limit {
			out = out[:limit]
		}
	}
	_, err = eachLine(io.LimitReader(f, maxSuspectsBytes+maxLineBytes), func(line []byte) error {
		s, err := report.DecodeSuspect(line)
		if err != nil || s.ID.IsZero() || !want(*s) {
			return nil // torn or strange
		}
		if out = append(out, *s); limit > 0 && len(out) >= 2*limit+1024 {
			newest()
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", p, err)
	}
	newest()
	return out, nil
}
