package targets

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// clock is a clock that stands until it is moved.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// resolver knows its names by heart; a nil list is a resolver that does not
// answer.
type resolver struct {
	mu     sync.Mutex
	names  map[string][]netip.Addr
	asked  map[string]int
	busy   int
	most   int
	before func() // while a question is under way
}

func (r *resolver) set(name string, addrs ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.names == nil {
		r.names = map[string][]netip.Addr{}
	}
	r.names[name] = nil
	for _, a := range addrs {
		r.names[name] = append(r.names[name], netip.MustParseAddr(a))
	}
}

// count is how often a name was asked for.
func (r *resolver) count(name string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked[name]
}

// atOnce is how many questions were under way together at most.
func (r *resolver) atOnce() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.most
}

func (r *resolver) LookupNetIP(ctx context.Context, _, host string) ([]netip.Addr, error) {
	r.mu.Lock()
	r.busy++
	r.most = max(r.most, r.busy)
	if r.asked == nil {
		r.asked = map[string]int{}
	}
	r.asked[host]++
	addrs, known := r.names[host]
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		r.busy--
		r.mu.Unlock()
	}()
	if r.before != nil {
		r.before()
	}
	switch {
	case !known:
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case addrs == nil:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return addrs, nil
}

// running lists of a test.
type watched struct {
	t     *testing.T
	lists *Lists
	got   chan List
	last  List
	stop  func()
}

func start(t *testing.T, l *Lists) *watched {
	t.Helper()
	if l.Resolver == nil {
		l.Resolver = &resolver{}
	}
	w := &watched{t: t, lists: l, got: make(chan List, 1000)}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, func(l List) { w.got <- l }) }()
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(w.stop)
	w.last = <-w.got
	return w
}

// until waits for a list that is as wanted.
func (w *watched) until(what string, ok func(List) bool) List {
	w.t.Helper()
	bound := time.After(time.Minute)
	for !ok(w.last) {
		select {
		case w.last = <-w.got:
		case <-bound:
			w.t.Fatalf("%s: not seen; last were targets %v, sources %+v", what, namesOf(w.last), w.last.Sources)
		}
	}
	return w.last
}

// has waits until exactly these are watched.
func (w *watched) has(names ...string) List {
	w.t.Helper()
	return w.until("targets "+strings.Join(names, " "), func(l List) bool { return namesOf(l) == strings.Join(names, " ") })
}

// hasErr waits until a source says so; "" is nothing wrong.
func (w *watched) hasErr(source, err string) List {
	w.t.Helper()
	return w.until("error "+err+" of "+source, func(l List) bool {
		s, ok := sourceOf(l, source)
		return ok && (err == "" && s.Err == "" || err != "" && strings.Contains(s.Err, err))
	})
}

func namesOf(l List) string {
	var s []string
	for _, t := range l.Targets {
		s = append(s, t.Name)
	}
	return strings.Join(s, " ")
}

func sourceOf(l List, name string) (Source, bool) {
	for _, s := range l.Sources {
		if s.Source == name {
			return s, true
		}
	}
	return Source{}, false
}

func targetOf(t *testing.T, l List, name string) Target {
	t.Helper()
	for _, x := range l.Targets {
		if x.Name == name {
			return x
		}
	}
	t.Fatalf("no target %s in %s", name, namesOf(l))
	return Target{}
}

// write replaces a file as its writers should: under a hidden name first.
func write(t *testing.T, path, text string) {
	t.Helper()
	tmp := filepath.Join(filepath.Dir(path), ".new")
	if err := os.WriteFile(tmp, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(tmp, path); err != nil {
		t.Fatal(err)
	}
}
