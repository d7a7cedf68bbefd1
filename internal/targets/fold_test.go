package targets

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"
)

func listOf(name, text string) view {
	s := source{name: name}
	s.accept(time.Time{}, parsePlain([]byte(text)))
	return s.view(name)
}

func foldOf(views ...view) folding {
	return folding{views: views, interval: time.Second, limit: MaxTargets}
}

func TestFoldDuplicates(t *testing.T) {
	f := foldOf(
		listOf("a", "203.0.113.7 site=hk interval=2s\nedge.example.net\n203.0.113.9 protocol=tcp\n"),
		listOf("b", "203.0.113.7 site=sg rack=5 interval=500ms group=core\nwww.example.net rack=6\n203.0.113.7 y=z\ntcp.example.net"),
	)
	f.pins = map[string]*pin{
		"edge.example.net": {Addr: netip.MustParseAddr("203.0.113.8")},
		"www.example.net":  {Addr: netip.MustParseAddr("203.0.113.8")},
		"tcp.example.net":  {Addr: netip.MustParseAddr("203.0.113.9")},
	}
	l, names := f.fold()
	if got, want := namesOf(l), "203.0.113.7 edge.example.net 203.0.113.9 tcp.example.net"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := strings.Join(names, " "), "edge.example.net www.example.net tcp.example.net"; got != want {
		t.Errorf("to be resolved: got %s, want %s", got, want)
	}
	a := targetOf(t, l, "203.0.113.7")
	if got, want := fmt.Sprintf("%v %s %s %s", a.Tags, a.Interval, a.Source, a.Group), "map[rack:5 site:hk y:z] 500ms a core"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	e := targetOf(t, l, "edge.example.net")
	if got, want := fmt.Sprintf("%v %s %s", e.Tags, e.Addr, e.Note), "map[rack:6] 203.0.113.8 also listed as www.example.net"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := l.Sources[1].Note, "3 targets are named before; the first is 203.0.113.7, from a"; got != want {
		t.Errorf("got note %q, want %q", got, want)
	}
	if l.Sources[0].Note != "" || l.Sources[1].Targets != 4 || len(l.Sources) != 2 {
		t.Errorf("got %+v", l.Sources)
	}
	// Maps of the lists are as they were: the next folding begins with them.
	if got := len(f.views[0].entries[0].tags); got != 1 {
		t.Errorf("the entry has %d tags now, want 1", got)
	}
}

func TestFoldGroups(t *testing.T) {
	f := foldOf(listOf("a", "203.0.113.7 group=core\n203.0.113.8 group=core interval=5s protocol=icmp site=sg\n203.0.113.9 group=other\n"))
	f.groups = map[string]Group{"core": {Name: "core", Interval: 500 * time.Millisecond, Protocol: "udp", Tags: map[string]string{"site": "hk", "tier": "1"}}}
	l, _ := f.fold()
	var got []string
	for _, t := range l.Targets {
		got = append(got, fmt.Sprint(t.Name, " ", t.Group, " ", t.Interval, " ", t.Protocol, " ", t.Tags))
	}
	want := []string{
		"203.0.113.7 core 500ms udp map[site:hk tier:1]",
		"203.0.113.8 core 5s icmp map[site:sg tier:1]",
		"203.0.113.9 other 1s icmp map[]",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestFoldRefusesTooMany(t *testing.T) {
	f := foldOf(listOf("a", "203.0.113.1\n203.0.113.2\n"), listOf("b", "203.0.113.2 x=y\n203.0.113.3\n203.0.113.4\nlast.example.net\n203.0.113.1 z=1"))
	f.limit = 3
	l, names := f.fold()
	if got, want := namesOf(l), "203.0.113.1 203.0.113.2 203.0.113.3"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if len(names) != 0 {
		t.Errorf("names of refused targets are resolved: %v", names)
	}
	if got := l.Sources[1].Err; !strings.Contains(got, "2 of its targets are not watched") {
		t.Errorf("source b says %q", got)
	}
	if s, ok := sourceOf(l, All); !ok || s.Targets != 3 || !strings.Contains(s.Err, "2 targets are not watched: 3 is the most for one node") {
		t.Errorf("got %+v", s)
	}
	if targetOf(t, l, "203.0.113.1").Tags["z"] != "1" {
		t.Error("a duplicate behind the bound is not merged")
	}
}

func TestStretch(t *testing.T) {
	for _, c := range []struct {
		name   string
		list   string // interval × count
		maxPPS int
		want   string
		says   string
	}{
		{"no bound", "200ms*10", 0, "200ms*10", ""},
		{"fits", "1s*10", 10, "1s*10", ""},
		{"twice", "1s*20 2s*20", 15, "2s*20 4s*20", "need 30 pings a second and max_pps is 15: all intervals are 2.0 times as long"},
		{"rounded up", "1s*10", 3, "3.334s*10", "3.3 times"},
		// 10/s and 100/min; the latter are at the bound, so the former give all.
		{"some at the longest", "1s*10 1m0s*60", 6, "2s*10 1m0s*60", "2.0 times"},
		{"some reach the longest", "1s*20 30s*60", 5, "5s*20 1m0s*60", "5.0 times"},
		{"all at the longest", "1s*120", 1, "1m0s*120", "still too much: 2 pings a second are sent"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var targets []Target
			for part := range strings.FieldsSeq(c.list) {
				d, n, _ := strings.Cut(part, "*")
				interval, err := time.ParseDuration(d)
				if err != nil {
					t.Fatal(err)
				}
				for range mustInt(t, n) {
					targets = append(targets, Target{Interval: interval})
				}
			}
			says := stretch(targets, c.maxPPS)
			var got []string
			var pps float64
			for i := 0; i < len(targets); {
				n := 0
				for i+n < len(targets) && targets[i+n].Interval == targets[i].Interval {
					n++
				}
				pps += float64(n) / targets[i].Interval.Seconds()
				got = append(got, fmt.Sprintf("%s*%d", targets[i].Interval, n))
				i += n
			}
			if strings.Join(got, " ") != c.want || !strings.Contains(says, c.says) || (says == "") != (c.says == "") {
				t.Errorf("got %v, %q; want %s, %q", got, says, c.want, c.says)
			}
			if c.maxPPS > 0 && pps > float64(c.maxPPS)+1e-9 && !strings.Contains(says, "still too much") {
				t.Errorf("got %.3f pings a second, want at most %d", pps, c.maxPPS)
			}
		})
	}
}

func mustInt(t *testing.T, s string) int {
	t.Helper()
	var n int
	if _, err := fmt.Sscan(s, &n); err != nil {
		t.Fatal(err)
	}
	return n
}
