package archive

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/oklog/ulid/v2"
)

func TestZone(t *testing.T) {
	dir := t.TempDir()
	newWriter(t, dir, "Europe/Berlin")
	newWriter(t, dir, "Europe/Berlin")
	_, err := OpenWriter(dir, "UTC")
	if !errors.Is(err, ErrZone) || !strings.Contains(err.Error(), `zone = "Europe/Berlin"`) {
		t.Errorf("got %v, want ErrZone with the zone to set", err)
	}
	for _, bad := range []string{"", "Local", "Mars/Olympus", "../x"} {
		if _, err := OpenWriter(filepath.Join(t.TempDir(), "a"), bad); err == nil {
			t.Errorf("zone %q was taken", bad)
		}
	}
}

// TestBoundaries writes reports around midnights, years and changes of the
// clock, and wants each under the day and hour that the wall clock showed.
func TestBoundaries(t *testing.T) {
	for name, tt := range map[string]struct {
		zone string
		at   []string // UTC, in order
		want []string // directory and time of the file names
	}{
		"new year": {"Asia/Hong_Kong", []string{"2026-12-31T15:59:59Z", "2026-12-31T16:00:00Z"},
			[]string{"2026/12/31/23/235959+0800", "2027/01/01/00/000000+0800"}},
		"clock set back": {"Europe/Berlin", []string{"2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
			[]string{"2026/10/25/02/023000+0200", "2026/10/25/02/023000+0100"}},
		"clock set forward": {"Europe/Berlin", []string{"2026-03-29T00:59:59Z", "2026-03-29T01:00:00Z"},
			[]string{"2026/03/29/01/015959+0100", "2026/03/29/03/030000+0200"}},
		"half an hour": {"Asia/Kolkata", []string{"2026-11-23T18:29:00Z", "2026-11-23T18:31:00Z"},
			[]string{"2026/11/23/23/235900+0530", "2026/11/24/00/000100+0530"}},
		"west": {"America/St_Johns", []string{"2026-11-23T03:29:00Z", "2026-11-23T03:31:00Z"},
			[]string{"2026/11/22/23/235900-0330", "2026/11/23/00/000100-0330"}},
		"leap day": {"UTC", []string{"2028-02-29T23:59:59Z"}, []string{"2028/02/29/23/235959+0000"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			w := newWriter(t, dir, tt.zone)
			var want []ulid.ULID
			for i, s := range tt.at {
				r := makeReport(t, zoned(t, "UTC", s), uint64(i), "203.0.113.7")
				write(t, w, r)
				want = append([]ulid.ULID{r.Evidence.ID}, want...)
			}
			for _, prefix := range tt.want {
				found := false
				for _, f := range treeOf(t, dir) {
					found = found || strings.HasPrefix(f, prefix+"_203.0.113.7_") && strings.HasSuffix(f, ".json")
				}
				if !found {
					t.Errorf("no file %s…", prefix)
				}
			}
			got, err := w.List(Query{})
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(want, idsOf(got)); d != "" {
				t.Errorf("newest first -want +got\n%s", d)
			}
			for i, s := range tt.at {
				at := zoned(t, "UTC", s)
				es, err := w.List(Query{Since: at, Until: at.Add(time.Second)})
				if err != nil || len(es) != 1 || es[0].ID != want[len(want)-1-i] {
					t.Errorf("since %s: %v, %v", s, idsOf(es), err)
				}
				if ok, err := w.Has(want[i]); !ok || err != nil {
					t.Errorf("has %s: %v, %v", want[i], ok, err)
				}
			}
		})
	}
}

func TestDate(t *testing.T) {
	for name, tt := range map[string]struct{ zone, day, start string }{
		"plain":                {"Europe/Berlin", "2026-11-23", "2026-11-22T23:00:00Z"},
		"25 hours":             {"Europe/Berlin", "2026-10-25", "2026-10-24T22:00:00Z"},
		"midnight is left out": {"America/Asuncion", "2023-10-01", "2023-10-01T04:00:00Z"},
		"or another":           {"Africa/Cairo", "2026-04-24", "2026-04-23T22:00:00Z"},
	} {
		t.Run(name, func(t *testing.T) {
			loc, err := time.LoadLocation(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			d, err := ParseDate(tt.day)
			if err != nil {
				t.Fatal(err)
			}
			got := d.Start(loc)
			if got.UTC().Format(time.RFC3339) != tt.start || DateOf(got, loc) != d || DateOf(got.Add(-time.Nanosecond), loc) == d {
				t.Errorf("got %s, want %s", got.UTC().Format(time.RFC3339), tt.start)
			}
		})
	}
	if got := (Date{2026, 12, 31}).Add(1); got != (Date{2027, 1, 1}) {
		t.Errorf("the day after 2026-12-31 is %s", got)
	}
}

func TestNames(t *testing.T) {
	long := strings.Repeat("a", 63) + "." + strings.Repeat("b", 63) + "." + strings.Repeat("c", 63) + ".example.net"
	for asked, want := range map[string]string{
		"203.0.113.7":        "203.0.113.7",
		"::ffff:203.0.113.7": "203.0.113.7",
		"2001:db8::7":        "2001-db8--7",
		"::1":                "--1",
		"fe80::1%eth0":       "fe80--1",
		"Edge.Example.Net.":  "edge.example.net",
		"dead--1":            "dead--1.", // a name; without the dot it would read as dead::1
		"a-b":                "a-b",
		"../../etc/passwd":   "....etcpasswd~",
		"a/b":                "ab~",
		"..":                 ".~",
		"":                   "~",
		"bücher.example":     "bcher.example~",
		long:                 long[:longestName-20] + "~",
	} {
		addr, err := netip.ParseAddr(asked)
		if err != nil {
			addr = netip.Addr{}
		}
		got := dirName(addr, asked)
		if got != want && !(strings.HasSuffix(want, "~") && strings.HasPrefix(got, want) && len(got) == len(want)+16) {
			t.Errorf("%q: got %q, want %q", asked, got, want)
		}
		if back := addressOf(got); addr.IsValid() != back.IsValid() || addr.IsValid() && back != addr.WithZone("").Unmap() {
			t.Errorf("%q: %q reads as address %v", asked, got, back)
		}
		day, at, id := Date{2026, 11, 23}, time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC), makeID(t, time.Now(), 1)
		p, ok := parseName(day, fileName(at, got, id))
		if !ok || p.id != id || p.target != got || !p.at.Equal(at) {
			t.Errorf("%q: file name %q reads as %+v, %v", asked, fileName(at, got, id), p, ok)
		}
		if n := len(fileName(at, got, id)) + len(".json"); n > 255 {
			t.Errorf("%q: a file name of %d bytes", asked, n)
		}
	}
}

// TestHostile puts what does not belong there into an archive: nothing
// outside is read, nothing blocks, and what is good is still found.
func TestHostile(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	w := newWriter(t, dir, "UTC")
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	good := makeReport(t, at, 1, "203.0.113.7")
	write(t, w, good)
	secret := filepath.Join(outside, "secret")
	if err := os.WriteFile(secret, []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	hour := filepath.Join(dir, "2026/11/23/14")
	name := func(n uint64) string {
		return filepath.Base(fileName(at, "203.0.113.9", makeID(t, at, n)))
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Symlink(secret, filepath.Join(hour, name(10)+".json")))
	must(syscall.Mkfifo(filepath.Join(hour, name(11)+".json"), 0o644))
	must(os.Mkdir(filepath.Join(hour, name(12)+".json"), 0o755))
	must(os.WriteFile(filepath.Join(hour, name(13)+".json"), []byte("{"), 0o644))
	must(os.WriteFile(filepath.Join(hour, "strange.json"), nil, 0o644))
	must(os.Symlink(filepath.Base(fileName(at, "203.0.113.7", good.Evidence.ID))+".json", filepath.Join(hour, name(14)+".json")))
	must(os.Symlink("/etc", filepath.Join(dir, "2026/11/24")))
	must(os.Symlink("11", filepath.Join(dir, "2026/12")))
	must(os.Mkdir(filepath.Join(dir, "2026/11/25"), 0o755))
	must(syscall.Mkfifo(filepath.Join(dir, "2026/11/25/index.jsonl"), 0o644))
	must(os.Mkdir(filepath.Join(dir, "2026/13"), 0o755))

	for n := uint64(10); n <= 14; n++ {
		if e, err := w.Find(makeID(t, at, n).String()); err == nil {
			if _, err = w.Load(e); err == nil {
				t.Errorf("file %d was loaded", n)
			}
			if n != 13 {
				t.Errorf("file %d was found, and is no regular file", n)
			}
		}
	}
	for _, file := range []string{"../../../../" + secret, "14/" + name(10), "14/" + name(11), "14/" + name(14), "14/../14/" + name(13), ""} {
		e := Entry{Day: Date{2026, 11, 23}, File: file}
		if data, err := w.JSON(e); err == nil {
			t.Errorf("%q was read: %s", file, data)
		}
	}
	days, err := w.Days()
	must(err)
	if d := cmp.Diff([]Date{{2026, 11, 25}, {2026, 11, 23}}, days); d != "" {
		t.Error(d)
	}
	if es, err := w.Day(Date{2026, 11, 25}); err != nil || len(es) != 0 {
		t.Errorf("a day whose index is a pipe: %v, %v", es, err)
	}
	if ok, err := w.Has(makeID(t, at, 10)); ok || err != nil {
		t.Errorf("has a link: %v, %v", ok, err)
	}
	if e, err := w.Find(good.Evidence.ID.String()); err != nil {
		t.Errorf("find beside all this: %v, %v", e.ID, err)
	}
	if es, err := w.List(Query{}); err != nil || len(es) != 1 {
		t.Errorf("list beside all this: %v, %v", es, err)
	}
	next := makeReport(t, at.Add(48*time.Hour), 20, "203.0.113.7")
	if err := w.Write(next); !errors.Is(err, errIrregular) {
		t.Errorf("a line went into a pipe: %v", err)
	}
}
