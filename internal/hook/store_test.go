package hook

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A restart delivers what was queued, in order, once.
func TestRestart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state", "hooks")
	r := &receiver{}
	srv := httptest.NewServer(r)
	defer srv.Close()
	url := srv.URL + "/in"
	deaf := Hook{On: both(), Command: []string{script(t, "exit 1")}}

	s, _ := sender(dir, deaf, Hook{On: both(), URL: "http://127.0.0.1:1/gone"})
	stop := start(t, s)
	inc := incident(1, "203.0.113.7")
	s.Send(OnOpen, inc)
	s.Send(OnClose, closed(inc))
	s.Send(OnOpen, incident(2, "203.0.113.8"))
	eventually(t, "six files", func() bool { return len(files(t, dir)) == 6 })
	stop()
	if len(files(t, dir)) != 6 {
		t.Fatalf("left on disk: %v", files(t, dir))
	}
	st, err := os.Stat(dir)
	if err != nil || st.Mode().Perm() != 0o700 {
		t.Errorf("mode of the directory %v, %v", st.Mode(), err)
	}

	// The one hook is as it was but for its program, which works now, and
	// stands at another place; the other is gone and a new one there.
	if err := os.WriteFile(deaf.Command[0], []byte("#!/bin/sh\ncat >> "+dir+"/../bodies\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	// Damage and strangers beside it.
	for name, text := range map[string]string{"0000000000000001-damaged.json": "{", "README": "hello"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, log := sender(dir, Hook{On: both(), URL: url}, deaf)
	s.Send(OnOpen, inc)                        // the watchdog takes up its incident before Run …
	s.Send(OnOpen, incident(3, "203.0.113.9")) // … and has a new one
	stop = start(t, s)
	eventually(t, "all messages", func() bool { return s.Stats().Delivered == 4+2 })
	s.Send(OnOpen, inc) // … and again after it
	stop()
	if st := s.Stats(); st.Waiting != 0 || st.Delivered != 6 {
		t.Errorf("stats %+v", st)
	}
	data, err := os.ReadFile(filepath.Join(dir, "..", "bodies"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for line := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n") {
		_, rest, _ := strings.Cut(line, `"event":"`)
		event, rest, _ := strings.Cut(rest, `"`)
		_, rest, _ = strings.Cut(rest, `"incident":"`)
		got = append(got, rest[25:26]+" "+event)
	}
	if d := cmp.Diff([]string{"1 incident-open", "1 incident-close", "2 incident-open", "3 incident-open"}, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if d := cmp.Diff([]string{"1 incident-open", "3 incident-open"}, events(r.accepted())); d != "" {
		t.Errorf("the new hook: -want +got\n%s", d)
	}
	if d := cmp.Diff([]string{"README"}, files(t, dir)); d != "" {
		t.Errorf("files: -want +got\n%s", d)
	}
	if l := log.String(); !strings.Contains(l, "no longer configured") || !strings.Contains(l, "damaged.json") {
		t.Errorf("log:\n%s", l)
	}
}

// A disk that takes nothing costs durability, not messages.
func TestUnwritableDir(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := &receiver{answer: func(n int, _ got) []string {
		if n == 0 {
			return []string{"500"} // so that there is something to keep
		}
		return nil
	}}
	srv := httptest.NewServer(r)
	defer srv.Close()
	s, log := sender(filepath.Join(file, "hooks"), Hook{On: both(), URL: srv.URL})
	stop := start(t, s)
	inc := incident(1, "203.0.113.7")
	s.Send(OnOpen, inc)
	s.Send(OnClose, closed(inc))
	eventually(t, "both messages", func() bool { return s.Stats().Delivered == 2 })
	stop()
	if d := cmp.Diff([]string{"1 incident-open", "1 incident-close"}, events(r.accepted())); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if n := strings.Count(log.String(), "kept in memory only"); n != 1 {
		t.Errorf("said %d times that nothing is durable, want 1:\n%s", n, log)
	}
}

// What the disk refused is written when it takes something again, unless it
// is delivered by then.
func TestDiskComesBack(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hooks")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file where the directory is to be
		t.Fatal(err)
	}
	s, log := sender(dir, Hook{On: both(), URL: "http://127.0.0.1:1/"})
	for n := range byte(3) {
		s.Send(OnOpen, incident(n, "203.0.113.7"))
	}
	s.store.report(s.store.turn())
	s.store.report(s.store.turn())
	if n := strings.Count(log.String(), "kept in memory only"); n != 1 {
		t.Errorf("said %d times that nothing is durable, want 1:\n%s", n, log)
	}
	s.mu.Lock()
	s.store.forget(s.lanes[0].queue.msgs[1])
	s.mu.Unlock()
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	s.store.report(s.store.turn())
	left := files(t, dir)
	if len(left) != 2 || !strings.HasPrefix(left[0], "0000000000000") {
		t.Errorf("files %v, want 2", left)
	}
	if !strings.Contains(log.String(), "on disk again") {
		t.Errorf("log:\n%s", log)
	}
	// Delivered: the file goes with the next turn.
	s.mu.Lock()
	s.store.forget(s.lanes[0].queue.msgs[0])
	s.mu.Unlock()
	if _, err := s.store.turn(); err != nil {
		t.Fatal(err)
	}
	if left := files(t, dir); len(left) != 1 {
		t.Errorf("files %v, want 1", left)
	}
}

func TestSecondRun(t *testing.T) {
	dir := t.TempDir()
	ready := filepath.Join(dir, "ready")
	queue := filepath.Join(dir, "queue")
	s, _ := sender(queue, Hook{On: both(), Command: []string{script(t, `test -e "$1"`), ready}})
	stop := start(t, s)
	s.Send(OnOpen, incident(1, "203.0.113.7"))
	eventually(t, "a file", func() bool { return len(files(t, queue)) == 1 })
	stop()
	if err := os.WriteFile(ready, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	stop = start(t, s)
	eventually(t, "the message", func() bool { return s.Stats().Delivered == 1 })
	stop()
	if left := files(t, queue); len(left) != 0 {
		t.Errorf("files %v", left)
	}
}

// What cannot be read at the start is left for the next one; only what nobody
// will ever understand goes.
func TestUnreadableMessages(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "hooks")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	const unreadable, newer, damaged = "0000000000000001-eio.json", "0000000000000002-newer.json", "0000000000000003-damaged.json"
	if err := os.Mkdir(filepath.Join(dir, unreadable), 0o700); err != nil { // reading fails: it is a directory
		t.Fatal(err)
	}
	for name, text := range map[string]string{newer: `{"schema":2,"hook":"a"}`, damaged: `{"schema":1,"hook":"a"}`} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s, log := sender(dir, Hook{On: both(), URL: "http://127.0.0.1:1/"})
	s.setup()
	if got := s.store.load(); len(got) != 0 {
		t.Errorf("loaded %v", got)
	}
	if _, err := s.store.turn(); err != nil {
		t.Error(err)
	}
	if d := cmp.Diff([]string{unreadable, newer}, files(t, dir)); d != "" {
		t.Errorf("files: -want +got\n%s", d)
	}
	if k := strings.Count(log.String(), "left for the next start"); k != 2 {
		t.Errorf("log:\n%s", log)
	}
}
