package archive

import (
	"os"
	"slices"
	"sync"
	"time"
)

// Days lists the days that have a directory, newest first.
func (a *Archive) Days() ([]Date, error) {
	t, err := a.open()
	if err != nil {
		return nil, ignoreMissing(err)
	}
	k := &a.days
	k.mu.Lock()
	defer k.mu.Unlock()
	var out []Date
	for _, y := range k.numbered(t.root, ".", 4) {
		for _, m := range k.numbered(t.root, y, 2) {
			for _, d := range k.numbered(t.root, y+"/"+m, 2) {
				if day, err := ParseDate(y + "-" + m + "-" + d); err == nil {
					out = append(out, day)
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b Date) int { return b.Compare(a) })
	return out, nil
}

// listedDirs are the directories of years and months as they were listed
// last: each page asks for the days around it, and a year of them has some
// 400 entries. A directory is listed again when it has changed.
type listedDirs struct {
	mu   sync.Mutex
	dirs map[string]listedDir
}

type listedDir struct {
	info    os.FileInfo
	settled bool // listed long enough after: see racyAge
	names   []string
}

// numbered is numbered, from memory where the directory is as it was.
func (k *listedDirs) numbered(root *os.Root, dir string, digits int) []string {
	st, err := root.Lstat(dir)
	if err != nil || !st.IsDir() {
		delete(k.dirs, dir)
		return nil
	}
	if known, ok := k.dirs[dir]; ok && known.settled && os.SameFile(known.info, st) && known.info.ModTime().Equal(st.ModTime()) {
		return known.names
	}
	if k.dirs == nil {
		k.dirs = map[string]listedDir{}
	}
	settled := time.Since(st.ModTime()) >= racyAge
	names := numbered(root, dir, digits)
	// None may be what could not be read just now.
	k.dirs[dir] = listedDir{st, settled && len(names) > 0, names}
	return names
}
