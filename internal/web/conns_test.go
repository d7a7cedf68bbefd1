package web

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	// Turns a hang into a failure; nothing is judged by it.
	if err := c.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c
}

func say(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

// gone waits until the other side has closed.
func gone(t *testing.T, c net.Conn, what string) {
	t.Helper()
	_, err := io.Copy(io.Discard, c)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatalf("%s was not closed", what)
	}
}

func status(t *testing.T, c net.Conn) int {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// TestIdleConnections: those who connect and say nothing use nothing up
// that others need: the longest silent makes room.
func TestIdleConnections(t *testing.T) {
	defer goleak.VerifyNone(t)
	n := newNode(t, func(s *Server) {
		// Nothing but the bound closes a connection.
		s.Limits = Limits{Connections: 10, Header: time.Hour, Read: time.Hour, Idle: time.Hour}
	})
	n.tracing()
	defer n.http.Close()
	addr, stop := running(t, n.Server)
	var silent []net.Conn
	for range 100 {
		silent = append(silent, dial(t, addr))
	}
	// One that was kept after an answer is silent as well; one in the middle
	// of a header, too.
	kept := dial(t, addr)
	say(t, kept, "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
	if got := status(t, kept); got != 200 {
		t.Fatalf("status %d", got)
	}
	half := dial(t, addr)
	say(t, half, "GET /healthz HTTP/1.1\r\nHost: 127")
	for range 20 {
		c := dial(t, addr)
		say(t, c, "GET /api/mtr?ip=203.0.113.7 HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
		if got := status(t, c); got != 202 {
			t.Fatalf("status %d", got)
		}
	}
	for range 20 {
		dial(t, addr)
	}
	for i, c := range silent {
		gone(t, c, fmt.Sprintf("silent connection %d", i))
	}
	gone(t, kept, "a kept connection")
	gone(t, half, "a connection with half a header")
	if err := stop(); err != nil {
		t.Error(err)
	}
	if got := len(n.claims()); got != 20 {
		t.Errorf("%d jobs in the spool, want 20", got)
	}
}

// TestAllConnectionsBusy: while every connection is being answered, the
// next is told so.
func TestAllConnectionsBusy(t *testing.T) {
	defer goleak.VerifyNone(t)
	n := newNode(t, func(s *Server) { s.Limits.Connections = 3 })
	n.tracing()
	defer n.http.Close()
	addr, stop := running(t, n.Server)
	var waiting []net.Conn
	for range 3 {
		c := dial(t, addr)
		say(t, c, "GET /api/mtr?ip=203.0.113.7&wait=60 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
		waiting = append(waiting, c)
	}
	for got := 0; got < 3; { // ends with the test's own deadline at the latest
		got += len(n.claims())
	}
	if got := status(t, dial(t, addr)); got != 503 {
		t.Errorf("status %d, want 503", got)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	for _, c := range waiting {
		if got := status(t, c); got != 202 {
			t.Errorf("a waiting one got %d", got)
		}
	}
}

// TestSlow: a header or a body that does not come to an end is cut off,
// and its sender causes no trace.
func TestSlow(t *testing.T) {
	defer goleak.VerifyNone(t)
	n := newNode(t, func(s *Server) {
		s.Limits.Header, s.Limits.Read, s.Limits.Idle = 50*time.Millisecond, 100*time.Millisecond, 50*time.Millisecond
	})
	defer n.http.Close()
	addr, stop := running(t, n.Server)
	header := dial(t, addr)
	say(t, header, "GET /api/mtr?ip=203.0.113.7 HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ")
	body := dial(t, addr)
	say(t, body, "POST /api/mtr HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nip=203.0.113.7&")
	nothing := dial(t, addr)
	gone(t, header, "a slow header")
	resp, err := http.ReadResponse(bufio.NewReader(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	if resp.StatusCode != 400 || !strings.Contains(string(said), codeBody) {
		t.Errorf("a slow body got %s: %s", resp.Status, said)
	}
	gone(t, nothing, "a silent connection")
	if err := stop(); err != nil {
		t.Error(err)
	}
	if got := len(n.claims()); got != 0 {
		t.Errorf("%d jobs in the spool", got)
	}
}

// TestFewAreIdle: of those that were answered and stay open a quarter may,
// the ones that asked last; who has not asked yet is none of them.
func TestFewAreIdle(t *testing.T) {
	b := newConnBound(16)
	var far []net.Conn
	enter := func() net.Conn {
		here, there := net.Pipe()
		t.Cleanup(func() { _, _ = here.Close(), there.Close() })
		if !b.enter(here) {
			t.Fatal("refused")
		}
		far = append(far, there)
		return here
	}
	answer := func(c net.Conn) {
		b.state(c, http.StateActive)
		b.state(c, http.StateIdle)
	}
	var all []net.Conn
	for range 7 {
		all = append(all, enter())
	}
	for _, c := range all[1:] { // the first has not asked
		answer(c)
	}
	answer(all[3])
	answer(enter())
	closed := func(i int) bool {
		// A pipe says so of its other end.
		return errors.Is(far[i].SetReadDeadline(time.Time{}), io.ErrClosedPipe)
	}
	for i, want := range []bool{false, true, true, false, true, false, false, false} {
		if got := closed(i); got != want {
			t.Errorf("connection %d closed: %v, want %v", i, got, want)
		}
	}
	open, silent, evicted, refused := b.counts()
	if open != 5 || silent != 5 || b.idle != 4 || evicted != 3 || refused != 0 {
		t.Errorf("%d open, %d silent, %d idle, %d evicted, %d refused", open, silent, b.idle, evicted, refused)
	}
	for _, c := range all {
		b.state(c, http.StateClosed)
	}
	if b.idle != 1 {
		t.Errorf("%d idle, want the last", b.idle)
	}
}
