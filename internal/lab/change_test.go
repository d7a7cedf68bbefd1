package lab_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/lab"
)

// TestFaults has mtr-packet say what a prober sees of each fault, and that all is well after it.
func TestFaults(t *testing.T) {
	lab.Need(t, "mtr-packet")
	tests := map[string]struct{ change, probe, want string }{
		"silent router":                 {"silent ttl=5", "ip-4 TARGET4 ttl 5", "no-reply"},
		"silent router forwards":        {"silent ttl=5", "ip-4 TARGET4", "reply TARGET4"},
		"black hole answers for itself": {"blackhole ttl=5", "ip-4 TARGET4 ttl 5", "ttl-expired HOP4"},
		"black hole forwards nothing":   {"blackhole ttl=5", "ip-4 TARGET4 ttl 6", "no-reply"},
		"net unreachable":               {"unreachable ttl=5 net", "ip-4 TARGET4", "no-route HOP4"},
		"host unreachable":              {"unreachable ttl=5 host", "ip-4 TARGET4", "no-route HOP4"},
		"prohibited":                    {"unreachable ttl=5 admin", "ip-4 TARGET4", "no-route HOP4"},
		"unreachable, udp":              {"unreachable ttl=5 host", "ip-4 TARGET4 protocol udp", "no-route HOP4"},
		"no route, v6":                  {"unreachable ttl=5 net", "ip-6 TARGET6", "no-route HOP6"},
		"prohibited, v6":                {"unreachable ttl=5 admin", "ip-6 TARGET6", "no-route HOP6"},
		"expires before the refusal":    {"unreachable ttl=5 net", "ip-4 TARGET4 ttl 5", "ttl-expired HOP4"},
		"link down":                     {"down ttl=5", "ip-4 TARGET4", "no-reply"},
		"link of the target down":       {"down target=3", "ip-4 TARGET4", "no-reply"},
		"link of another down":          {"down target=4", "ip-4 TARGET4", "reply TARGET4"},
		"icmp filtered":                 {"filter target=3 icmp", "ip-4 TARGET4", "no-reply"},
		"icmp filtered, tcp answers":    {"filter target=3 icmp", "ip-4 TARGET4 protocol tcp port 443", "reply TARGET4"},
		"icmp filtered, udp answers":    {"filter target=3 icmp", "ip-6 TARGET6 protocol udp", "reply TARGET6"},
		"udp filtered":                  {"filter target=3 udp+tcp", "ip-4 TARGET4 protocol udp", "no-reply"},
		"tcp filtered":                  {"filter target=3 udp+tcp", "ip-4 TARGET4 protocol tcp port 443", "no-reply"},
		"answer too late":               {"slow ttl=5 1.5s", "ip-4 TARGET4 ttl 5", "no-reply"},
		"slow router forwards":          {"slow ttl=5 1.5s", "ip-4 TARGET4", "reply TARGET4"},
		"delayed link":                  {"delay ttl=6 600ms", "ip-4 TARGET4", "no-reply"},
		"before the delayed link":       {"delay ttl=6 600ms", "ip-4 TARGET4 ttl 5", "ttl-expired HOP4"},
		"answers lost":                  {"loss ttl=1 backward 100%", "ip-6 TARGET6 ttl 1", "no-reply"},
		"two at once":                   {"silent ttl=5; blackhole ttl=5", "ip-4 TARGET4 ttl 5", "no-reply"},
		"nobody's address":              {"", "ip-4 203.0.113.250", "no-route GATEWAY"},
		"a router's own address":        {"", "ip-4 HOP4", "reply HOP4"},
		"a router's own address, v6":    {"", "ip-6 HOP6", "reply HOP6"},
		"a silent router's address":     {"silent ttl=5", "ip-4 HOP4", "no-reply"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := start(t, lab.Config{Targets: 10, Seed: 2})
			target := n.Target(3)
			words := strings.NewReplacer("TARGET4", target.Addr4.String(), "TARGET6", target.Addr6.String(),
				"HOP4", target.Hops()[4][0].String(), "HOP6", target.Hops6()[4][0].String(),
				"GATEWAY", target.Hops()[0][0].String())
			var undos []func()
			for c := range strings.SplitSeq(tt.change, ";") {
				if c == "" {
					continue
				}
				if !strings.Contains(c, "target=") {
					c += " target=3"
				}
				undo, err := n.Change(c)
				if err != nil {
					t.Fatal(err)
				}
				undos = append(undos, undo)
			}
			if got, want := kind(ask(t, n.Space(), words.Replace(tt.probe)+" timeout 1")[0]), words.Replace(tt.want); got != want {
				t.Errorf("%s: got %q, want %q", words.Replace(tt.probe), got, want)
			}
			for _, undo := range undos {
				undo()
			}
			if got, want := kind(ask(t, n.Space(), words.Replace("ip-4 TARGET4 timeout 5"))[0]), words.Replace("reply TARGET4"); got != want {
				t.Errorf("after it: got %q, want %q", got, want)
			}
		})
	}
}

// TestScript runs events that end by themselves and reads from the truth what they did.
func TestScript(t *testing.T) {
	t.Parallel()
	n := start(t, lab.Config{Targets: 2}, "fping")
	var events []lab.ScriptEvent
	for _, line := range []string{"300ms loss target=0 forward 100% for 2s", "0s limit ttl=1 rate=100 burst=10", "500ms detour ttl=2 for 1ms"} {
		e, err := n.ParseEvent(line)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	done := make(chan error, 1)
	go func() {
		// A busy machine takes its time to start fping: the script begins with its first probe.
		for t.Context().Err() == nil && n.Truth().Toward(0, lab.Window{}).Probes == 0 {
			time.Sleep(time.Millisecond)
		}
		done <- n.Script(t.Context(), events)
	}()
	// It goes on for twice as long as the script: either may be held up for a second.
	output(t, n.Space(), "fping", "-q", "-c", "500", "-p", "10", "-t", "500", n.Target(0).Addr4.String())
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	var texts []string
	var began, ended time.Time
	for _, e := range n.Truth().Events() {
		texts = append(texts, e.Text)
		switch e.Text {
		case "loss link=" + fmt.Sprint(n.Target(0).Path.Last) + " forward 100%":
			began = e.At
		case "end of: loss link=" + fmt.Sprint(n.Target(0).Path.Last) + " forward 100%":
			ended = e.At
		}
	}
	if began.IsZero() || !ended.After(began) || len(texts) != 5 {
		t.Fatalf("events: %q", texts)
	}
	within := n.Truth().Toward(0, lab.Window{From: began, To: ended})
	all := n.Truth().Toward(0, lab.Window{})
	if within.Probes == 0 || within.Of(lab.LostForward) != within.Probes || all.Of(lab.LostForward) != within.Probes {
		t.Errorf("while it lasted: %v; in all: %v", within, all)
	}
	var log strings.Builder
	if err := n.Truth().WriteJSONL(&log); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != all.Probes+len(texts) {
		t.Errorf("the log has %d lines, want %d probes and %d events", len(lines), all.Probes, len(texts))
	}
	last := int64(0)
	for _, line := range lines {
		var at struct {
			MonoNs int64 `json:"mono_ns"`
		}
		if err := json.Unmarshal([]byte(line), &at); err != nil || at.MonoNs < last {
			t.Fatalf("line %q: %v, or out of order", line, err)
		}
		last = at.MonoNs
	}
}

func TestScriptFaultsAreNamed(t *testing.T) {
	n := start(t, lab.Config{Targets: 2})
	for line, want := range map[string]string{
		"":                                "want a time and a change",
		"soon loss ttl=1 5%":              "no time after the start",
		"-1s loss ttl=1 5%":               "no time after the start",
		"1s loss ttl=1 5% for ever":       "no duration",
		"1s lose ttl=1 5%":                "", // "want router=ID" or unknown: either names the fault
		"1s loss ttl=1":                   "0% to 100%",
		"1s loss ttl=1 101%":              "0% to 100%",
		"1s loss ttl=1 NaN%":              "0% to 100%",
		"1s loss 5%":                      "want link=ID, ttl=N or target=T",
		"1s loss ttl=99 5%":               "ttl=99: want 1 to",
		"1s loss link=999 5%":             "there are",
		"1s loss ttl=1 sideways 5%":       "0% to 100%",
		"1s loss ttl=1 5% twice":          `do not understand "twice"`,
		"1s silent":                       "want router=ID or ttl=N",
		"1s silent router=x":              "is no number",
		"1s silent colour=3":              "unknown key",
		"1s limit ttl=1":                  "want rate=",
		"1s limit ttl=1 rate=-1":          "want rate=",
		"1s filter icmp":                  "want target=N",
		"1s filter target=1 ping":         "icmp, udp, tcp",
		"1s filter target=2 icmp":         "there are 2",
		"1s mpls ttl=1 labels=1048576":    "at most 20 bits",
		"1s unreachable ttl=1 elsewhere":  "want net, host or admin",
		"1s spread ttl=4 members=1":       "members=2 to 64",
		"1s delay ttl=1 -5ms":             "a duration such as",
		"1s slow ttl=1":                   "a duration such as",
		"1s spread ttl=4 members=900 foo": "members=2 to 64",
	} {
		if _, err := n.ParseEvent(line); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", line, err, want)
		}
	}
	if got := n.Truth().Events(); len(got) != 0 {
		t.Errorf("reading events has changed the network: %v", got)
	}
}

// TestLimitAsSeenOutside asks mtr-packet for more than the gateway gives.
func TestLimitAsSeenOutside(t *testing.T) {
	t.Parallel()
	n := start(t, lab.Config{Targets: 1, Limit: lab.Limit{PerSecond: 0, Burst: 7}}, "mtr-packet")
	expired := 0
	for _, a := range ask(t, n.Space(), repeat("ip-4 "+n.Target(0).Addr4.String()+" ttl 1 timeout 1", 50)...) {
		if strings.HasPrefix(a, "ttl-expired") {
			expired++
		}
	}
	tally := n.Truth().AtRouter(n.Target(0).Router(1), lab.Window{})
	if expired != 7 || tally.Of(lab.Answered) != 7 || tally.Of(lab.Limited) != 43 {
		t.Errorf("got %d answers of 50, want 7; truth: %v", expired, tally)
	}
	asked, answered := n.Truth().PerSecond(n.Target(0).Router(1), n.Truth().First(time.Time{})[0])
	if sum(asked) != 50 || sum(answered) != 7 {
		t.Errorf("per second: asked %v, answered %v", asked, answered)
	}
}

func sum(v []int) (total int) {
	for _, n := range v {
		total += n
	}
	return total
}

// TestFlows counts the addresses that answer at a TTL with three members, by what varies in the probes.
func TestFlows(t *testing.T) {
	t.Parallel()
	n := start(t, lab.Config{Targets: 1}, "mtr-packet")
	target := n.Target(0)
	to := "ip-4 " + target.Addr4.String() + " ttl 5 timeout 3"
	var vary []string
	for port := range 40 {
		vary = append(vary, fmt.Sprintf("%s protocol udp port 33434 local-port %d", to, 20000+port))
	}
	one := repeat(to+" protocol udp port 33434 local-port 20000", 20)
	tests := []struct {
		name   string
		mode   lab.FlowMode
		probes []string
		want   int
	}{
		{"per flow, ports vary", lab.PerFlow, vary, 3},
		{"per flow, one flow", lab.PerFlow, one, 1},
		{"per flow, icmp checksums vary", lab.PerFlow, repeat(to, 40), 3},
		{"per destination, ports vary", lab.PerDestination, vary, 1},
		{"per packet, one flow", lab.PerPacket, repeat(to, 40), 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			undo := n.Spread(target.Router(5), 3, tt.mode)
			defer undo()
			seen := map[string]bool{}
			for _, a := range ask(t, n.Space(), tt.probes...) {
				seen[kind(a)] = true
			}
			if len(seen) != tt.want {
				t.Errorf("got %v, want %d addresses", seen, tt.want)
			}
			if got := len(n.Target(0).Hops()[4]); got != 3 {
				t.Errorf("path has %d members at ttl 5, want 3", got)
			}
		})
	}
	if got := len(n.Target(0).Hops()[4]); got != 1 {
		t.Errorf("after undo the path has %d members at ttl 5, want 1", got)
	}
}

func TestReroute(t *testing.T) {
	t.Parallel()
	n := start(t, lab.Config{Targets: 40, Seed: 4}, "mtr", "mtr-packet")
	target := n.Target(0)
	look := func(want []string) {
		t.Helper()
		var got []string
		for _, h := range mtr(t, n.Space(), "-c", "1", target.Addr4.String()) {
			got = append(got, h.Host)
		}
		if strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("mtr sees %v, want %v", got, want)
		}
	}
	before := addrs(target.Hops())
	look(before)
	member, undo := n.Detour(target.Router(4))
	after := append([]string{}, before...)
	after[3] = n.Router(member.Router).Addr4.String()
	if after[3] == before[3] {
		t.Fatal("the detour has the address of the old router")
	}
	look(after)
	// Toward an address that no path leads to any more there is no route.
	reach := func(there, gone string) {
		t.Helper()
		got := ask(t, n.Space(), "ip-4 "+there+" timeout 5", "ip-4 "+gone+" timeout 5")
		if kind(got[0]) != "reply "+there || kind(got[1]) != "no-route "+before[0] {
			t.Errorf("probes to %s and %s: got %q, want a reply and no route", there, gone, got)
		}
	}
	reach(after[3], before[3])
	if behind := n.Behind(member.Router); len(behind) == 0 || len(n.Behind(target.Router(4))) != 0 {
		t.Errorf("behind the detour: %v", behind)
	}
	undo()
	look(before)
	reach(before[3], after[3])
	// A path that is one router shorter.
	short := lab.Path{Stages: append(append([]lab.Stage{}, target.Path.Stages[:4]...), target.Path.Stages[5:]...), Last: target.Path.Last}
	undo = n.Reroute(0, short)
	look(append(append([]string{}, before[:4]...), before[5:]...))
	undo()
	var texts []string
	for _, e := range n.Truth().Events() {
		texts = append(texts, e.Text)
	}
	if len(texts) != 4 || texts[3] != "end of: reroute target=0" {
		t.Errorf("the truth holds %q", texts)
	}
}

// TestConnections are made by the test itself, through Do.
func TestConnections(t *testing.T) {
	t.Parallel()
	n := start(t, lab.Config{Targets: 1})
	for _, a := range []string{n.Target(0).Addr4.String(), n.Target(0).Addr6.String()} {
		err := n.Space().Do(func() error {
			c, err := net.DialTimeout("tcp", net.JoinHostPort(a, "443"), 10*time.Second)
			if err != nil {
				return err
			}
			return c.Close()
		})
		if err != nil {
			t.Errorf("connect to an open port: %v", err)
		}
		err = n.Space().Do(func() error {
			c, err := net.DialTimeout("tcp", net.JoinHostPort(a, "9"), 10*time.Second)
			if err == nil {
				c.Close()
			}
			return err
		})
		if !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("connect to a closed port: got %v, want refused", err)
		}
	}
	if got := n.Truth().Toward(0, lab.Window{}).Probes; got != 4 {
		t.Errorf("the truth has %d probes, want 4 SYN", got)
	}
}
