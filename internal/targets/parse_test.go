package targets

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mtrq/mtrq/spool"
)

// show writes entries in one line, to compare them.
func show(es []entry) string {
	var s []string
	for _, e := range es {
		s = append(s, plainLine(e))
	}
	return strings.Join(s, " | ")
}

// plainLine writes an entry as a line of a plain list.
func plainLine(e entry) string {
	s := e.name
	if e.group != "" {
		s += " group=" + e.group
	}
	if e.interval != 0 {
		s += " interval=" + e.interval.String()
	}
	if e.protocol != "" {
		s += " protocol=" + e.protocol
	}
	for _, k := range slices.Sorted(maps.Keys(e.tags)) {
		s += " " + k + "=" + e.tags[k]
	}
	return s
}

func TestParsePlain(t *testing.T) {
	for _, c := range []struct{ name, list, want, err string }{
		{"empty", "", "", ""},
		{"comments only", "# nothing\n   \n\t# here\n", "", ""},
		{"all kinds", "203.0.113.7\nEdge.Example.NET.\n[2001:DB8::7]\n", "203.0.113.7 | edge.example.net | 2001:db8::7", ""},
		{"no line feed at the end, BOM, CRLF", "\xef\xbb\xbf203.0.113.7\r\n203.0.113.8", "203.0.113.7 | 203.0.113.8", ""},
		{"tags", "edge.example.net site=hk rack=5 group=core interval=500ms protocol=tcp # why",
			"edge.example.net group=core interval=500ms protocol=tcp rack=5 site=hk", ""},
		{"comment needs white space", "203.0.113.7#x\n203.0.113.8 a=b#c", "203.0.113.8 a=b#c", `line 1: "203.0.113.7#x" holds a character of a path`},
		{"as in Prometheus", "203.0.113.7:9100\n[2001:db8::7]:443\nhttps://edge.example.net:8443/health?x=1\n", "203.0.113.7 | 2001:db8::7 | edge.example.net", ""},
		{"good ones stay", "203.0.113.7\n203.0.113.256\nbad_name\n203.0.113.8\n", "203.0.113.7 | 203.0.113.8",
			`line 2: "203.0.113.256" looks like an IPv4 address but is none`},
		{"two on a line", "203.0.113.7 203.0.113.8\n", "203.0.113.7", `line 1: "203.0.113.8" is no key=value`},
		{"prefix", "203.0.113.0/24\n", "", "holds a character of a path, prefix or URL"},
		{"too often", "203.0.113.7 interval=10ms", "203.0.113.7 interval=200ms", "10ms is too short: 200ms is used"},
		{"too seldom", "203.0.113.7 interval=1h", "203.0.113.7 interval=1m0s", "1m0s is used"},
		{"no interval", "203.0.113.7 interval=5", "203.0.113.7", "is no duration: write it as 500ms or 2s"},
		{"negative interval", "203.0.113.7 interval=-1s", "203.0.113.7", "is no duration"},
		{"unknown protocol", "203.0.113.7 protocol=sctp", "203.0.113.7", "allowed are icmp, udp, tcp"},
		{"tag with control bytes", "203.0.113.7 site=\x1b[31m rack=5", "203.0.113.7 rack=5", "holds a control character"},
		{"tag without UTF-8", "203.0.113.7 site=\xff", "203.0.113.7", "is not valid UTF-8"},
		{"hidden labels", "203.0.113.7 __meta=x", "203.0.113.7", ""},
		{"control bytes in a target", "\x1b]0;x\x07", "", `line 1: "\x1b]0;x\a"`},
		{"long line", strings.Repeat("x", 20_000) + "\n203.0.113.7", "203.0.113.7", "longer than 16 KiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := parsePlain([]byte(c.list))
			if got := show(p.entries); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := p.err(); c.err == "" && got != "" || !strings.Contains(got, c.err) {
				t.Errorf("got error %q, want %q", got, c.err)
			}
		})
	}
}

func TestParseSD(t *testing.T) {
	for _, c := range []struct{ name, list, want, err, broken string }{
		{name: "empty", list: "[]"},
		{name: "no targets", list: `[{"targets": []}]`},
		{name: "labels", list: `[{"targets": ["203.0.113.7:9100", "Edge.example.net"], "labels": {"site": "hk", "__meta_x": "y",
			"__mtrq_group": "core", "__mtrq_interval": "2s", "__mtrq_protocol": "udp"}}, {"targets": ["2001:db8::7"]}]`,
			want: "203.0.113.7 group=core interval=2s protocol=udp site=hk | edge.example.net group=core interval=2s protocol=udp site=hk | 2001:db8::7"},
		{name: "group as a label is a tag", list: `[{"targets": ["203.0.113.7"], "labels": {"job": "x"}}]`, want: "203.0.113.7 job=x"},
		{name: "bad target", list: "[{\"targets\": [\n\"203.0.113.7\",\n\"203.0.113.256\",\n5, \"203.0.113.8\"]}]", want: "203.0.113.7 | 203.0.113.8",
			err: `line 3: "203.0.113.256" looks like an IPv4 address but is none: four numbers 0-255 without leading zeros; line 4: "5" is no string`},
		{name: "bad element", list: "[\n5,\n{\"targets\": [\"203.0.113.7\"]},\n{\"target\": [\"203.0.113.8\"]}]", want: "203.0.113.7", err: "line 2: is no {"},
		{name: "bad label", list: `[{"targets": ["203.0.113.7"], "labels": {"rack": 5, "site": "hk"}}]`, want: "203.0.113.7 site=hk", err: `label "rack" is no string`},
		{name: "unknown own label", list: `[{"targets": ["203.0.113.7"], "labels": {"__mtrq_intervall": "1s"}}]`, want: "203.0.113.7", err: `__mtrq_interval, __mtrq_protocol`},
		{name: "label name", list: `[{"targets": ["203.0.113.7"], "labels": {"a b": "c"}}]`, want: "203.0.113.7", err: "A-Z a-z 0-9"},
		{name: "cut", list: "[{\"targets\": [\"203.0.113.7\"]},\n{\"targets\": [\"203.0", broken: "line 2: the list ends before its ]"},
		{name: "cut between", list: `[{"targets": ["203.0.113.7"]}`, broken: "ends before its ]"},
		{name: "nothing", list: "", broken: "ends before its ]"},
		{name: "object", list: `{"targets": ["203.0.113.7"]}`, broken: "is no list of targets"},
		{name: "plain list", list: "203.0.113.7\n", broken: "is no list of targets"},
		{name: "syntax", list: "[{\"targets\":\n [\"203.0.113.7\",]}]", broken: "line 2: "},
		{name: "more behind", list: "[]\n[]", broken: "line 2: something follows"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := parseSD([]byte(c.list))
			if (err != nil) != (c.broken != "") || err != nil && !strings.Contains(err.Error(), c.broken) {
				t.Fatalf("got error %v, want %q", err, c.broken)
			}
			if got := show(p.entries); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if got := p.err(); c.err == "" && got != "" || !strings.Contains(got, c.err) {
				t.Errorf("got error %q, want %q", got, c.err)
			}
		})
	}
}

// TestParseNamesFewFaults: the message does not grow with the faults.
func TestParseNamesFewFaults(t *testing.T) {
	p := parsePlain([]byte("203.0.113.7\n" + strings.Repeat("bad_name\n", 1000)))
	if got := p.err(); len(got) > 1000 || !strings.Contains(got, "line 6: ") || !strings.HasSuffix(got, "; and 995 more") {
		t.Errorf("got %q", got)
	}
}

func TestParseRefusesTooMany(t *testing.T) {
	var b strings.Builder
	for i := range MaxSourceTargets + 7 {
		fmt.Fprintf(&b, "h%d.example.net\n", i)
	}
	p := parsePlain([]byte(b.String()))
	if len(p.entries) != MaxSourceTargets {
		t.Errorf("got %d targets, want the first %d", len(p.entries), MaxSourceTargets)
	}
	if got, want := p.err(), "names 100007 targets: only the first 100000 are watched"; !strings.Contains(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// manyTargets is a list of n addresses, a thousand to a group.
func manyTargets(n int) []byte {
	var b strings.Builder
	b.WriteString("[")
	for i := range n {
		switch {
		case i == 0:
			b.WriteString(`{"labels":{"site":"hk"},"targets":[`)
		case i%1000 == 0:
			b.WriteString(`]},{"labels":{"site":"hk"},"targets":[`)
		default:
			b.WriteString(",\n")
		}
		fmt.Fprintf(&b, `"198.18.%d.%d:9100"`, i/250%256, i%250)
	}
	b.WriteString("]}]")
	return []byte(b.String())
}

func BenchmarkLists(b *testing.B) {
	var plain strings.Builder
	for i := range MaxSourceTargets {
		fmt.Fprintf(&plain, "2001:db8::%x:%x site=hk rack=%d\n", i/65536, i%65536, i%40)
	}
	sd := manyTargets(MaxSourceTargets)
	b.Run("plain", func(b *testing.B) {
		for b.Loop() {
			parsePlain([]byte(plain.String()))
		}
	})
	b.Run("sd", func(b *testing.B) {
		for b.Loop() {
			_, _ = parseSD(sd)
		}
	})
	p := parsePlain([]byte(plain.String()))
	q := parsePlain([]byte(strings.ReplaceAll(plain.String(), "2001:db8::", "2001:db8:1::")))
	f := folding{views: []view{{key: "a", entries: p.entries}, {key: "b", entries: q.entries}}, interval: time.Second, maxPPS: 10_000, limit: MaxTargets}
	b.Run("fold 200,000", func(b *testing.B) {
		for b.Loop() {
			f.fold()
		}
	})
}

// check holds what is true of every list, whoever wrote it.
func checkParsed(t *testing.T, p parsed) {
	t.Helper()
	for _, e := range p.entries {
		name, err := spool.ParseTarget(e.name)
		if err != nil || name != e.name {
			t.Fatalf("%q is not canonical: %q, %v", e.name, name, err)
		}
		if e.addr.IsValid() && e.addr.String() != e.name {
			t.Fatalf("%q has the address %s", e.name, e.addr)
		}
		if e.interval != 0 && (e.interval < MinInterval || e.interval > MaxInterval) {
			t.Fatalf("%q has the interval %s", e.name, e.interval)
		}
		job := spool.Job{Target: e.name, Tags: e.tags, Protocol: e.protocol}
		if err := job.Validate(); err != nil {
			t.Fatalf("no job can be made of %+v: %v", e, err)
		}
	}
	bad := func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }
	if s := p.err(); strings.ContainsFunc(s, bad) || !utf8.ValidString(s) || len(s) > 5000 {
		t.Fatalf("the error is not fit for a terminal: %q", s)
	}
}

func FuzzParsePlain(f *testing.F) {
	f.Add([]byte("edge.example.net site=hk interval=500ms # x\n\xef\xbb\xbf203.0.113.7:80\r\n"))
	f.Add([]byte("http://[2001:db8::7]:80/ group=core protocol=tcp\n203.0.113.256 a b=c\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p := parsePlain(data)
		checkParsed(t, p)
		var b strings.Builder
		for _, e := range p.entries {
			b.WriteString(plainLine(e) + "\n")
		}
		again := parsePlain([]byte(b.String()))
		if again.err() != "" || show(again.entries) != show(p.entries) {
			t.Fatalf("written and read again:\n%s\nwas\n%s\n%s", show(again.entries), show(p.entries), again.err())
		}
	})
}

func FuzzParseSD(f *testing.F) {
	f.Add([]byte(`[{"targets": ["203.0.113.7:9100", 5], "labels": {"site": "hk", "__mtrq_interval": "2s"}}]`))
	f.Add([]byte("[{\"targets\": [\n\"203.0.113.256\"]}, 7, null]"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parseSD(data)
		if err != nil && (len(p.entries) > 0 || p.err() != "") {
			t.Fatalf("a list beside the error %v", err)
		}
		checkParsed(t, p)
	})
}

// TestParseManyLines is of work that grows with the square: at 400,000
// lines of comments and faults it would not end.
func TestParseManyLines(t *testing.T) {
	path := filepath.Join(t.TempDir(), "many.txt")
	if err := os.WriteFile(path, []byte(strings.Repeat("#\nbad_name\n", 200_000)+"203.0.113.7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	body, _, err := readWhole(path)
	if err != nil {
		t.Fatal(err)
	}
	if p := parsePlain(body); len(p.entries) != 1 || p.faults.more != 200_000-namedFaults {
		t.Errorf("got %d entries, %d more faults", len(p.entries), p.faults.more)
	}
}
