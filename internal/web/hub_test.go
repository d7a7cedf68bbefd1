package web

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestHub: everyone who listens to a topic is told, once looked at for
// all; nobody looks when nobody listens.
func TestHub(t *testing.T) {
	defer goleak.VerifyNone(t)
	h := newHub()
	h.every = time.Millisecond
	var state, looks atomic.Int64
	tag := func() string { looks.Add(1); return strconv.FormatInt(state.Load(), 10) }
	a, leaveA, _ := h.listen("x", tag)
	b, leaveB, _ := h.listen("x", func() string { t.Error("looked at twice"); return "" })
	other, leaveOther, _ := h.listen("y", func() string { return "" })
	state.Add(1) // at once: nobody has looked a second time
	<-a
	<-b
	select {
	case <-other:
		t.Error("told of a topic that it does not listen to")
	default:
	}
	leaveA()
	state.Add(1)
	<-b
	leaveB()
	leaveOther()
	at := looks.Load()
	time.Sleep(5 * time.Millisecond)
	if looks.Load() != at || h.count != 0 || len(h.topics) != 0 {
		t.Errorf("still looking: %d, then %d looks; %d listen to %d topics", at, looks.Load(), h.count, len(h.topics))
	}
}

func TestHubIsBounded(t *testing.T) {
	defer goleak.VerifyNone(t)
	h := newHub()
	var leave []func()
	for i := range maxListeners {
		_, l, ok := h.listen(strconv.Itoa(i%7), func() string { return "" })
		if !ok {
			t.Fatalf("listener %d is refused", i)
		}
		leave = append(leave, l)
	}
	if _, _, ok := h.listen("one more", func() string { return "" }); ok {
		t.Error("more than the bound may listen")
	}
	for _, l := range leave {
		l()
	}
	_, l, ok := h.listen("again", func() string { return "" })
	if !ok {
		t.Fatal("nobody may listen after all have left")
	}
	l()
}

// TestEvents: a page that follows the start page hears of a change, and
// the stream ends with the server.
func TestEvents(t *testing.T) {
	defer goleak.VerifyNone(t)
	n := newNode(t)
	defer n.http.Close()
	addr, stop := running(t, n.Server)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if got := resp.Header.Get("Content-Type"); got != "text/event-stream" || resp.Header.Get("Content-Encoding") != "" {
		t.Fatalf("Content-Type %q, %q", got, resp.Header.Get("Content-Encoding"))
	}
	lines := bufio.NewScanner(resp.Body)
	next := func() bool {
		for lines.Scan() {
			if strings.HasPrefix(lines.Text(), "event: changed") {
				return true
			}
		}
		return false
	}
	if !next() {
		t.Fatal("the first event does not come")
	}
	n.tracing()
	if !next() {
		t.Fatal("the stream ended")
	}
	told := make(chan bool, 1)
	go func() { told <- next() }()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if <-told {
		t.Log("told of one more change before the end")
	}
	_, _ = io.Copy(io.Discard, resp.Body)
}

func TestEventsRefuse(t *testing.T) {
	n := newNode(t)
	n.get("/events?incident=x").want(t, 400, "incident")
	n.get("/events?report=..%2f").want(t, 400, "report")
}
