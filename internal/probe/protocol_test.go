package probe

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"net/netip"
)

var cmpAnswer = cmp.Options{cmp.AllowUnexported(answer{}), cmpopts.EquateComparable(netip.Addr{})}

// Lines that mtr-packet 0.95 wrote, and those of 0.96 by its source.
var answerLines = map[string]struct {
	line string
	want answer
}{
	"reply":   {"2048 reply ip-4 127.0.0.1 round-trip-time 106", answer{token: 2048, kind: answerReply, from: addr("127.0.0.1"), rtt: 106 * time.Microsecond}},
	"reply 6": {"2147483647 reply ip-6 2001:db8::7 round-trip-time 9120", answer{token: math.MaxInt32, kind: answerReply, from: addr("2001:db8::7"), rtt: 9120 * time.Microsecond}},
	"mapped":  {"7 reply ip-6 ::ffff:192.0.2.1 round-trip-time 1", answer{token: 7, kind: answerReply, from: addr("192.0.2.1"), rtt: time.Microsecond}},
	"expired": {"7 ttl-expired ip-4 198.51.100.1 round-trip-time 1634", answer{token: 7, kind: answerExpired, from: addr("198.51.100.1"), rtt: 1634 * time.Microsecond}},
	"mpls": {"7 ttl-expired ip-4 198.51.100.1 round-trip-time 0 mpls 24001,0,0,1,1048575,7,1,255", answer{
		token: 7, kind: answerExpired, from: addr("198.51.100.1"), rtt: 0,
		mpls: []Label{{Label: 24001, TTL: 1}, {Label: 1048575, TC: 7, S: true, TTL: 255}},
	}},
	"stepped back": {"7 reply ip-4 192.0.2.1 round-trip-time -3600000000", answer{token: 7, kind: answerReply, from: addr("192.0.2.1"), rtt: -time.Hour}},
	"stepped 0.96": {"7 reply ip-4 192.0.2.1 round-trip-time 4294967295", answer{token: 7, kind: answerReply, from: addr("192.0.2.1"), rtt: math.MaxUint32 * time.Microsecond}},
	"no-reply":     {"7 no-reply", answer{token: 7, kind: answerNoReply}},
	"tcp timeout":  {"7 wait-tcp-respone-timeout", answer{token: 7, kind: answerNoReply}},
	"no-route":     {"7 no-route", answer{token: 7, kind: answerNoRoute}},
	"by router":    {"7 no-route ip-4 198.51.100.1 round-trip-time 12", answer{token: 7, kind: answerNoRoute, from: addr("198.51.100.1"), rtt: 12 * time.Microsecond}},
	"by router 96": {"7 no-route-host ip-6 2001:db8::1 round-trip-time 12", answer{token: 7, kind: answerNoRoute, from: addr("2001:db8::1"), rtt: 12 * time.Microsecond}},
	"network":      {"7 no-route-network", answer{token: 7, kind: answerNoRoute}},
	"host-down":    {"7 host-down", answer{token: 7, kind: answerNoRoute}},
	"network-down": {"7 network-down", answer{token: 7, kind: answerNetworkDown}},
	"exhausted":    {"7 probes-exhausted", answer{token: 7, kind: answerExhausted}},
	"denied":       {"7 permission-denied", answer{token: 7, kind: answerDenied}},
	"invalid":      {"7 invalid-argument", answer{token: 7, kind: answerInvalid}},
	"reason":       {"7 invalid-argument reason ip-version-not-supported", answer{token: 7, kind: answerInvalid, text: "ip-version-not-supported"}},
	"in use":       {"7 address-in-use", answer{token: 7, kind: answerAddress}},
	"not ours":     {"7 address-not-available", answer{token: 7, kind: answerAddress}},
	"errno":        {"7 unexpected-error errno 90", answer{token: 7, kind: answerErrno, errno: 90}},
	"feature":      {"7 feature-support support ok", answer{token: 7, kind: answerFeature, text: "ok"}},
	"to come":      {"7 no-reply colour blue", answer{token: 7, kind: answerNoReply}},
	"carriage":     {"7 no-reply\r", answer{token: 7, kind: answerNoReply}},
}

func TestParseAnswer(t *testing.T) {
	for name, c := range answerLines {
		t.Run(name, func(t *testing.T) {
			got, err := parseAnswer([]byte(c.line))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got, cmpAnswer); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
		})
	}
}

func TestParseAnswerFaults(t *testing.T) {
	for name, line := range map[string]string{
		"empty":              "",
		"spaces":             "   ",
		"no word":            "7",
		"no token":           "reply ip-4 127.0.0.1 round-trip-time 106",
		"token 0":            "0 command-parse-error",
		"token 0, good":      "0 no-reply",
		"negative token":     "-7 no-reply",
		"token too large":    "2147483648 no-reply",
		"unknown":            "7 unknown-command",
		"no address":         "7 reply round-trip-time 106",
		"no time":            "7 reply ip-4 127.0.0.1",
		"name without value": "7 reply ip-4 127.0.0.1 round-trip-time",
		"half an address":    "7 reply ip-4 127.0.0 round-trip-time 106",
		"family 4":           "7 reply ip-4 ::1 round-trip-time 106",
		"family 6":           "7 reply ip-6 127.0.0.1 round-trip-time 106",
		"zone":               "7 reply ip-6 fe80::1%eth0 round-trip-time 106",
		"time no number":     "7 reply ip-4 127.0.0.1 round-trip-time 1e3",
		"time too large":     "7 reply ip-4 127.0.0.1 round-trip-time 8589934592",
		"router, no time":    "7 no-route ip-4 127.0.0.1",
		"mpls three":         "7 ttl-expired ip-4 127.0.0.1 round-trip-time 1 mpls 1,0,1",
		"mpls five":          "7 ttl-expired ip-4 127.0.0.1 round-trip-time 1 mpls 1,0,1,1,1",
		"mpls empty":         "7 ttl-expired ip-4 127.0.0.1 round-trip-time 1 mpls ,",
		"mpls label":         "7 ttl-expired ip-4 127.0.0.1 round-trip-time 1 mpls 1048576,0,1,1",
		"mpls tc":            "7 ttl-expired ip-4 127.0.0.1 round-trip-time 1 mpls 1,8,1,1",
		"mpls bottom":        "7 ttl-expired ip-4 127.0.0.1 round-trip-time 1 mpls 1,0,2,1",
		"mpls ttl":           "7 ttl-expired ip-4 127.0.0.1 round-trip-time 1 mpls 1,0,1,256",
		"mpls many":          "7 ttl-expired ip-4 127.0.0.1 round-trip-time 1 mpls 1,0,1,1" + strings.Repeat(",1,0,1,1", 32),
		"errno":              "7 unexpected-error errno EIO",
		"feature":            "7 feature-support",
		"zero bytes":         "7\x00 no-reply",
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseAnswer([]byte(line))
			if !errors.Is(err, errAnswer) || !reflect.ValueOf(got).IsZero() {
				t.Errorf("got %+v, %v; want nothing beside an error", got, err)
			}
		})
	}
}

func FuzzParseAnswer(f *testing.F) {
	for _, c := range answerLines {
		f.Add([]byte(c.line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		before := bytes.Clone(line)
		a, err := parseAnswer(line)
		if !bytes.Equal(before, line) {
			t.Fatal("the line was changed")
		}
		if err != nil {
			if !reflect.ValueOf(a).IsZero() {
				t.Fatalf("%+v beside %v", a, err)
			}
			return
		}
		switch {
		case a.token == 0 || a.token > math.MaxInt32 || a.kind == 0:
			t.Fatalf("%+v", a)
		case (a.kind == answerReply || a.kind == answerExpired) && !a.from.IsValid():
			t.Fatalf("%+v has no address", a)
		case a.from.Is4In6() || a.from.Zone() != "":
			t.Fatalf("address %s", a.from)
		case len(a.mpls) > maxLabels:
			t.Fatalf("%d labels", len(a.mpls))
		}
		for _, l := range a.mpls {
			if l.Label >= 1<<20 || l.TC > 7 {
				t.Fatalf("label %+v", l)
			}
		}
	})
}

func TestAppendProbe(t *testing.T) {
	for name, c := range map[string]struct {
		spec   Spec
		source string
		want   string
	}{
		"icmp 4": {Spec{Addr: addr("192.0.2.1"), TTL: 3, Protocol: ICMP}, "198.51.100.9",
			"77 send-probe ip-4 192.0.2.1 local-ip-4 198.51.100.9 timeout 1 ttl 3 protocol icmp\n"},
		"icmp 6": {Spec{Addr: addr("2001:db8::1"), TTL: 255, Protocol: ICMP, Size: 1280, TOS: 255}, "2001:db8::9",
			"77 send-probe ip-6 2001:db8::1 local-ip-6 2001:db8::9 timeout 1 ttl 255 protocol icmp size 1280 tos 255\n"},
		"udp 4, one flow": {Spec{Addr: addr("192.0.2.1"), TTL: 3, Protocol: UDP, Port: 33434, Size: 64}, "198.51.100.9",
			"77 send-probe ip-4 192.0.2.1 local-ip-4 198.51.100.9 timeout 1 ttl 3 protocol udp port 33434 local-port 30390 size 64\n"},
		"udp 6": {Spec{Addr: addr("2001:db8::1"), TTL: 3, Protocol: UDP, Port: 53}, "2001:db8::9",
			"77 send-probe ip-6 2001:db8::1 local-ip-6 2001:db8::9 timeout 1 ttl 3 protocol udp port 53\n"},
		"tcp 4, size is the kernel's": {Spec{Addr: addr("192.0.2.1"), TTL: 3, Protocol: TCP, Port: 443, Size: 64, TOS: 8}, "198.51.100.9",
			"77 send-probe ip-4 192.0.2.1 local-ip-4 198.51.100.9 timeout 1 ttl 3 protocol tcp port 443 tos 8\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := string(appendProbe(nil, 77, &c.spec, addr(c.source)))
			if got != c.want {
				t.Errorf("got  %swant %s", got, c.want)
			}
		})
	}
}

func TestFlowPortStaysClear(t *testing.T) {
	a := addr("192.0.2.0")
	for range 5000 {
		if p := flowPort(a); p < 20000 || p >= 32000 {
			t.Fatalf("port %d of %s is not clear of sequence numbers and ephemeral ports", p, a)
		}
		a = a.Next()
	}
}
