package report

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files and the example in docs/formats.md")

// example is the trace that docs/formats.md shows: four hops, a router
// that limits its answers, and some loss.
const example = `{"e":"start","at":"2026-11-23T14:05:32.131002+08:00","schema":1,"node":"hk1","source":"192.0.2.1","clock":{"synchronised":true,"offset_us":-84,"max_error_us":12500},"target":{"asked":"203.0.113.7","address":"203.0.113.7","protocol":"icmp","size":64,"tos":0,"interval_ms":1000,"max_ttl":30,"known_to_answer":true,"remembered_ttl":4}}
{"e":"p","n":0,"ttl":0,"ms":0.212,"deadline_ms":200,"kind":"reply","us":9120,"addr":"203.0.113.7"}
{"e":"p","n":1,"ttl":1,"ms":0.431,"deadline_ms":200,"kind":"expired","us":412,"addr":"198.18.0.1"}
{"e":"p","n":2,"ttl":2,"ms":0.633,"deadline_ms":200,"kind":"expired","us":1630,"addr":"198.18.0.5","mpls":[{"label":24001,"tc":0,"s":1,"ttl":1}]}
{"e":"p","n":3,"ttl":3,"ms":0.834,"deadline_ms":200,"kind":"expired","us":5210,"addr":"198.18.0.9"}
{"e":"p","n":4,"ttl":4,"ms":1.035,"deadline_ms":200,"kind":"reply","us":9050,"addr":"203.0.113.7"}
{"e":"p","n":5,"ttl":5,"ms":1.236,"deadline_ms":200,"kind":"reply","us":9060,"addr":"203.0.113.7"}
{"e":"p","n":6,"ttl":0,"ms":151.24,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":7,"ttl":1,"ms":151.45,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":8,"ttl":2,"ms":151.65,"deadline_ms":200,"kind":"expired","us":1580,"addr":"198.18.0.5","mpls":[{"label":24001,"tc":0,"s":1,"ttl":1}]}
{"e":"p","n":9,"ttl":3,"ms":151.85,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":10,"ttl":0,"ms":301.24,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":11,"ttl":1,"ms":301.45,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":12,"ttl":2,"ms":301.65,"deadline_ms":200,"kind":"expired","us":1610,"addr":"198.18.0.5","mpls":[{"label":24001,"tc":0,"s":1,"ttl":1}]}
{"e":"p","n":13,"ttl":3,"ms":301.85,"deadline_ms":200,"kind":"late","us":305120,"addr":"198.18.0.10"}
{"e":"phase","ms":702.1,"phase":"first-look"}
{"e":"phase","ms":702.2,"phase":"long-look"}
{"e":"p","n":14,"ttl":0,"ms":702.41,"deadline_ms":200,"kind":"reply","us":9010,"addr":"203.0.113.7"}
{"e":"p","n":15,"ttl":1,"ms":702.62,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":16,"ttl":2,"ms":702.83,"deadline_ms":200,"kind":"expired","us":1590,"addr":"198.18.0.5","mpls":[{"label":24001,"tc":0,"s":1,"ttl":1}]}
{"e":"p","n":17,"ttl":3,"ms":703.04,"deadline_ms":200,"kind":"expired","us":5180,"addr":"198.18.0.9"}
{"e":"p","n":18,"ttl":0,"ms":902.41,"deadline_ms":200,"kind":"reply","us":9030,"addr":"203.0.113.7"}
{"e":"p","n":19,"ttl":0,"ms":1102.41,"deadline_ms":200,"kind":"reply","us":9040,"addr":"203.0.113.7"}
{"e":"p","n":20,"ttl":0,"ms":1302.41,"deadline_ms":200,"kind":"reply","us":9020,"addr":"203.0.113.7"}
{"e":"p","n":21,"ttl":0,"ms":1502.41,"deadline_ms":200,"kind":"reply","us":9070,"addr":"203.0.113.7"}
{"e":"p","n":22,"ttl":1,"ms":1702.62,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":23,"ttl":2,"ms":1702.83,"deadline_ms":200,"kind":"expired","us":1600,"addr":"198.18.0.5","mpls":[{"label":24001,"tc":0,"s":1,"ttl":1}]}
{"e":"p","n":24,"ttl":3,"ms":1703.04,"deadline_ms":200,"kind":"expired","us":5190,"addr":"198.18.0.9"}
{"e":"p","n":25,"ttl":0,"ms":1703.25,"deadline_ms":200,"kind":"reply","us":9030,"addr":"203.0.113.7"}
{"e":"p","n":26,"ttl":4,"ms":1703.46,"deadline_ms":200,"kind":"reply","us":9080,"addr":"203.0.113.7"}
{"e":"p","n":27,"ttl":1,"ms":2702.62,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":28,"ttl":2,"ms":2702.83,"deadline_ms":200,"kind":"expired","us":1620,"addr":"198.18.0.5","mpls":[{"label":24001,"tc":0,"s":1,"ttl":1}]}
{"e":"p","n":29,"ttl":0,"ms":2703.25,"deadline_ms":200}
{"e":"shared","ms":2720.5,"addr":"198.18.0.1","sent":203,"answered":51}
{"e":"end","ms":2750.9,"ended":"shutdown"}
`

// samples are reports of many sorts, by name.
func samples(t testing.TB) map[string]*Report {
	t.Helper()
	var events []Event
	garbage, err := ReadEvents(strings.NewReader(example), func(e Event) { events = append(events, e) })
	if err != nil || garbage != 0 {
		t.Fatalf("%d garbage, %v", garbage, err)
	}
	out := map[string]*Report{"example": fold(t, events)}
	trace := func(seconds int, w network, edit func(*Target)) []Event {
		w.rand = seeded(uint64(len(out)))
		return w.trace(seconds, edit)
	}
	add := func(name string, seconds int, w network, edit func(*Target)) {
		out[name] = fold(t, trace(seconds, w, edit))
	}
	add("limited", 20, network{length: 4, limits: map[int]func(float64) float64{1: during(0.8, 3000, 99999), 2: always(1)}}, nil)
	add("lossy", 20, network{length: 9, lossAt: 4, loss: during(0.6, 5000, 12000)}, nil)
	add("silent", 20, network{length: 4, mute: true}, nil)
	add("all-silent", 5, network{length: 4, mute: true, lossAt: 1, loss: always(1)}, nil)
	name := Target{Asked: "edge.example.net\x1b[2J", Protocol: "icmp", Size: 64, MaxTTL: 30, Interval: 1000}
	r, err := Fold(testAsked, Node{Name: "hk1"}, []Event{{E: EventEnd, Ended: EndedFailed, Error: "look up edge.example.net: no such host"}}, Options{Target: name})
	if err != nil {
		t.Fatal(err)
	}
	out["unresolved"] = r

	// Wide addresses, equal-cost paths, hostile words, two requests, an interruption.
	wide := trace(3, network{length: 4}, func(t *Target) {
		t.Asked, t.Address, t.Protocol, t.Port, t.TOS = "edge.example.net", netip.MustParseAddr("2001:db8:ffff:ffff:ffff:ffff:ffff:fff7"), "udp", 33434, 0xb8
	})
	for i := range wide {
		if a := &wide[i].Addr; a.IsValid() {
			*a = netip.MustParseAddr("2001:db8:0:" + string('1'+rune(wide[i].N%3)) + "::1")
			if wide[i].Kind == KindReply {
				*a = netip.MustParseAddr("2001:db8:ffff:ffff:ffff:ffff:ffff:fff7")
			}
			if wide[i].N%7 == 0 {
				wide[i].MPLS = []Label{{24001, 1, 0, 3}, {17, 0, 1, 1}}
			}
		}
	}
	wide = append(wide[:len(wide)-1],
		Event{E: EventNote, MS: 3000, Text: "clock \x1b]0;pwned\x07stepped\r\nby 3 s"},
		Event{E: EventOther, MS: 3100, Protocol: "tcp", Port: 443, Kind: KindLost},
		Event{E: EventProbe, N: 9999, TTL: 2, MS: 3500, DeadlineMS: 1000})
	asked := []Request{testAsked[0], {ID: testID2, Accepted: testStart.Add(2900 * time.Millisecond), Source: "cli", Reason: "\u202egnitset \"x\"", Tags: map[string]string{"circuit": "GZ-2231"}, SentAs: "a.toml"}}
	r, err = Fold(asked, Node{Name: "hk1", Address: netip.MustParseAddr("2001:db8:1::1"), Source: netip.MustParseAddr("2001:db8:2::1")}, wide, Options{Interrupted: true, Garbage: 3})
	if err != nil {
		t.Fatal(err)
	}
	out["wide"] = r
	return out
}

func TestTextGolden(t *testing.T) {
	for name, r := range samples(t) {
		t.Run(name, func(t *testing.T) {
			got := Text(r)
			safeText(t, got)
			golden(t, filepath.Join("testdata", name+".txt"), got)
			// Rendering again into a used buffer says the same.
			buf := AppendText(nil, r, TextOptions{})
			if again := string(AppendText(buf[:0], r, TextOptions{})); again != got {
				t.Errorf("the second rendering differs:\n%s", cmp.Diff(got, again))
			}
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: got +, want - (-update rewrites it):\n%s", file, diff)
	}
}

// TestTableIsAligned: every line of the table has its columns under the
// header's, however wide the addresses are.
func TestTableIsAligned(t *testing.T) {
	for name, r := range samples(t) {
		names := Names{Of: map[netip.Addr]Named{}}
		for _, a := range r.Addresses() {
			if a.Is4() && a.As4()[3]%2 == 1 {
				names.Of[a] = Named{Name: "ge-0-0-1.core2.éxample.net\x1b[31m"}
			}
		}
		for _, opts := range []TextOptions{{}, {Names: &names}} {
			text := string(AppendText(nil, r, opts))
			safeText(t, text)
			width := 0
			for line := range strings.Lines(text) {
				line = strings.TrimSuffix(line, "\n")
				switch {
				case line == "":
					width = -1
				case strings.HasPrefix(line, "HOST: "):
					width = utf8.RuneCountInString(line)
				case width > 0 && strings.Contains(line, ".|-- ") && utf8.RuneCountInString(line) != width:
					t.Errorf("%s: this line is not %d wide:\n%s", name, width, text)
				}
				if width < 0 {
					break
				}
			}
		}
	}
}

// TestTextSaysNoFalseZero: what nobody knows is a dash, and no hop that
// was never asked has a loss.
func TestTextSaysNoFalseZero(t *testing.T) {
	r := fold(t, lines(t, `
{"e":"p","n":1,"ttl":2,"ms":1,"deadline_ms":200,"kind":"lost"}
{"e":"p","n":2,"ttl":3,"ms":1,"deadline_ms":200,"kind":"expired","us":500,"addr":"198.18.0.9"}
{"e":"p","n":3,"ttl":0,"ms":1,"deadline_ms":200,"kind":"lost"}
{"e":"end","ms":300,"ended":"complete"}`))
	text := Text(r)
	for _, want := range []string{
		"HOST: hk1           Loss%   Snt   Last   Avg  Best  Wrst StDev\n",
		"  1.|-- ???             -     0      -     -     -     -     -\n",
		"  2.|-- ???         100.0     1      -     -     -     -     -\n",
		"  3.|-- 198.18.0.9   0.0%     1    0.5   0.5   0.5   0.5     -\n",
		"  ?.|-- 203.0.113.7 100.0     1      -     -     -     -     -\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no line %q in\n%s", want, text)
		}
	}
}

func BenchmarkAppendText(b *testing.B) {
	w := network{length: 12, lossAt: 6, loss: during(0.4, 10000, 30000), rand: seeded(1)}
	r := fold(b, w.trace(60, nil))
	var buf []byte
	for b.Loop() {
		buf = AppendText(buf[:0], r, TextOptions{})
	}
}
