package archive

import (
	"archive/zip"
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

// hasReport says whether a report is there, in whatever form.
func (t *tree) hasReport(day Date, file string) bool {
	if st, err := t.root.Lstat(day.Path() + "/" + file + ".json"); err == nil {
		return st.Mode().IsRegular()
	}
	p, err := openPack(t.root, day.Path(), file[:2])
	if err != nil {
		return false
	}
	defer p.close() // only read from
	_, ok := p.member(file + ".json")
	return ok
}

// hoursOf lists the hours of a day's directory, as "14", whether they are
// directories or zips.
func hoursOf(root *os.Root, dir string) []string {
	entries, err := readDir(root, dir)
	if err != nil {
		return nil // pruned meanwhile
	}
	var out []string
	for _, e := range entries {
		hour, isPack := strings.CutSuffix(e.Name(), packEnding)
		if isHour(hour) && (isPack && e.Type().IsRegular() || !isPack && e.IsDir()) {
			out = append(out, hour)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// isHour says whether a name is that of an hour: 00 to 23.
func isHour(name string) bool {
	return len(name) == 2 && name >= "00" && name <= "23" && name[1] >= '0' && name[1] <= '9'
}

// eachReportIn calls fn for each report in a directory that is, or was, a
// day's, by the names of files.
func (t *tree) eachReportIn(dir string, day Date, fn func(file string, n parsedName)) {
	for _, hour := range hoursOf(t.root, dir) {
		t.eachReportOf(dir, day, hour, fn)
	}
}

// eachReportOf is eachReportIn of one hour. The directory comes before the
// zip: reports move from there to here.
func (t *tree) eachReportOf(dir string, day Date, hour string, fn func(file string, n parsedName)) {
	seen := map[string]struct{}{}
	entries, err := readDir(t.root, dir+"/"+hour)
	if err != nil {
		entries = nil // only a zip, or pruned meanwhile
	}
	for _, e := range entries {
		base, ok := strings.CutSuffix(e.Name(), ".json")
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if n, ok := parseName(day, hour+"/"+base); ok {
			seen[hour+"/"+base] = struct{}{}
			fn(hour+"/"+base, n)
		}
	}
	p, err := openPack(t.root, dir, hour)
	if err != nil {
		return // none; one that is damaged is what verify tells of
	}
	defer p.close() // only read from
	for _, m := range p.File {
		file, ok := strings.CutSuffix(m.Name, ".json")
		if _, twice := seen[file]; !ok || twice || !strings.HasPrefix(file, hour+"/") {
			continue
		}
		if n, ok := parseName(day, file); ok {
			seen[file] = struct{}{}
			fn(file, n)
		}
	}
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
		p, err := openPack(t.root, day.Path(), hour)
		if err != nil {
			p = nil // none, or a damaged one: then so is what is only in it
		}
		var wg sync.WaitGroup
		next := make(chan string)
		for range min(runtime.GOMAXPROCS(0), len(byHour[hour])) {
			wg.Go(func() {
				for file := range next {
					data, err := readFile(t.root, day.Path()+"/"+file+".json", maxReportBytes)
					if errors.Is(err, fs.ErrNotExist) && p != nil {
						if m, ok := p.member(file + ".json"); ok {
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
