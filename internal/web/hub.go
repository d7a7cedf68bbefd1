package web

import (
	"sync"
	"time"
)

// maxListeners bounds the pages that are told of changes as they come; others
// ask again by themselves.
const maxListeners = 200

// hubEvery is how often a hub looks whether something has changed: what it
// looks at is written once a second.
const hubEvery = time.Second

// A hub looks at what open pages show, once for all pages that show the
// same, and tells them when it has changed. It looks only while somebody
// listens.
type hub struct {
	every time.Duration

	mu     sync.Mutex
	topics map[string]*topic
	count  int
	homes  int // how often the first page has changed
}

// homeTopic is the first page.
const homeTopic = "home"

type topic struct {
	listeners map[chan struct{}]bool
	stop      chan struct{}
	ended     chan struct{}
}

func newHub() *hub { return &hub{every: hubEvery, topics: map[string]*topic{}} }

// listen says on the channel when the tag of a topic has changed, until
// leave is called. It is false where too many listen already. What changes
// once it has returned is told.
func (h *hub) listen(name string, tag func() string) (changed <-chan struct{}, leave func(), ok bool) {
	last, ok := h.firstLook(name, tag)
	if !ok {
		return nil, nil, false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.count >= maxListeners {
		return nil, nil, false
	}
	h.count++
	t := h.topics[name]
	if t == nil {
		t = &topic{listeners: map[chan struct{}]bool{}, stop: make(chan struct{}), ended: make(chan struct{})}
		h.topics[name] = t
		go h.watch(name, t, tag, last)
	}
	c := make(chan struct{}, 1) // one is enough: the page asks for all that is new
	t.listeners[c] = true
	return c, func() { h.leave(name, t, c) }, true
}

// firstLook is the state of a topic that nobody listens to yet. Of another one
// it is empty: whoever is left alone with that is told once too often. Looking
// reads files, and mu is not held for that.
func (h *hub) firstLook(name string, tag func() string) (last string, ok bool) {
	h.mu.Lock()
	known, ok := h.topics[name] != nil, h.count < maxListeners
	h.mu.Unlock()
	if known || !ok {
		return "", ok
	}
	return tag(), true
}

// version counts the changes of the first page: who was told of one must
// not be given a page from before it.
func (h *hub) version() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.homes
}

// leave ends the watching of a topic with its last listener.
func (h *hub) leave(name string, t *topic, c chan struct{}) {
	h.mu.Lock()
	h.count--
	delete(t.listeners, c)
	last := len(t.listeners) == 0
	if last {
		delete(h.topics, name)
	}
	h.mu.Unlock()
	if last {
		close(t.stop)
		<-t.ended
	}
}

// watch ends when the last listener has left.
func (h *hub) watch(name string, t *topic, tag func() string, last string) {
	defer close(t.ended)
	tick := time.NewTicker(h.every)
	defer tick.Stop()
	for {
		select {
		case <-t.stop:
			return
		case <-tick.C:
		}
		now := tag()
		if now == last {
			continue
		}
		last = now
		h.mu.Lock()
		if name == homeTopic {
			h.homes++
		}
		for c := range t.listeners {
			select {
			case c <- struct{}{}:
			default:
			}
		}
		h.mu.Unlock()
	}
}
