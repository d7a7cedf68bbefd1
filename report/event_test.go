package report

import (
	"bufio"
	"bytes"
	"math"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var byValue = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// fenced returns the block of docs/formats.md that begins with a fence.
func fenced(t testing.TB, fence string) string {
	t.Helper()
	doc, err := os.ReadFile("../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(doc), "\n```"+fence+"\n")
	block, _, ok2 := strings.Cut(rest, "\n```\n")
	if !ok || !ok2 {
		t.Fatalf("docs/formats.md has no block ```%s", fence)
	}
	return block + "\n"
}

// TestDocumentedEvents holds the example in docs/formats.md, parser and
// writer together: each line comes out as it went in.
func TestDocumentedEvents(t *testing.T) {
	block := fenced(t, "jsonl events")
	for line := range strings.Lines(block) {
		e, err := ParseEvent([]byte(line))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if got := string(AppendEvent(nil, e)); got != line {
			t.Errorf("got  %swant %s", got, line)
		}
	}
	var events []Event
	garbage, err := ReadEvents(strings.NewReader(block), func(e Event) { events = append(events, e) })
	if garbage != 0 || err != nil {
		t.Fatalf("got %d garbage, %v", garbage, err)
	}
	e := fold(t, events).Evidence
	if e.Target.State != Reached || e.Target.TTL == nil || *e.Target.TTL != 3 || e.Ended != EndedComplete {
		t.Errorf("got target %+v, ended %s", e.Target, e.Ended)
	}
	if st := e.TargetStats(); st.Sent != 3 || st.Lost != 1 {
		t.Errorf("got %d of %d lost, want 1 of 3", st.Lost, st.Sent)
	}
	if len(e.Hops[1].MPLS) != 1 || e.Hops[1].MPLS[0].Labels[0].Label != 24001 {
		t.Errorf("got MPLS %+v", e.Hops[1].MPLS)
	}
}

func TestParseEvent(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"no JSON", `hello`, "not an event"},
		{"an array", `[1]`, "not an event"},
		{"no type", `{"ms":1}`, "e out of bounds"},
		{"two objects", `{"e":"phase","ms":1,"phase":"waiting"}{"e":"end"}`, "not an event"},
		{"negative time", `{"e":"p","ms":-1}`, "ms out of bounds"},
		{"next year", `{"e":"p","ms":1e11}`, "ms out of bounds"},
		{"TTL 256", `{"e":"p","ttl":256,"ms":1}`, "ttl out of bounds"},
		{"TTL as a string", `{"e":"p","ttl":"1","ms":1}`, "not an event"},
		{"ten million", `{"e":"p","n":10000000,"ms":1}`, "n out of bounds"},
		{"negative n", `{"e":"p","n":-1,"ms":1}`, "n out of bounds"},
		{"unknown kind", `{"e":"p","n":1,"ms":1,"kind":"maybe"}`, "kind out of bounds"},
		{"a reply without its time", `{"e":"p","n":1,"ms":1,"kind":"reply"}`, "us out of bounds"},
		{"a reply before it was sent", `{"e":"p","n":1,"ms":1,"kind":"reply","us":-1}`, "us out of bounds"},
		{"a label of 21 bits", `{"e":"p","n":1,"ms":1,"mpls":[{"label":1048576,"tc":0,"s":1,"ttl":1}]}`, "mpls out of bounds"},
		{"17 labels", `{"e":"p","n":1,"ms":1,"mpls":[` + strings.Repeat(`{"label":1},`, 16) + `{}]}`, "mpls out of bounds"},
		{"a start at no time", `{"e":"start"}`, "at out of bounds"},
		{"a start in the year 10000", `{"e":"start","at":"0000-01-01T00:00:00Z"}`, "at out of bounds"},
		{"more answers than probes", `{"e":"shared","ms":1,"addr":"192.0.2.1","sent":1,"answered":2}`, "sent, answered out of bounds"},
		{"ended but running", `{"e":"end","ms":1,"ended":"running"}`, "ended out of bounds"},
		{"ended somehow", `{"e":"end","ms":1,"ended":"somehow"}`, "ended out of bounds"},
		{"port 70000", `{"e":"other","ms":1,"port":70000}`, "port out of bounds"},
		{"no address", `{"e":"p","n":1,"ms":1,"addr":"example.net"}`, "not an event"},
		{"long", `{"e":"note","ms":1,"text":"` + strings.Repeat("x", maxLine) + `"}`, "line of"},
		{"long text", `{"e":"note","ms":1,"text":"` + strings.Repeat("x", maxText+1) + `"}`, "text out of bounds"},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := ParseEvent([]byte(c.line))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want … %s", err, c.want)
			}
			if diff := cmp.Diff(Event{}, e, byValue); diff != "" {
				t.Errorf("a value beside an error: %s", diff)
			}
		})
	}
	e, err := ParseEvent([]byte(`{"e":"p","n":1,"ttl":1,"ms":1,"kind":"expired","us":5,"addr":"::ffff:192.0.2.1"}`))
	if err != nil || e.Addr != netip.MustParseAddr("192.0.2.1") {
		t.Errorf("got %v, %v, want IPv4 out of its mapping", e.Addr, err)
	}
	e, err = ParseEvent([]byte(`{"e":"p","n":1,"ttl":1,"ms":1,"kind":"expired","us":5,"addr":"fe80::1%eth0"}`))
	if err != nil || e.Addr != netip.MustParseAddr("fe80::1") {
		t.Errorf("got %v, %v, want no zone", e.Addr, err)
	}
}

func TestReadEvents(t *testing.T) {
	const good = `{"e":"p","n":1,"ttl":1,"ms":1}`
	for _, c := range []struct {
		name, file      string
		events, garbage int
	}{
		{"empty", "", 0, 0},
		{"one", good + "\n", 1, 0},
		{"torn last line", good + "\n" + good[:17], 1, 0},
		{"whole last line, only its newline torn", good + "\n" + good, 2, 0},
		{"a torn line that more was appended to", good + "\n" + good[:17] + good + "\n" + good + "\n", 2, 1},
		{"zeros of a filesystem that lost data", good + "\n" + strings.Repeat("\x00", 4096) + "\n" + good + "\n", 2, 1},
		{"empty lines", "\n\n" + good + "\r\n\n", 1, 0},
		{"a line without end", good + "\n" + strings.Repeat("x", 3*maxLine), 1, 0},
		{"a very long line", strings.Repeat("x", 3*maxLine) + "\n" + good + "\n", 1, 1},
		{"an unknown type", `{"e":"future","ms":1,"x":[1]}` + "\n" + good + "\n", 2, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := 0
			garbage, err := ReadEvents(strings.NewReader(c.file), func(Event) { n++ })
			if n != c.events || garbage != c.garbage || err != nil {
				t.Errorf("got %d events, %d garbage, %v; want %d, %d", n, garbage, err, c.events, c.garbage)
			}
		})
	}
}

func TestAppendEventOdd(t *testing.T) {
	us := int64(5)
	for _, c := range []struct {
		name string
		e    Event
		want string
	}{
		{"rounds to microseconds", Event{E: EventProbe, MS: 1.23456, DeadlineMS: 200}, `{"e":"p","n":0,"ttl":0,"ms":1.235,"deadline_ms":200}`},
		{"no trailing zeros", Event{E: EventProbe, MS: 12.5}, `{"e":"p","n":0,"ttl":0,"ms":12.5}`},
		{"not a number", Event{E: EventProbe, MS: math.NaN()}, `{"e":"p","n":0,"ttl":0,"ms":0}`},
		{"zone and mapping go", Event{E: EventProbe, Kind: KindReply, US: &us, Addr: netip.MustParseAddr("::ffff:192.0.2.1")}, `{"e":"p","n":0,"ttl":0,"ms":0,"kind":"reply","us":5,"addr":"192.0.2.1"}`},
		{"a kind that needs quoting", Event{E: EventProbe, Kind: "a\"b\n"}, `{"e":"p","n":0,"ttl":0,"ms":0,"kind":"a\"b\n"}`},
		{"a note of two lines", Event{E: EventNote, MS: 1, Text: "a\nb"}, `{"e":"note","ms":1,"text":"a\nb"}`},
		{"an infinite note", Event{E: EventNote, MS: math.Inf(1), Text: "a"}, `{"e":"note","ms":0,"text":"a"}`},
		{"nobody answered", Event{E: EventShared, MS: 1, Addr: netip.MustParseAddr("192.0.2.1"), Sent: 3}, `{"e":"shared","ms":1,"addr":"192.0.2.1","sent":3,"answered":0}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := string(AppendEvent(nil, c.e)); got != c.want+"\n" {
				t.Errorf("got  %swant %s", got, c.want)
			}
		})
	}
}

func TestAppendEventAllocatesNothing(t *testing.T) {
	us := int64(1630)
	e := Event{E: EventProbe, N: 12345, TTL: 2, MS: 20702.633, DeadlineMS: 1000, Kind: KindExpired, US: &us, Addr: router(2), MPLS: []Label{{24001, 0, 1, 1}}}
	buf := make([]byte, 0, 512)
	if n := testing.AllocsPerRun(100, func() { buf = AppendEvent(buf[:0], e) }); n != 0 {
		t.Errorf("got %v allocations a line, want none", n)
	}
}

func BenchmarkAppendEvent(b *testing.B) {
	us := int64(1630)
	e := Event{E: EventProbe, N: 12345, TTL: 2, MS: 20702.633, DeadlineMS: 1000, Kind: KindExpired, US: &us, Addr: router(2)}
	buf := make([]byte, 0, 512)
	for b.Loop() {
		buf = AppendEvent(buf[:0], e)
	}
}

// FuzzEvents reads anything as an events file, makes its report, shows
// it and writes it: no panic, nothing in the text that a terminal obeys,
// and what was written can be read.
func FuzzEvents(f *testing.F) {
	f.Add([]byte(fenced(f, "jsonl events")))
	f.Add([]byte("{\"e\":\"start\",\"at\":\"2026-11-23T14:05:32Z\",\"node\":\"\\u001b[2J\",\"target\":{\"asked\":\"\\u202e\",\"protocol\":\"\\u0007\"}}\n{\"e\":\"note\",\"text\":\"\\u009b2J\"}\n"))
	f.Add([]byte("{\"e\":\"p\",\"n\":1,\"ttl\":255,\"ms\":1,\"kind\":\"unreachable\",\"us\":1}\n{\"e\":\"p\",\"n\":2,\"ttl\":3,\"ms\":0,\"kind\":\"late\",\"us\":0,\"addr\":\"::\"}\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		b := Builder{Requests: testAsked, Node: Node{Name: "hk1"}}
		garbage, err := ReadEvents(bufio.NewReader(bytes.NewReader(file)), b.Add)
		if err != nil {
			t.Fatal(err)
		}
		b.Options.Garbage = garbage
		r, err := b.Report()
		if err != nil {
			t.Fatal(err)
		}
		safeText(t, Text(r))
		var out bytes.Buffer
		if err := Encode(&out, r); err != nil {
			t.Fatal(err)
		}
		back, err := Decode(bytes.NewReader(out.Bytes()))
		if err != nil {
			t.Fatalf("%v\n%s", err, out.Bytes())
		}
		var again bytes.Buffer
		if err := Encode(&again, back); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out.Bytes(), again.Bytes()) {
			t.Fatalf("write, read, write is not stable: %s", cmp.Diff(out.String(), again.String()))
		}
	})
}

func safeText(t *testing.T, text string) {
	t.Helper()
	for i, r := range text {
		if r != '\n' && (r < 0x20 || r >= 0x7f && r < 0xa0) || r == '\u202e' || r == '\u2028' || r == '\ufeff' || r == 0xfffd {
			t.Fatalf("character %U at byte %d of the text", r, i)
		}
	}
}
