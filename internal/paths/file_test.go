package paths

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// sealed makes a file of what stands between its head and its sum.
func sealed(body []byte) []byte {
	data := append(append([]byte(fileMagic), fileVersion), body...)
	return binary.LittleEndian.AppendUint32(data, crc32.ChecksumIEEE(data))
}

// filled is a memory of targets of both families.
func filled() *Memory {
	w := &walker{m: New(0), now: start}
	for i := range 100 {
		w.round([]string{"a b - d T", "a c - d T"}[i%2], 0)
	}
	six := netip.MustParseAddr("2001:db8::7")
	w.m.Note(six, 1, Expired, netip.MustParseAddr("2001:db8::1"), 1500, start)
	w.m.Note(six, 2, Reply, six, 2500, start.Add(every))
	return w.m
}

func saved(t testing.TB, m *Memory) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := m.Save(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	m := filled()
	path := filepath.Join(t.TempDir(), "cache", "mtrq", "paths") // in directories that nobody has made
	for range 2 {                                                // the second replaces the first
		if err := m.SaveFile(path); err != nil {
			t.Fatal(err)
		}
	}
	got := New(0)
	got.Note(netip.MustParseAddr("198.51.100.1"), 1, Reply, target, 1, start) // to be replaced
	if err := got.LoadFile(path); err != nil {
		t.Fatal(err)
	}
	if got.Len() != 2 {
		t.Errorf("%d targets, want 2", got.Len())
	}
	for _, to := range []netip.Addr{target, netip.MustParseAddr("2001:db8::7")} {
		want, _ := m.Path(to)
		have, _ := got.Path(to)
		if diff := cmp.Diff(want, have, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("path to %s (-want +got):\n%s", to, diff)
		}
	}
	if !bytes.Equal(saved(t, m), saved(t, got)) {
		t.Error("saved again, the file differs")
	}
	// What was known well before is known well after: a reroute is seen at once.
	w := &walker{m: got, now: start.Add(101 * every)}
	w.round("a x - y T", 0)
	w.wants(t, "after the restart", []uint8{2, 4}, "a x - y T")
	if names, _ := os.ReadDir(filepath.Dir(path)); len(names) != 1 {
		t.Errorf("%v lie beside the file", names)
	}
}

// TestLoadKeepsTheNewest: a smaller memory keeps those noted last.
func TestLoadKeepsTheNewest(t *testing.T) {
	data := saved(t, filled())
	m := New(1)
	if err := m.Load(bytes.NewReader(data)); err != nil {
		t.Fatal(err)
	}
	if _, ok := m.Path(netip.MustParseAddr("2001:db8::7")); !ok || m.Len() != 1 {
		t.Errorf("%d targets, the last noted among them: %v", m.Len(), ok)
	}
}

func TestZoneIsNotSaved(t *testing.T) {
	m := New(0)
	a := netip.MustParseAddr("fe80::1%eth0")
	m.Note(a, 1, Reply, a, 1, start)
	if _, ok := m.Length(a); !ok {
		t.Error("not remembered")
	}
	if err := m.Load(bytes.NewReader(saved(t, m))); err != nil || m.Len() != 0 {
		t.Errorf("%d targets, %v", m.Len(), err)
	}
}

func TestLoadRefuses(t *testing.T) {
	good := saved(t, filled())
	flipped := bytes.Clone(good)
	flipped[len(flipped)/2] ^= 0x10
	newer := bytes.Clone(good)
	newer[len(fileMagic)]++
	one := filled().entries[target].encode(nil)
	cases := []struct {
		name string
		data []byte
		want error
	}{
		{"empty", nil, ErrBroken},
		{"foreign", []byte(`{"schema":1,"targets":[]}` + "\n"), ErrBroken},
		{"only its name", []byte(fileMagic), ErrBroken},
		{"one bit wrong", flipped, ErrBroken},
		{"something behind", append(bytes.Clone(good), 0), ErrBroken},
		{"newer", newer, ErrNewer},
		{"version 0", append([]byte(fileMagic), 0, 0, 0, 0, 0, 0), ErrBroken},
		{"no end", sealed(one), ErrBroken},
		{"a target twice", sealed(append(append(one[:len(one):len(one)], one...), fileEnd)), ErrBroken},
		{"no hops", sealed([]byte{tag4, 203, 0, 113, 7, 0, 0, fileEnd}), ErrBroken},
		{"more hops than there are TTLs", sealed([]byte{tag4, 203, 0, 113, 7, 0, 64, fileEnd}), ErrBroken},
		{"IPv4 as IPv6", sealed([]byte{tag6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 203, 0, 113, 7, 0, 1, fileEnd}), ErrBroken},
		{"more answers than probes", sealed([]byte{tag4, 203, 0, 113, 7, 0, 1, 1, 1, 2, 0, 0, 0, 0, 0, tagSelf, 1, 0, fileEnd}), ErrBroken},
		{"a path that goes on behind its end", sealed([]byte{tag4, 203, 0, 113, 7, 0, 2, 1, 1, 1, 0, 0, 0, 0, 0, tagSelf, 1, 0, 1, 1, 1, 0, 0, 0, 0, 0, tagSelf, 1, 0, fileEnd}), ErrBroken},
		{"a member that never answered", sealed([]byte{tag4, 203, 0, 113, 7, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, tagSelf, 0, 0, fileEnd}), ErrBroken},
	}
	for n := range len(good) {
		cases = append(cases, struct {
			name string
			data []byte
			want error
		}{"cut short", good[:n], ErrBroken})
	}
	for _, c := range cases {
		m := New(0)
		m.Note(target, 1, Reply, target, 1, start)
		if err := m.Load(bytes.NewReader(c.data)); !errors.Is(err, c.want) {
			t.Errorf("%s (%d bytes): %v, want %v", c.name, len(c.data), err, c.want)
		}
		if m.Len() != 0 {
			t.Errorf("%s: %d targets are remembered after the error", c.name, m.Len())
		}
	}
	// The one that the bad ones above are made from is good.
	if err := New(0).Load(bytes.NewReader(sealed([]byte{tag4, 203, 0, 113, 7, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, tagSelf, 1, 0, fileEnd}))); err != nil {
		t.Error(err)
	}
}

func TestFileErrors(t *testing.T) {
	m := filled()
	if err := m.LoadFile(filepath.Join(t.TempDir(), "paths")); !errors.Is(err, fs.ErrNotExist) || m.Len() != 0 {
		t.Errorf("no file: %v, %d targets", err, m.Len())
	}
	m = filled()
	broken := errors.New("disk on fire")
	if err := m.Load(iotest.ErrReader(broken)); !errors.Is(err, broken) || m.Len() != 0 {
		t.Errorf("reading fails: %v, %d targets", err, m.Len())
	}
	// A directory in the way of the rename: an error, and nothing is left behind.
	dir := t.TempDir()
	path := filepath.Join(dir, "paths")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := filled().SaveFile(path); err == nil {
		t.Error("saved over a directory")
	}
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
	// What a crash has left is no obstacle.
	path = filepath.Join(dir, "after")
	if err := os.WriteFile(filepath.Join(dir, ".tmp-after"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := filled().SaveFile(path); err != nil {
		t.Error(err)
	}
	if err := New(0).LoadFile(path); err != nil {
		t.Error(err)
	}
}

// FuzzLoad reads strangers' files, as they are and with the sum put right:
// no panic, nothing remembered beside an error, and what was loaded is
// saved and loaded again as the same.
func FuzzLoad(f *testing.F) {
	good := saved(f, filled())
	f.Add(good[len(fileMagic)+1 : len(good)-crc32.Size])
	f.Add([]byte{tag4, 203, 0, 113, 7, 0, 1, 1, 1, 1, 0, 0, 0, 0, 0, tagSelf, 1, 0, fileEnd})
	f.Add([]byte{fileEnd})
	f.Fuzz(func(t *testing.T, body []byte) {
		if err := New(0).Load(bytes.NewReader(body)); err == nil && !bytes.HasPrefix(body, []byte(fileMagic)) {
			t.Error("a file without a head was loaded")
		}
		m := New(0)
		if err := m.Load(bytes.NewReader(sealed(body))); err != nil {
			if m.Len() != 0 {
				t.Errorf("%d targets beside %v", m.Len(), err)
			}
			return
		}
		for a := range m.entries {
			m.Path(a)
			m.Routers(a)
			for ttl := range uint8(70) {
				m.Usual(a, ttl, netip.Addr{})
			}
		}
		once, again := saved(t, m), New(0)
		if err := again.Load(bytes.NewReader(once)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(once, saved(t, again)) {
			t.Error("saved again, the file differs")
		}
		// Whatever it holds, it can go on.
		for a := range m.entries {
			for ttl := range uint8(66) {
				m.Note(a, ttl, Expired, router("a"), 1, start)
				m.Note(a, ttl, Reply, a, 1, start)
				m.Note(a, ttl, Lost, a, 1, start)
			}
			m.Changed(a)
			m.Accept(a)
		}
	})
}
