package web

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
)

const (
	// briefly is how long a page of what is so now is shown again: what it
	// shows is written once a second, and a thousand readers cost as much
	// as one.
	briefly = 250 * time.Millisecond
	// forSecond is the same for a history, which nobody is told changes of.
	forSecond = time.Second
	briefMost = 256 // pages of which the tag is remembered
)

// brief knows the tags of pages of what is so now, for a moment. The pages
// themselves are among those that are kept.
type brief struct {
	mu    sync.Mutex
	pages map[string]*briefPage
}

type briefPage struct {
	making  sync.Mutex // whoever asks while a page is made waits for it
	at      time.Time
	version int
	tag     string
}

func (b *brief) page(name string) *briefPage {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.pages[name]
	if p == nil {
		if b.pages == nil || len(b.pages) >= briefMost {
			b.pages = map[string]*briefPage{}
		}
		p = &briefPage{}
		b.pages[name] = p
	}
	return p
}

// briefPage answers with a page of what is so now: one that is at most so
// old, and of the version, else a new one.
func (s *site) briefPage(w http.ResponseWriter, r *http.Request, old time.Duration, version int, render func() ([]byte, error)) {
	p := s.brief.page(s.tagOf(r, "brief"))
	tag, body, err := p.get(s, r, w.Header(), old, version, render)
	if err == nil && (s.notModified(w, r, textHTML, cacheAsk, tag) || s.sendKept(w, r, textHTML, cacheAsk, tag)) {
		return
	}
	if err == nil && body == nil { // others pushed it out just now
		body, err = render()
	}
	var pr pageProblem
	switch {
	case errors.As(err, &pr):
		s.fail(w, r, pr.problem)
	case err != nil:
		s.pageFault(w, r, err)
	default:
		s.sendCached(w, r, textHTML, cacheAsk, body)
	}
}

// get is the tag of a page that r may have or that is kept; else the page is
// made.
func (p *briefPage) get(s *site, r *http.Request, h http.Header, old time.Duration, version int, render func() ([]byte, error)) (tag string, body []byte, err error) {
	p.making.Lock()
	defer p.making.Unlock()
	now := s.Now()
	if age := now.Sub(p.at); p.tag != "" && p.version == version && age >= 0 && age < old && (hasTag(r, p.tag) || s.isKept(p.tag)) {
		return p.tag, nil, nil
	}
	if body, err = render(); err != nil {
		return "", nil, err
	}
	sum := sha256.Sum256(body)
	p.at, p.version, p.tag = now, version, hex.EncodeToString(sum[:12])
	s.keep(h, textHTML, p.tag, body)
	return p.tag, body, nil
}

// pageProblem is a problem that is answered in place of a page.
type pageProblem struct{ *problem }

func (p pageProblem) Error() string { return p.detail }

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
