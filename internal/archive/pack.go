package archive

import (
	"archive/zip"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// packEnding makes the name of an hour's zip from that of its directory.
// The zip lies beside the directory and names its members as the directory
// does, so that unzip in the day's directory brings the files back. A file
// in the directory stands before one of the same name in the zip.
const packEnding = ".zip"

// A pack is an hour's zip, open for reading.
type pack struct {
	*zip.Reader
	file *os.File
}

// openPack opens an hour's zip; an error that matches fs.ErrNotExist where
// there is none. dir is the day's directory.
func openPack(root *os.Root, dir, hour string) (*pack, error) {
	f, err := openFile(root, dir+"/"+hour+packEnding)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	r, err := zip.NewReader(f, st.Size())
	// No name of a member is ever used as a path.
	if err != nil && !errors.Is(err, zip.ErrInsecurePath) {
		return nil, errors.Join(fmt.Errorf("read %s: %w", f.Name(), err), f.Close())
	}
	return &pack{r, f}, nil
}

func (p *pack) close() error { return p.file.Close() }

// member finds a member by its name, such as "14/140532+0800_….json".
func (p *pack) member(name string) (*zip.File, bool) {
	i := slices.IndexFunc(p.File, func(f *zip.File) bool { return f.Name == name })
	if i < 0 {
		return nil, false
	}
	return p.File[i], true
}

// readMember reads a member and checks its checksum.
func readMember(f *zip.File) ([]byte, error) {
	if f.UncompressedSize64 > maxReportBytes {
		return nil, fmt.Errorf("read %s: longer than %d bytes", f.Name, maxReportBytes)
	}
	r, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name, err)
	}
	defer r.Close() // only read from
	data, err := io.ReadAll(io.LimitReader(r, maxReportBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", f.Name, err)
	}
	if len(data) > maxReportBytes {
		return nil, fmt.Errorf("read %s: longer than %d bytes", f.Name, maxReportBytes)
	}
	return data, nil
}

// readReport reads one file of a report, from its hour's directory or zip.
// file is a name that parseName takes.
func (t *tree) readReport(day Date, file, ending string) ([]byte, error) {
	data, err := readFile(t.root, day.Path()+"/"+file+ending, maxReportBytes)
	if !errors.Is(err, fs.ErrNotExist) {
		return data, err
	}
	p, packErr := openPack(t.root, day.Path(), file[:2])
	if errors.Is(packErr, fs.ErrNotExist) {
		return nil, err
	}
	if packErr != nil {
		return nil, packErr
	}
	defer p.close() // only read from
	m, ok := p.member(file + ending)
	if !ok {
		return nil, err
	}
	return readMember(m)
}

// hasReport says whether a report is there, in whatever form. An error is
// no "no": a zip that is damaged, or cannot be opened now, may well hold it.
func (t *tree) hasReport(day Date, file string) (bool, error) {
	st, err := t.root.Lstat(day.Path() + "/" + file + ".json")
	if err == nil {
		return st.Mode().IsRegular(), nil
	}
	if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
		return false, err
	}
	p, err := openPack(t.root, day.Path(), file[:2])
	if err != nil {
		return false, ignoreStrange(err)
	}
	defer p.close() // only read from
	_, ok := p.member(file + ".json")
	return ok, nil
}

// lacksReport says whether a report is surely not there.
func (t *tree) lacksReport(day Date, file string) bool {
	has, err := t.hasReport(day, file)
	return !has && err == nil
}

// lacksText says whether a report's text is surely not there, or empty.
func (t *tree) lacksText(day Date, file string) bool {
	p := day.Path() + "/" + file + ".txt"
	if !t.goneOrEmpty(p) {
		return false
	}
	if !t.gone(p) {
		return true // it stands before one in the zip
	}
	z, err := openPack(t.root, day.Path(), file[:2])
	if err != nil {
		return ignoreStrange(err) == nil
	}
	defer z.close() // only read from
	m, ok := z.member(file + ".txt")
	return !ok || m.UncompressedSize64 == 0
}

// hoursOf lists the hours of a day's directory, as "14", whether they are
// directories or zips. A day that is not there (any more) has none.
func hoursOf(root *os.Root, dir string) ([]string, error) {
	entries, err := readDir(root, dir)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	var out []string
	for _, e := range entries {
		hour, isPack := strings.CutSuffix(e.Name(), packEnding)
		if isHour(hour) && (isPack && e.Type().IsRegular() || !isPack && e.IsDir()) {
			out = append(out, hour)
		}
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// isHour says whether a name is that of an hour: 00 to 23.
func isHour(name string) bool {
	return len(name) == 2 && name >= "00" && name <= "23" && name[1] >= '0' && name[1] <= '9'
}

// unreadHours are hours of a day, as "14", whose reports could not be listed,
// with the reason: nobody knows what is in them.
type unreadHours map[string]error

// err is nil where every hour could be listed.
func (u unreadHours) err() error {
	var errs []error
	for _, hour := range slices.Sorted(maps.Keys(u)) {
		errs = append(errs, u[hour])
	}
	return errors.Join(errs...)
}

// eachReportIn calls fn for each report in a directory that is, or was, a
// day's, by the names of files. An hour that cannot be listed does not hide
// the others; err is of the day's directory.
func (t *tree) eachReportIn(dir string, day Date, fn func(file string, n parsedName)) (unread unreadHours, err error) {
	hours, err := hoursOf(t.root, dir)
	if err != nil {
		return nil, err
	}
	unread = unreadHours{}
	for _, hour := range hours {
		err := t.eachNameOf(dir, hour, func(file string) {
			if n, ok := parseName(day, file); ok {
				fn(file, n)
			}
		})
		if err != nil {
			unread[hour] = err
		}
	}
	return unread, nil
}

// eachNameOf calls fn for each name of an hour that may be a report's, such
// as "14/140532+0800_…", once. The directory comes before the zip: reports
// move from there to here. After an error of the one it lists the other. What
// is not there, or was pruned meanwhile, has no names.
func (t *tree) eachNameOf(dir, hour string, fn func(file string)) error {
	seen := map[string]struct{}{}
	entries, dirErr := readDir(t.root, dir+"/"+hour)
	for _, e := range entries {
		if base, ok := strings.CutSuffix(e.Name(), ".json"); ok && e.Type().IsRegular() {
			seen[hour+"/"+base] = struct{}{}
			fn(hour + "/" + base)
		}
	}
	p, err := openPack(t.root, dir, hour)
	if err != nil {
		return errors.Join(ignoreStrange(dirErr), ignoreStrange(err))
	}
	defer p.close() // only read from
	for _, m := range p.File {
		file, ok := strings.CutSuffix(m.Name, ".json")
		if _, twice := seen[file]; !ok || twice || !strings.HasPrefix(file, hour+"/") {
			continue
		}
		seen[file] = struct{}{}
		fn(file)
	}
	return ignoreStrange(dirErr)
}

// ignoreStrange makes a directory or zip that is not there, or in whose place
// something else is, one without reports.
func ignoreStrange(err error) error {
	if errors.Is(err, errIrregular) || errors.Is(err, errNoDir) {
		return nil
	}
	return ignoreMissing(err)
}

// readReports reads reports' JSON, as many at a time as there are
// processors; each zip is opened once. fn may be called from several
// goroutines; a report that went meanwhile is passed over.
func (t *tree) readReports(ctx context.Context, day Date, files []string, fn func(file string, data []byte, err error)) error {
	byHour := map[string][]string{}
	for _, file := range files {
		byHour[file[:2]] = append(byHour[file[:2]], file)
	}
	for _, hour := range slices.Sorted(maps.Keys(byHour)) {
		p, packErr := openPack(t.root, day.Path(), hour)
		if packErr != nil {
			p = nil
		}
		var wg sync.WaitGroup
		next := make(chan string)
		for range min(runtime.GOMAXPROCS(0), len(byHour[hour])) {
			wg.Go(func() {
				for file := range next {
					data, err := readFile(t.root, day.Path()+"/"+file+".json", maxReportBytes)
					if errors.Is(err, fs.ErrNotExist) {
						if p == nil {
							err = cmp.Or(ignoreStrange(packErr), err)
						} else if m, ok := p.member(file + ".json"); ok {
							data, err = readMember(m)
						}
					}
					if !errors.Is(err, fs.ErrNotExist) {
						fn(file, data, err)
					}
				}
			})
		}
		for _, file := range byHour[hour] {
			if ctx.Err() != nil {
				break
			}
			next <- file
		}
		close(next)
		wg.Wait()
		if p != nil {
			p.close() // only read from
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return nil
}
