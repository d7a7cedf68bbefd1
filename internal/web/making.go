package web

import (
	"context"
	"errors"
	"net/http"
	"runtime"
	"sync"
	"time"
)

// makingPatience is how long a request waits until its page is made. The
// rest of writeTimeout is for making and sending it.
const makingPatience = 15 * time.Second

// errBusy says that the page was not made: too many others were.
var errBusy = errors.New("too many pages are made at once")

// making bounds the pages that are made at a time. One takes a processor and,
// of a long list, some 10 MB: more of them at once end no sooner, keep the
// collector at work and leave nothing for the door.
type making struct {
	patience time.Duration
	slots    chan struct{} // holds one for each page that is being made

	mu    sync.Mutex
	turns map[string]*turn // of pages that are being made or waited for
}

// turn is whose turn it is to make a page.
type turn struct {
	taken  chan struct{} // holds one while somebody makes it
	asking int           // who makes it and who waits; this and the rest under mu
	next   *round        // of who comes now; see together
}

// round is one making, for all who have asked before it began.
type round struct {
	over bool // this and the rest by turns: see making.alone
	got  any
	err  error
}

func newMaking() *making {
	return &making{patience: makingPatience, slots: make(chan struct{}, min(4, max(2, runtime.GOMAXPROCS(0)))), turns: map[string]*turn{}}
}

// bounded does some work for a page as soon as few others are at it. It is
// errBusy when that takes too long, or the asker is gone. Nothing is sent to
// the asker meanwhile: a slow one would hold up all.
func (s *site) bounded(r *http.Request, work func() error) error {
	ctx, cancel := context.WithTimeout(r.Context(), s.making.patience)
	defer cancel()
	return s.making.do(ctx, work)
}

// do is bounded for who waits already.
func (m *making) do(ctx context.Context, work func() error) error {
	if !take(ctx, m.slots) {
		return errBusy
	}
	defer func() { <-m.slots }()
	return work()
}

// alone waits until nobody else makes the page of this name. Whoever then
// finds it kept need not make it.
func (m *making) alone(ctx context.Context, name string) (leave func(), err error) {
	t, _ := m.ask(name)
	return m.wait(ctx, name, t)
}

// ask makes one of those who want the page of a name.
func (m *making) ask(name string) (*turn, *round) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.turns[name]
	if t == nil {
		t = &turn{taken: make(chan struct{}, 1)}
		m.turns[name] = t
	}
	t.asking++
	if t.next == nil {
		t.next = &round{}
	}
	return t, t.next
}

// wait is alone for who has asked.
func (m *making) wait(ctx context.Context, name string, t *turn) (leave func(), err error) {
	ok := take(ctx, t.taken)
	leave = func() {
		if ok {
			<-t.taken
		}
		m.mu.Lock()
		defer m.mu.Unlock()
		if t.asking--; t.asking == 0 {
			delete(m.turns, name)
		}
	}
	if !ok {
		leave()
		return nil, errBusy
	}
	return leave, nil
}

// together works for all who ask under this name before that begins: all get
// the same. Whoever comes later wants to know of what has changed since.
func together[T any](r *http.Request, m *making, name string, work func() (T, error)) (got T, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), m.patience)
	defer cancel()
	t, mine := m.ask(name)
	leave, err := m.wait(ctx, name, t)
	if err != nil {
		return got, err
	}
	defer leave()
	if !mine.over {
		err = m.do(ctx, func() error {
			m.mu.Lock()
			t.next = nil
			m.mu.Unlock()
			mine.got, mine.err = work()
			mine.over = true
			return nil
		})
	}
	if err != nil {
		return got, err // nobody has begun: the next in turn does
	}
	got, _ = mine.got.(T) // zero beside an error
	return got, mine.err
}

// take puts one into c, which is full of others' until they are ready.
func take(ctx context.Context, c chan struct{}) bool {
	select {
	case c <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

// makeOnce makes the body of a tag and keeps it. It is nil where somebody
// else did so meanwhile.
func (s *site) makeOnce(w http.ResponseWriter, r *http.Request, contentType, tag string, render func() ([]byte, error)) (body []byte, err error) {
	ctx, cancel := context.WithTimeout(r.Context(), s.making.patience)
	defer cancel()
	leave, err := s.making.alone(ctx, tag)
	if err != nil {
		return nil, err
	}
	defer leave()
	if s.isKept(tag) {
		return nil, nil
	}
	err = s.making.do(ctx, func() error {
		if body, err = render(); err == nil {
			s.keep(w.Header(), contentType, tag, body)
		}
		return err
	})
	return body, err
}

// made makes a body that is not kept.
func (s *site) made(r *http.Request, render func() ([]byte, error)) (body []byte, err error) {
	err = s.bounded(r, func() error {
		body, err = render()
		return err
	})
	return body, err
}

// shown is a page as it was made for all who asked at once. Without a body it
// is kept under its tag.
type shown struct {
	tag, cache string
	body       []byte
}

// pageTogether answers with a page that is made, and what it is made of read,
// once for all who ask at once. known is its tag, where that is known before
// anything is read: who has it, or finds it kept, then does not wait.
func (s *site) pageTogether(w http.ResponseWriter, r *http.Request, known func() (tag string, ok bool), render func() (shown, error)) {
	if tag, ok := known(); ok && (s.notModified(w, r, textHTML, cacheAsk, tag) || s.sendKept(w, r, textHTML, cacheAsk, tag)) {
		return
	}
	for range 2 {
		p, err := together(r, s.making, s.tagOf(r, "together"), func() (shown, error) {
			if tag, ok := known(); ok && s.isKept(tag) { // by those who asked before
				return shown{tag: tag, cache: cacheAsk}, nil
			}
			p, err := render()
			if err == nil && p.body != nil {
				s.keep(w.Header(), textHTML, p.tag, p.body)
			}
			return p, err
		})
		var pr pageProblem
		switch {
		case errors.As(err, &pr):
			s.fail(w, r, pr.problem)
			return
		case err != nil:
			s.pageFault(w, r, err)
			return
		case s.notModified(w, r, textHTML, p.cache, p.tag) || s.sendKept(w, r, textHTML, p.cache, p.tag):
			return
		case p.body != nil:
			s.sendTagged(w, r, textHTML, p.cache, p.tag, p.body)
			return
		}
		// Others pushed it out just now.
	}
	s.fail(w, r, archiveProblem(errBusy))
}
