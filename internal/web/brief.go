package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
)

const (
	// briefFor is how long a page of what is so now is shown again: what it
	// shows is written once a second, and a thousand readers cost as much
	// as one.
	briefFor = 250 * time.Millisecond
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
	at      time.Time // when it was made; this and the rest by turns: see making.alone
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

// briefPage answers with a page of what is so now: one that was made at most
// so long ago, and is of the version or a later one, else a new one.
func (s *site) briefPage(w http.ResponseWriter, r *http.Request, old time.Duration, version int, render func() ([]byte, error)) {
	tag, body, err := s.briefly(r, w.Header(), old, version, render)
	if err == nil && (s.notModified(w, r, textHTML, cacheAsk, tag) || s.sendKept(w, r, textHTML, cacheAsk, tag)) {
		return
	}
	if err == nil && body == nil { // others pushed it out just now
		body, err = s.made(r, render)
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

// briefly is the tag of a page that r may have or that is kept; else the page
// is made. Whoever asks while it is made waits for it.
func (s *site) briefly(r *http.Request, h http.Header, old time.Duration, version int, render func() ([]byte, error)) (tag string, body []byte, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), s.making.patience)
	defer cancel()
	name := s.tagOf(r, "brief")
	leave, err := s.making.alone(ctx, name)
	if err != nil {
		return "", nil, err
	}
	defer leave()
	p := s.brief.page(name)
	if age := s.Now().Sub(p.at); p.tag != "" && p.version >= version && age >= 0 && age < old && (hasTag(r, p.tag) || s.isKept(p.tag)) {
		return p.tag, nil, nil
	}
	err = s.making.do(ctx, func() error {
		if body, err = render(); err != nil {
			return err
		}
		// Its age counts from here: one that is long in the making, or waits
		// long for its turn, would else be too old for all who wait for it.
		p.at, p.version, p.tag = s.Now(), max(version, p.version), bodyTag(body)
		s.keep(h, textHTML, p.tag, body)
		return nil
	})
	return p.tag, body, err
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
