package web

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// connBound bounds the open connections. Each costs some 12 kB, asked on
// or not. When there are too many, the one that has been silent for the
// longest makes room; while all of them are being answered, the new one
// is refused. A quarter of them may be idle, open for a next request that
// may never come: whoever was closed connects again.
type connBound struct {
	most, mostIdle int

	mu      sync.Mutex
	conns   map[net.Conn]*list.Element // nil: it is being answered
	silent  *list.List                 // of silentConn, those without a request; the longest silent in front
	idle    int                        // of silent: they were answered before
	evicted uint64
	refused uint64
}

type silentConn struct {
	net.Conn
	idle bool
}

func newConnBound(most int) *connBound {
	return &connBound{most: most, mostIdle: max(1, most/4), conns: map[net.Conn]*list.Element{}, silent: list.New()}
}

// open and silent connections now; those closed and refused so far.
func (b *connBound) counts() (open, silent int, evicted, refused uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.conns), b.silent.Len(), b.evicted, b.refused
}

// enter takes a connection in; false when there is no room for it.
func (b *connBound) enter(c net.Conn) bool {
	b.mu.Lock()
	var oldest net.Conn
	if len(b.conns) >= b.most {
		front := b.silent.Front()
		if front == nil {
			b.refused++
			b.mu.Unlock()
			return false
		}
		oldest = b.evict(front)
	}
	b.conns[c] = b.silent.PushBack(silentConn{c, false})
	b.mu.Unlock()
	if oldest != nil {
		hangUp(oldest)
	}
	return true
}

// state follows a connection. net/http calls a connection new until the
// header of its first request is whole, so one that sends it a byte a
// minute counts as silent.
func (b *connBound) state(c net.Conn, s http.ConnState) {
	if oldest := b.enterState(c, s); oldest != nil {
		hangUp(oldest)
	}
}

// enterState gives the connection that is idle for the longest, where there
// are too many.
func (b *connBound) enterState(c net.Conn, s http.ConnState) (oldest net.Conn) {
	b.mu.Lock()
	defer b.mu.Unlock()
	place, ours := b.conns[c]
	if !ours {
		return nil // made room for another
	}
	switch s {
	case http.StateActive:
		b.leaveSilent(c, place)
	case http.StateIdle:
		b.leaveSilent(c, place)
		b.conns[c] = b.silent.PushBack(silentConn{c, true})
		if b.idle++; b.idle > b.mostIdle {
			return b.evict(b.firstIdle())
		}
	case http.StateClosed, http.StateHijacked:
		b.leaveSilent(c, place)
		delete(b.conns, c)
	}
	return nil
}

func (b *connBound) leaveSilent(c net.Conn, place *list.Element) {
	if place != nil {
		b.remove(place)
		b.conns[c] = nil
	}
}

func (b *connBound) remove(place *list.Element) net.Conn {
	c := b.silent.Remove(place).(silentConn)
	if c.idle {
		b.idle--
	}
	return c.Conn
}

// evict forgets a silent connection, for the caller to close.
func (b *connBound) evict(place *list.Element) net.Conn {
	c := b.remove(place)
	delete(b.conns, c)
	b.evicted++
	return c
}

// firstIdle is the one that is idle for the longest; there is one.
func (b *connBound) firstIdle() *list.Element {
	e := b.silent.Front()
	for !e.Value.(silentConn).idle {
		e = e.Next()
	}
	return e
}

func (b *connBound) listener(l net.Listener) net.Listener { return &boundListener{l, b} }

type boundListener struct {
	net.Listener
	bound *connBound
}

// Accept gives the connections that there is room for.
func (l *boundListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil || l.bound.enter(c) {
			return c, err
		}
		refuseConn(c)
	}
}

// busyAnswer is said to who is not let in.
const busyAnswer = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 53\r\n\r\n" +
	"mtrq: too-busy: all connections of the node are used\n"

// refuseConn answers without having listened: it must not wait, and the
// few bytes fit into the socket's buffer.
func refuseConn(c net.Conn) {
	if _, encrypted := c.(*tls.Conn); !encrypted {
		_ = c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
		_, _ = c.Write([]byte(busyAnswer))
	}
	hangUp(c)
}

// hangUp closes without a farewell: that of TLS may have to wait.
func hangUp(c net.Conn) {
	if t, ok := c.(*tls.Conn); ok {
		c = t.NetConn()
	}
	_ = c.Close() // whoever it was is gone either way
}
