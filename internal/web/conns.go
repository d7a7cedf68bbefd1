package web

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
	"time"
)

// connBound bounds the open connections. Each costs some 20 kB, asked on
// or not. When there are too many, the one that has been silent for the
// longest makes room; while all of them are being answered, the new one
// is refused.
type connBound struct {
	most int

	mu      sync.Mutex
	conns   map[net.Conn]*list.Element // nil: it is being answered
	silent  *list.List                 // of net.Conn, those without a request; the longest silent in front
	evicted uint64
	refused uint64
}

func newConnBound(most int) *connBound {
	return &connBound{most: most, conns: map[net.Conn]*list.Element{}, silent: list.New()}
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
		oldest = b.silent.Remove(front).(net.Conn)
		delete(b.conns, oldest)
		b.evicted++
	}
	b.conns[c] = b.silent.PushBack(c)
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
	b.mu.Lock()
	defer b.mu.Unlock()
	place, ours := b.conns[c]
	if !ours {
		return // made room for another
	}
	switch s {
	case http.StateActive:
		b.leaveSilent(c, place)
	case http.StateIdle:
		b.leaveSilent(c, place)
		b.conns[c] = b.silent.PushBack(c)
	case http.StateClosed, http.StateHijacked:
		b.leaveSilent(c, place)
		delete(b.conns, c)
	}
}

func (b *connBound) leaveSilent(c net.Conn, place *list.Element) {
	if place != nil {
		b.silent.Remove(place)
		b.conns[c] = nil
	}
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
