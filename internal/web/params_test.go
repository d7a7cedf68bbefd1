package web

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtrq/mtrq/spool"
)

func TestParseAsk(t *testing.T) {
	for _, tt := range []struct {
		name, query string
		want        ask
	}{
		{"smallest", "ip=203.0.113.7", ask{job: spool.Job{Target: "203.0.113.7"}}},
		{"IPv6 raw", "ip=2001:db8::7", ask{job: spool.Job{Target: "2001:db8::7"}}},
		{"IPv6 in brackets", "ip=[2001:db8::7]", ask{job: spool.Job{Target: "2001:db8::7"}}},
		{"IPv6 percent-encoded", "ip=%5B2001%3ADB8%3A0%3A%3A7%5D", ask{job: spool.Job{Target: "2001:db8::7"}}},
		{"IPv4 in IPv6", "ip=::ffff:203.0.113.7", ask{job: spool.Job{Target: "203.0.113.7"}}},
		{"name", "ip=Edge-1.Example.NET", ask{job: spool.Job{Target: "edge-1.example.net"}}},
		{"all", "ip=203.0.113.7&reason=loss+over+20+%25&event=zabbix-481516&protocol=udp&port=33434&size=64&tos=184&family=4&interval=500ms&rounds=20&max_ttl=12&tag=circuit%3DGZ-2231&tag=note=a=b&wait=40",
			ask{wait: 40 * time.Second, job: spool.Job{Target: "203.0.113.7", Reason: "loss over 20 %", Event: "zabbix-481516", Protocol: "udp", Port: 33434,
				Size: 64, TOS: 184, Family: "4", Interval: 500 * time.Millisecond, Rounds: 20, MaxTTL: 12, Tags: map[string]string{"circuit": "GZ-2231", "note": "a=b"}}}},
		{"event and reason that a macro left empty", "ip=203.0.113.7&event=&reason=", ask{job: spool.Job{Target: "203.0.113.7"}}},
		{"wait at its limit", "ip=203.0.113.7&wait=60", ask{wait: time.Minute, job: spool.Job{Target: "203.0.113.7"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			values, err := url.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			got, p := askOf(values, "ip")
			if p != nil {
				t.Fatalf("refused: %s: %s", p.code, p.detail)
			}
			if d := cmp.Diff(tt.want, got, cmp.AllowUnexported(ask{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
				t.Errorf("ask (-want +got):\n%s", d)
			}
		})
	}
}

func TestParseAskRefuses(t *testing.T) {
	const ok = "ip=203.0.113.7&"
	for _, tt := range []struct {
		name, query, code, says string
	}{
		{"no ip", "", codeTarget, "missing"},
		{"empty ip", "ip=", codeTarget, "{HOST.CONN}"},
		{"space", "ip=203.0.113.7+", codeTarget, "white space"},
		{"tab", "ip=%09203.0.113.7", codeTarget, "white space"},
		{"line feed", "ip=203.0.113.7%0A", codeTarget, "white space"},
		{"shell command", "ip=203.0.113.7;reboot", codeParameter, ""},
		{"shell command, encoded", "ip=203.0.113.7%3Breboot", codeTarget, ""},
		{"command substitution", "ip=$(reboot)", codeTarget, ""},
		{"backquotes", "ip=`reboot`", codeTarget, ""},
		{"option", "ip=-c1", codeTarget, ""},
		{"zone", "ip=fe80::1%25eth0", codeTarget, "zone"},
		{"percent twice", "ip=2001%253Adb8::7", codeTarget, "%"},
		{"prefix", "ip=203.0.113.0/24", codeTarget, ""},
		{"URL", "ip=http://203.0.113.7/", codeTarget, "URL"},
		{"port", "ip=203.0.113.7:80", codeTarget, ""},
		{"half a bracket", "ip=[2001:db8::7", codeTarget, ""},
		{"octal", "ip=0203.0.113.7", codeTarget, ""},
		{"short form", "ip=127.1", codeTarget, ""},
		{"number", "ip=2130706433", codeTarget, ""},
		{"hexadecimal", "ip=0x7f000001", codeTarget, ""},
		{"NUL", "ip=203.0.113.7%00", codeTarget, ""},
		{"not ASCII", "ip=b%C3%BCcher.example", codeTarget, "xn--"},
		{"path", "ip=../../etc/passwd", codeTarget, ""},
		{"long", "ip=" + strings.Repeat("a.", 300), codeTarget, ""},
		{"twice", ok + "ip=203.0.113.8", codeParameter, "2 times"},
		{"unknown parameter", ok + "tragets=1", codeParameter, `"tragets" is unknown`},
		{"parameter in capitals", ok + "Event=1", codeParameter, `"Event" is unknown`},
		{"event twice", ok + "event=1&event=2", codeParameter, "event stands 2 times"},
		{"control character in reason", ok + "reason=a%1Bb", codeJob, "control"},
		{"long event", ok + "event=" + strings.Repeat("x", 257), codeJob, "event"},
		{"port without protocol", ok + "port=443", codeJob, "port"},
		{"port zero", ok + "protocol=tcp&port=0", codeParameter, "1-65535"},
		{"port empty", ok + "protocol=tcp&port=", codeParameter, "1-65535"},
		{"port signed", ok + "protocol=tcp&port=%2B443", codeParameter, "1-65535"},
		{"protocol unknown", ok + "protocol=sctp", codeJob, "protocol"},
		{"protocol empty", ok + "protocol=", codeParameter, "empty"},
		{"size small", ok + "size=27", codeParameter, "28-9000"},
		{"size small for IPv6", "ip=2001:db8::7&size=40", codeJob, "48-9000"},
		{"tos", ok + "tos=256", codeParameter, "0-255"},
		{"family of the other", ok + "family=6", codeJob, "family"},
		{"interval without unit", ok + "interval=1", codeParameter, "unit"},
		{"interval short", ok + "interval=99ms", codeParameter, "100ms-60s"},
		{"rounds zero", ok + "rounds=0", codeParameter, "1-10000"},
		{"wait long", ok + "wait=61", codeParameter, "0-60"},
		{"wait negative", ok + "wait=-1", codeParameter, "0-60"},
		{"tag without =", ok + "tag=circuit", codeParameter, "key=value"},
		{"tag twice", ok + "tag=a=1&tag=a=2", codeParameter, "key=value"},
		{"tag with a bad key", ok + "tag=a+b=1", codeJob, "tags"},
		{"many faults at once", "ip=&port=0&wait=99", codeTarget, "wait"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			values, err := url.ParseQuery(tt.query)
			if err != nil {
				return // refused before; the HTTP test has that case
			}
			a, p := askOf(values, "ip")
			if p == nil {
				t.Fatalf("accepted as %+v", a)
			}
			if p.status != 400 || p.code != tt.code || !strings.Contains(p.detail+p.hint, tt.says) {
				t.Errorf("got %d %s: %s (%s), want 400 %s with %q", p.status, p.code, p.detail, p.hint, tt.code, tt.says)
			}
			if d := cmp.Diff(ask{}, a, cmp.AllowUnexported(ask{}), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); d != "" {
				t.Errorf("a value beside an error: %s", d)
			}
		})
	}
}

// FuzzParseAsk: whatever a query holds, what comes out is a job that the
// spool takes, with a target that has no character beyond those of
// addresses and names, or a problem that fits on a terminal.
func FuzzParseAsk(f *testing.F) {
	for _, s := range []string{"ip=203.0.113.7", "ip=[2001:db8::7]&tag=a=b&wait=3", "ip=%5B::1%25lo%5D", "ip=a.b&ip=c", "ip=&x=%1b%e2%80%ae", "ip=0x7f.1&protocol=tcp&port=443"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, query string) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		a, p := askOf(values, "ip")
		if p != nil {
			if said := p.detail + p.hint; clean(said) != said {
				t.Errorf("%q: control characters in %q", query, said)
			}
			return
		}
		if err := a.job.Validate(); err != nil {
			t.Errorf("%q: accepted, but %v", query, err)
		}
		if strings.Trim(a.job.Target, "abcdefghijklmnopqrstuvwxyz0123456789.-:") != "" {
			t.Errorf("%q: target %q", query, a.job.Target)
		}
		if a.wait < 0 || a.wait > maxWait {
			t.Errorf("%q: wait %s", query, a.wait)
		}
		again, p := askOf(url.Values{"ip": {a.job.Target}}, "ip")
		if p != nil || again.job.Target != a.job.Target {
			t.Errorf("%q: target %q reads back as %q", query, a.job.Target, again.job.Target)
		}
	})
}

func TestParamCoalesce(t *testing.T) {
	for value, want := range map[string]bool{"false": true, "0": true, "true": false, "1": false} {
		a, p := askOf(url.Values{"ip": {"203.0.113.7"}, "coalesce": {value}}, "ip")
		if p != nil || a.job.NoCoalesce != want {
			t.Errorf("coalesce=%s: own trace %v, %v; want %v", value, a.job.NoCoalesce, p, want)
		}
	}
	if _, p := askOf(url.Values{"ip": {"203.0.113.7"}, "coalesce": {"maybe"}}, "ip"); p == nil || p.status != 400 {
		t.Errorf("coalesce=maybe: %v, want 400", p)
	}
}
