package spool_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mtrq/mtrq/spool"
	"github.com/oklog/ulid/v2"
)

// docExample cuts the example marked "```<mark>" out of docs/formats.md.
func docExample(t testing.TB, mark string) string {
	t.Helper()
	doc, err := os.ReadFile("../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(doc), "```"+mark+"\n")
	example, _, end := strings.Cut(rest, "```")
	if !ok || !end {
		t.Fatalf("docs/formats.md has no example %q", mark)
	}
	return example
}

func TestDecodeJobOfTheDocs(t *testing.T) {
	got, err := spool.DecodeJob("example.job", []byte(docExample(t, "toml job")))
	if err != nil {
		t.Fatal(err)
	}
	want := spool.Job{
		Target: "203.0.113.7", Reason: "loss over 20 %", Event: "zabbix-481516",
		Protocol: "udp", Port: 33434, Size: 64, Family: "4", Interval: time.Second, Rounds: 20, MaxTTL: 30, NoCoalesce: true,
		ID: ulid.MustParse("01KAR1ABTB5H2ZJ0Q4V7W8X9YZ"), Source: "http",
		Accepted: time.Date(2026, 11, 23, 14, 5, 32, 123456000, time.FixedZone("", 8*3600)),
		By:       "192.0.2.10", SentAs: "gz-edge.toml",
		Tags: map[string]string{"circuit": "GZ-2231", "customer": "example"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("job (-want +got):\n%s", diff)
	}
}

func TestDecodeJobFaults(t *testing.T) {
	tests := map[string]struct {
		file string
		want []string
	}{
		"empty file":     {"", []string{"x.job: target: \"\" is empty: give an IP address or a host name"}},
		"no TOML":        {"target = \n", []string{"x.job:1: no valid TOML: "}},
		"twice":          {"target = \"192.0.2.1\"\ntarget = \"192.0.2.2\"\n", []string{"x.job:2: no valid TOML: "}},
		"shell variable": {"target = 203.0.113.7\n", []string{"x.job:1: no valid TOML: "}},
		"unknown keys": {"target = \"192.0.2.1\"\nttl = 3\n\n[tgas]\na = \"b\"\n", []string{
			"x.job:2: ttl: is unknown: did you mean max_ttl?",
			"x.job:4: tgas: is unknown: see the table",
		}},
		"every key wrong": {strings.Join([]string{
			`target = "http://203.0.113.7/"`, `reason = "a\nb"`, `event = 7`, `protocol = "sctp"`, `port = 0`, `size = 20`, `tos = 256`,
			`family = "five"`, `interval = "2m"`, `rounds = 0`, `max_ttl = 65`, `id = "01kar1abtb5h2zj0q4v7w8x9yz"`, `source = "mail"`,
			`accepted = 2026-11-23T14:05:32`, `by = ["x"]`, `[tags]`, `"a b" = "c"`, `n = 3`,
		}, "\n"), []string{
			`x.job:1: target: "http://203.0.113.7/" is a URL: give its host alone`,
			`x.job:2: reason: holds a control character`,
			`x.job:3: event: is an integer: write a string in quotes`,
			`x.job:4: protocol: "sctp" is unknown: allowed is icmp, udp, tcp`,
			`x.job:5: port: 0 is out of range: allowed is 1-65535`,
			`x.job:6: size: 20 is out of range: allowed is 28-9000`,
			`x.job:7: tos: 256 is out of range: allowed is 0-255`,
			`x.job:8: family: "five" is unknown: allowed is 4, 6`,
			`x.job:9: interval: 2m0s is out of range: allowed is 100ms-60s`,
			`x.job:10: rounds: 0 is out of range: allowed is 1-10000`,
			`x.job:11: max_ttl: 65 is out of range: allowed is 1-64`,
			`x.job:12: id: "01kar1abtb5h2zj0q4v7w8x9yz" is no ULID`,
			`x.job:13: source: "mail" is unknown`,
			`x.job:14: accepted: is a time without offset`,
			`x.job:15: by: is an array: write a string in quotes`,
			`x.job:16: tags: key "a b": allowed are`,
			`x.job:18: tags.n: is an integer: write a string in quotes`,
		}},
		"port without protocol": {"target = \"192.0.2.1\"\nport = 80\n", []string{"x.job:2: port: has no meaning without protocol udp or tcp"}},
		"IPv6 too small":        {"target = \"2001:db8::1\"\nsize = 47\n", []string{"x.job:2: size: 47 is out of range: allowed is 48-9000"}},
		"family of the other":   {"target = \"2001:db8::1\"\nfamily = \"4\"\n", []string{`x.job:2: family: "4" does not fit the address 2001:db8::1`}},
		"interval as number":    {"target = \"192.0.2.1\"\ninterval = 1\n", []string{`x.job:2: interval: is an integer: write a duration in quotes, "1s"`}},
		"coalesce in quotes":    {"target = \"192.0.2.1\"\ncoalesce = \"no\"\n", []string{"x.job:2: coalesce: is a string: write true or false, without quotes"}},
		"empty word":            {"target = \"192.0.2.1\"\nprotocol = \"\"\n", []string{"x.job:2: protocol: is empty"}},
		"too long":              {"# " + strings.Repeat("x", spool.MaxJobBytes), []string{"x.job: is 65538 bytes long: allowed are 65536"}},
		"number beyond int":     {"target = \"192.0.2.1\"\nrounds = 9223372036854775807\n", []string{"x.job:2: rounds: 9223372036854775807 is out of range"}},
		"dotted unknown":        {"target = \"192.0.2.1\"\na.b.c = 1\n", []string{"x.job:2: a: is unknown"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			j, err := spool.DecodeJob("x.job", []byte(tt.file))
			var faulty *spool.JobError
			if !errors.As(err, &faulty) {
				t.Fatalf("got error %v, want a *JobError", err)
			}
			if diff := cmp.Diff(spool.Job{}, j); diff != "" {
				t.Errorf("a partial job beside the error:\n%s", diff)
			}
			if len(faulty.Faults) != len(tt.want) {
				t.Errorf("got %d faults, want %d: %v", len(faulty.Faults), len(tt.want), faulty)
			}
			for i, f := range faulty.Faults[:min(len(faulty.Faults), len(tt.want))] {
				if !strings.HasPrefix(f.String(), tt.want[i]) {
					t.Errorf("fault %d: got %q, want %q…", i, f, tt.want[i])
				}
			}
		})
	}
}

func TestDecodeForeignIgnoresWhatMtrqAdds(t *testing.T) {
	j, ignored, err := spool.DecodeForeign("x", []byte("target = \"[2001:DB8::1]\"\nid = 7\nsource = \"cli\"\nby = \"root\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(spool.Job{Target: "2001:db8::1"}, j); diff != "" {
		t.Errorf("job (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"id", "source", "by"}, ignored); diff != "" {
		t.Errorf("ignored (-want +got):\n%s", diff)
	}
}

func TestParseTarget(t *testing.T) {
	long := strings.Repeat("a", 63)
	tests := []struct {
		in   string
		want string // canonical, or "!" and a part of the error
	}{
		{"203.0.113.7", "203.0.113.7"},
		{"2001:DB8:0:0::1", "2001:db8::1"},
		{"[2001:db8::1]", "2001:db8::1"},
		{"::ffff:203.0.113.7", "203.0.113.7"},
		{"edge.example.net", "edge.example.net"},
		{"Edge.Example.NET.", "edge.example.net"},
		{"localhost", "localhost"},
		{"3com.example", "3com.example"},
		{"1.2.3.4.in-addr.arpa", "1.2.3.4.in-addr.arpa"},
		{"xn--fiq228c.example", "xn--fiq228c.example"},
		{long + "." + long + "." + long + "." + long[:61], long + "." + long + "." + long + "." + long[:61]},
		{long + "." + long + "." + long + "." + long[:62], "!longer than 253"},
		{long + "a.example", "!longer than 63"},
		{"", "!is empty"},
		{".", "!label between dots is empty"},
		{"a..b", "!label between dots is empty"},
		{"-a.example", "!hyphen"},
		{"a_b.example", "!it holds '_'"},
		{"203.0.113.256", "!looks like an IPv4 address"},
		{"203.0.113.07", "!looks like an IPv4 address"},
		{"203.0.113", "!looks like an IPv4 address"},
		{"0x7f.1", "!looks like an IPv4 address"},
		{"0xcb007107", "!looks like an IPv4 address"},
		{"fe80::1%eth0", "!has a zone"},
		{"[fe80::1%25eth0]", "!has a zone"},
		{"2001%3adb8%3a%3a1", "!percent-encoding"},
		{"[203.0.113.7]", "!leave them out"},
		{"[edge.example.net]", "!brackets"},
		{"203.0.113.7:443", "!port"},
		{"[2001:db8::1]:443", "!port"},
		{"https://example.net/", "!is a URL"},
		{"203.0.113.0/24", "!path, prefix"},
		{"root@example.net", "!path, prefix"},
		{"a b", "!white space"},
		{"203.0.113.7\n", "!white space"},
		{"$(reboot)", "!it holds '$'"},
		{"例子.example", "!beyond ASCII"},
		{"a\x00b", "!it holds '\\x00'"},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			got, err := spool.ParseTarget(tt.in)
			if problem, wantErr := strings.CutPrefix(tt.want, "!"); wantErr {
				if err == nil || !strings.Contains(err.Error(), problem) {
					t.Errorf("got %q, error %v; want an error with %q", got, err, problem)
				}
				return
			}
			if err != nil || got != tt.want {
				t.Errorf("got %q, error %v; want %q", got, err, tt.want)
			}
		})
	}
}

func TestEncodeRefusesWhatDecodeRefuses(t *testing.T) {
	for _, j := range []spool.Job{{}, {Target: "192.0.2.1", Port: 80}, {Target: "EDGE.example"}, {Target: "192.0.2.1", Reason: "a\x00"}} {
		if data, err := j.Encode(); err == nil {
			t.Errorf("%+v was encoded: %s", j, data)
		}
	}
}

// FuzzDecodeJob holds three promises: no panic, no partial job beside an
// error, and parse-write-parse gives the same job.
func FuzzDecodeJob(f *testing.F) {
	f.Add([]byte(docExample(f, "toml job")))
	f.Add([]byte("target = \"203.0.113.7\""))
	f.Add([]byte("target = '2001:db8::1'\ntags = { a = \"b\", \"c.d\" = \"\\u00e9\" }\ninterval = \"1m\"\n"))
	f.Add([]byte("tags.x = \"\"\ntarget = \"\"\"edge.example\"\"\"\naccepted = 1970-01-01T00:00:00.000000001-23:59\n"))
	f.Add([]byte("[[a]]\nb = [1, {c = 2}]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, _, err := spool.DecodeForeign("x", data); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
		j, err := spool.DecodeJob("x", data)
		if err != nil {
			if diff := cmp.Diff(spool.Job{}, j); diff != "" {
				t.Fatalf("a partial job beside error %v:\n%s", err, diff)
			}
			return
		}
		out, err := j.Encode()
		if err != nil {
			t.Fatalf("decoded but cannot be encoded: %v", err)
		}
		again, err := spool.DecodeJob("y", out)
		if err != nil {
			t.Fatalf("written as\n%s\nwhich cannot be read: %v", out, err)
		}
		if !again.Accepted.Equal(j.Accepted) || again.Accepted.Format(time.RFC3339Nano) != j.Accepted.Format(time.RFC3339Nano) {
			t.Fatalf("accepted %v came back as %v", j.Accepted, again.Accepted)
		}
		again.Accepted = j.Accepted
		if diff := cmp.Diff(j, again); diff != "" {
			t.Fatalf("parse-write-parse (-first +second):\n%s", diff)
		}
	})
}

func ExampleJob_Encode() {
	j := spool.Job{Target: "203.0.113.7", Reason: "loss over 20 %", Tags: map[string]string{"circuit": "GZ-2231"}}
	data, err := j.Encode()
	fmt.Print(string(data), err)
	// Output:
	// target = '203.0.113.7'
	// reason = 'loss over 20 %'
	// tags = {circuit = 'GZ-2231'}
	// <nil>
}
