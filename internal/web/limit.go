package web

import (
	"container/list"
	"net/netip"
	"sync"
	"time"
)

// A limiter gives each client so much a second, and so much at once. It
// remembers the clients seen last, at most maxClients; whoever is
// forgotten begins with all again, which a stranger with that many
// addresses could have anyway.
type limiter struct {
	rate  float64 // a second
	burst float64

	mu      sync.Mutex
	clients map[netip.Prefix]*list.Element
	order   *list.List // of *bucket, the one asked last in front
}

type bucket struct {
	key  netip.Prefix
	left float64 // below 0 after a request larger than the rest
	at   time.Time
}

const maxClients = 4096

func newLimiter(rate, burst float64) *limiter {
	return &limiter{rate: rate, burst: burst, clients: map[netip.Prefix]*list.Element{}, order: list.New()}
}

// take asks for n. Where they are not to be had, wait says when they
// will be. Who has all his burst gets even more than that at once, and
// pays by waiting: a batch must fit whatever the limit is.
func (l *limiter) take(who netip.Addr, n float64, now time.Time) (wait time.Duration, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(who, now)
	need := min(n, l.burst)
	if b.left < need {
		return time.Duration((need - b.left) / l.rate * float64(time.Second)), false
	}
	b.left -= n
	return 0, true
}

// empty reports whether not even one is to be had, and takes none.
func (l *limiter) empty(who netip.Addr, now time.Time) (wait time.Duration, empty bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(who, now)
	if b.left >= 1 {
		return 0, false
	}
	return time.Duration((1 - b.left) / l.rate * float64(time.Second)), true
}

// bucket finds the client's, filled up to now.
func (l *limiter) bucket(who netip.Addr, now time.Time) *bucket {
	key := clientKey(who)
	if e, ok := l.clients[key]; ok {
		l.order.MoveToFront(e)
		b := e.Value.(*bucket)
		if passed := now.Sub(b.at); passed > 0 {
			b.left = min(l.burst, b.left+passed.Seconds()*l.rate)
		}
		b.at = now
		return b
	}
	if len(l.clients) >= maxClients {
		last := l.order.Back()
		delete(l.clients, l.order.Remove(last).(*bucket).key)
	}
	b := &bucket{key: key, left: l.burst, at: now}
	l.clients[key] = l.order.PushFront(b)
	return b
}

// clientKey is what counts as one client: an IPv4 address, or the 64
// bits of an IPv6 network, inside which anybody has as many addresses as
// he likes. All who cannot be told apart share one.
func clientKey(a netip.Addr) netip.Prefix {
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
