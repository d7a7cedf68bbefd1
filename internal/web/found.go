package web

import (
	"net/http"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
)

const (
	foundKept = time.Minute // what prune has removed is missed after this time
	foundMost = 2000        // entries, of at most some kB each
)

// foundList keeps where reports were found: the page of one, its picture
// and its JSON are asked for together, and finding one by its ID means
// reading the index of a day.
type foundList struct {
	mu      sync.Mutex
	entries map[ulid.ULID]foundEntry
}

type foundEntry struct {
	archive.Entry
	at time.Time
}

func (f *foundList) find(s *site, id ulid.ULID) (archive.Entry, error) {
	now := s.Now()
	f.mu.Lock()
	e, ok := f.entries[id]
	f.mu.Unlock()
	if age := now.Sub(e.at); ok && age >= 0 && age < foundKept {
		return e.Entry, nil
	}
	entry, err := s.Archive.Find(id.String())
	if err != nil {
		return entry, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.entries == nil || len(f.entries) >= foundMost {
		f.entries = map[ulid.ULID]foundEntry{}
	}
	f.entries[id] = foundEntry{entry, now}
	return entry, nil
}

// settledList remembers incidents of which nothing changes any more: to know
// that means to read one, and a large one has megabytes of pings.
type settledList struct {
	mu  sync.Mutex
	ids map[ulid.ULID]time.Time // when it was read
}

func (l *settledList) has(id ulid.ULID, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	at, ok := l.ids[id]
	age := now.Sub(at)
	return ok && age >= 0 && age < foundKept
}

func (l *settledList) add(id ulid.ULID, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ids == nil || len(l.ids) >= foundMost {
		l.ids = map[ulid.ULID]time.Time{}
	}
	l.ids[id] = now
}

// settledTag is the tag of the page of an incident of which nothing changes
// any more, where that is known without reading it.
func (s *site) settledTag(r *http.Request, id ulid.ULID) (string, bool) {
	if !s.settledOnes.has(id, s.Now()) {
		return "", false
	}
	names, ok := s.namesKept(id)
	return s.incidentPageTag(r, id, names), ok
}
