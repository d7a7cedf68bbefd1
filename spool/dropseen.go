package spool

import (
	"path/filepath"
	"strings"
	"sync"

	"github.com/fsnotify/fsnotify"
)

// maxArrived bounds how many files are remembered; of more it is found out by
// waiting that they are whole.
const maxArrived = 1 << 14

// arrivals are the files of drop/ that were seen to get their name by a
// rename within it: their senders are done with them. No time of the file tells that:
// a rename soon after the last write leaves the same times behind as the write
// itself (the kernel's clock ticks every 4 ms), and a chmod the same as a rename.
// Like all that Watch hears of it is a hint: what was missed waits until
// it has stood still. The zero value is empty.
type arrivals struct {
	mu  sync.Mutex
	ino map[string]uint64 // by name
}

// follow takes in what happened to a file in drop/.
func (a *arrivals) follow(s *Spool, e fsnotify.Event) {
	name := filepath.Base(e.Name)
	switch {
	case strings.HasPrefix(name, "."):
	case e.Has(fsnotify.Create) && isRename(e):
		st, err := s.fs.lstat(s.path("drop", name))
		if err != nil {
			a.forget(name) // it has moved on already
			return
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.ino == nil {
			a.ino = map[string]uint64{}
		}
		if len(a.ino) < maxArrived {
			a.ino[name] = st.Ino
		}
	case e.Has(fsnotify.Create), e.Has(fsnotify.Write), e.Has(fsnotify.Remove), e.Has(fsnotify.Rename):
		a.forget(name)
	}
}

// isRename says whether a file came from another name in a watched
// directory. fsnotify joins the two events of the kernel by their cookie, and
// tells of it in its text alone; a quote within a name is escaped there.
func isRename(e fsnotify.Event) bool { return strings.Contains(e.String(), `" ← "`) }

// has says whether this very file was renamed into place.
func (a *arrivals) has(d *dropped) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	ino, ok := a.ino[d.name]
	return ok && ino == d.stat.Ino
}

func (a *arrivals) forget(name string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.ino, name)
}

// clear forgets all: of what came since something may be missing.
func (a *arrivals) clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.ino)
}
