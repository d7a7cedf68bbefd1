package web

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
)

const (
	// briefly is how long a page of what is so now is shown again: what it
	// shows is written once a second, and a thousand readers cost as much
	// as one.
	briefly   = 250 * time.Millisecond
	briefMost = 16 // pages: languages, years, names of this server
)

// brief keeps pages of what is so now, for a moment.
type brief struct {
	mu    sync.Mutex
	pages map[string]briefPage
}

type briefPage struct {
	at      time.Time
	version int // of the hub's topic: a page that was told of a change gets a new one
	body    []byte
}

// get gives a page, or makes it. Whoever asks meanwhile waits for it.
func (b *brief) get(name string, version int, now time.Time, render func() ([]byte, error)) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.pages[name]
	if age := now.Sub(p.at); ok && p.version == version && age >= 0 && age < briefly {
		return p.body, nil
	}
	body, err := render()
	if err != nil {
		return nil, err
	}
	if b.pages == nil || len(b.pages) >= briefMost {
		b.pages = map[string]briefPage{}
	}
	b.pages[name] = briefPage{now, version, body}
	return body, nil
}

// pastList is the incidents that are over, as the first page lists them.
// Reading one means reading all its pings; that is done again only where
// the calendar says that there are others.
type pastList struct {
	mu      sync.Mutex
	tag     string
	entries []archive.IncidentEntry
}

func (p *pastList) get(s *site) ([]archive.IncidentEntry, error) {
	today := archive.DateOf(s.Now(), s.Archive.Location())
	counts, err := s.Archive.Calendar(today.Add(-366), today)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	for _, c := range counts {
		if c.Incidents > 0 {
			fmt.Fprintln(&b, c.Day, c.Incidents)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if tag := b.String(); p.tag != tag || tag == "" {
		if p.entries, err = s.Archive.Incidents(archive.IncidentQuery{Limit: homeIncidents}); err != nil {
			return nil, err
		}
		p.tag = tag
	}
	return p.entries, nil
}
