package targets

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestLastGoodListAfterRestart: everything is away when the process starts
// anew, and what was watched still is.
func TestLastGoodListAfterRestart(t *testing.T) {
	dir, kept := t.TempDir(), filepath.Join(t.TempDir(), "kept")
	sub := filepath.Join(dir, "lists.d")
	one := filepath.Join(dir, "one.txt")
	if err := os.Mkdir(sub, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, one, "203.0.113.1 site=hk\n")
	write(t, filepath.Join(sub, "a.json"), `[{"targets": ["203.0.113.2"]}]`)
	server := newServer(t)
	server.set("application/json", `[{"targets": ["edge.example.net"]}]`)
	r := &resolver{}
	r.set("edge.example.net", "203.0.113.3")
	now := newClock()
	lists := func() *Lists {
		return quick(&Lists{Files: []string{one, sub}, URLs: []string{server.URL}, Dir: kept, Resolver: r, Now: now.now})
	}
	w := start(t, lists())
	w.until("the address of the name", func(l List) bool {
		return namesOf(l) == "203.0.113.1 203.0.113.2 edge.example.net" && l.Targets[2].Addr.IsValid()
	})
	w.stop()

	// What a process leaves that is killed between write and rename.
	for _, leftover := range []string{filepath.Join(kept, ".tmp-1"), filepath.Join(kept, "lists", ".tmp-2")} {
		if err := os.WriteFile(leftover, []byte("{"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	server.Close()
	r.set("edge.example.net") // does not answer
	now.add(time.Hour)

	w = start(t, lists())
	if got, want := namesOf(w.last), "203.0.113.1 203.0.113.2 edge.example.net"; got != want {
		t.Fatalf("the first list has %s, want %s", got, want)
	}
	if got := w.last.Targets[2].Addr.String(); got != "203.0.113.3" {
		t.Errorf("got the address %s", got)
	}
	if got := w.last.Targets[0].Tags["site"]; got != "hk" {
		t.Errorf("got tag %q", got)
	}
	if s, _ := sourceOf(w.last, one); !strings.Contains(s.Err, "not looked at yet; used is the last good list, read 2026-11-23T14:05:32Z, targets: 1") {
		t.Errorf("got %+v", s)
	}
	w.hasErr(one, "no such file or directory; used is the last good list")
	w.hasErr(filepath.Join(sub, "a.json"), sub+": no such file or directory; used is the last good list")
	w.hasErr(server.URL, "connection refused; used is the last good list")
	w.has("203.0.113.1", "203.0.113.2", "edge.example.net")
	for _, pattern := range []string{".tmp-*", "lists/.tmp-*"} {
		if left, _ := filepath.Glob(filepath.Join(kept, pattern)); len(left) != 0 {
			t.Errorf("still there: %v", left)
		}
	}
}

func TestKeepTornFile(t *testing.T) {
	k := keep{t.TempDir()}
	at := newClock().now()
	body := []byte("203.0.113.1\n203.0.113.2\n")
	if err := k.store("x", keptHead{Source: "x", Format: formatPlain, ETag: `"1"`}, body, at); err != nil {
		t.Fatal(err)
	}
	h, p, when, ok := k.load("x")
	if !ok || h.ETag != `"1"` || show(p.entries) != "203.0.113.1 | 203.0.113.2" || !when.Equal(at) {
		t.Fatalf("got %+v, %v, %v, %v", h, p, when, ok)
	}
	whole, err := os.ReadFile(k.path("x"))
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		if err := os.WriteFile(k.path("x"), whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if _, p, _, ok := k.load("x"); ok {
			t.Fatalf("the first %d bytes are taken for a list: %v", n, p)
		}
	}
	flipped := append([]byte(nil), whole...)
	flipped[len(flipped)-2] ^= 1
	if err := os.WriteFile(k.path("x"), flipped, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, p, _, ok := k.load("x"); ok {
		t.Errorf("a changed byte is not seen: %v", p)
	}
}

func TestTidyForgetsOldLists(t *testing.T) {
	k := keep{t.TempDir()}
	now := newClock().now()
	for key, at := range map[string]time.Time{"new": now.Add(-29 * 24 * time.Hour), "old": now.Add(-31 * 24 * time.Hour)} {
		if err := k.store(key, keptHead{Source: key, Format: formatPlain}, []byte("203.0.113.1\n"), at); err != nil {
			t.Fatal(err)
		}
	}
	sources, err := k.tidy(now)
	if err != nil || strings.Join(sources, " ") != "new" {
		t.Errorf("got %v, %v", sources, err)
	}
	if _, _, _, ok := k.load("old"); ok {
		t.Error("the old one is still there")
	}
}

// TestNamesFileTorn: a torn names.json costs the addresses, not the start.
func TestNamesFileTorn(t *testing.T) {
	kept := t.TempDir()
	if err := os.WriteFile(filepath.Join(kept, namesFile), []byte(`{"schema":1,"names":{"edge.exam`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &resolver{}
	r.set("edge.example.net", "203.0.113.1")
	w := start(t, &Lists{Targets: []string{"edge.example.net"}, Dir: kept, Resolver: r})
	w.until("its address", func(l List) bool { return l.Targets[0].Addr.IsValid() })
	w.stop()
	data, err := os.ReadFile(filepath.Join(kept, namesFile))
	var d namesOnDisk
	if err == nil {
		err = json.Unmarshal(data, &d)
	}
	if err != nil || d.Names["edge.example.net"] == nil || d.Names["edge.example.net"].Addr.String() != "203.0.113.1" {
		t.Errorf("got %s, %v", data, err)
	}
}

// TestNothingCanBeKept: a directory that cannot be written is a warning.
func TestNothingCanBeKept(t *testing.T) {
	dir := t.TempDir()
	blocked := filepath.Join(dir, "file", "kept")
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "list.txt")
	write(t, list, "203.0.113.1\n")
	w := start(t, quick(&Lists{Files: []string{list}, Dir: blocked}))
	w.has("203.0.113.1")
}
