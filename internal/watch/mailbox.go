package watch

import (
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
)

// mailbox is where everybody else leaves things for the loop.
type mailbox struct {
	mu    sync.Mutex
	pings []pingNews
	posts []func()
	wake  chan struct{}
}

// pingNews is what became of a ping of the rhythm.
type pingNews struct {
	pingTag
	outcome outcome
	sent    time.Time // zero: it never left
	rtt     time.Duration
}

// pingTag says which ping it is.
type pingTag struct {
	t *target
	n uint32 // of its history
}

func (b *mailbox) ring() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// ping leaves what became of a ping. An answer can wait for the next beat; a
// loss can not.
func (b *mailbox) ping(n pingNews) {
	b.mu.Lock()
	b.pings = append(b.pings, n)
	b.mu.Unlock()
	if n.outcome != answered {
		b.ring()
	}
}

// post runs f in the loop.
func (b *mailbox) post(f func()) {
	b.mu.Lock()
	b.posts = append(b.posts, f)
	b.mu.Unlock()
	b.ring()
}

func (b *mailbox) take(used []pingNews) ([]pingNews, []func()) {
	clear(used)
	b.mu.Lock()
	defer b.mu.Unlock()
	pings, posts := b.pings, b.posts
	b.pings, b.posts = used[:0], nil
	return pings, posts
}

// looks are the traces that run, for whoever runs their jobs.
type looks struct {
	mu sync.Mutex
	by map[ulid.ULID]*look
}

func (l *looks) put(k *look) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.by == nil {
		l.by = map[ulid.ULID]*look{}
	}
	l.by[k.id] = k
}

func (l *looks) remove(id ulid.ULID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.by, id)
}

func (l *looks) get(id ulid.ULID) (*look, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k, ok := l.by[id]
	return k, ok
}

func (l *looks) len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.by)
}
