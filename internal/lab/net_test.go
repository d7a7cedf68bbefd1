package lab_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/mtrq/mtrq/internal/lab"
)

func TestMain(m *testing.M) {
	if job := os.Getenv(blastVariable); job != "" {
		if err := blast(job); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	// These tests wait for packets and timeouts far more than they compute.
	flag.Parse()
	if err := flag.Set("test.parallel", "12"); err != nil {
		panic(err)
	}
	code := lab.TestMain(m)
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// start makes a network that ends with the test.
func start(t *testing.T, cfg lab.Config, programs ...string) *lab.Net {
	t.Helper()
	lab.Need(t, programs...)
	n, err := lab.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if got := n.Truth().Overload(); got != 0 {
			t.Errorf("the lab itself dropped %d packets", got)
		}
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return n
}

// output runs a program inside and returns what it printed, whatever its exit code; the test shows it if it fails.
func output(t *testing.T, s *lab.Space, name string, args ...string) string {
	t.Helper()
	out, err := s.Command(t.Context(), name, args...).CombinedOutput()
	t.Logf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	return string(out)
}

// hub is a line of mtr's JSON report.
type hub struct {
	Count int     `json:"count"`
	Host  string  `json:"host"`
	Loss  float64 `json:"Loss%"` // percent
	Snt   int     `json:"Snt"`
	Best  float64 `json:"Best"` // milliseconds
}

// received is mtr's number of answers, which its JSON holds only as a loss.
func (h hub) received() int { return h.Snt - int(float64(h.Snt)*h.Loss/100+0.5) }

func mtr(t *testing.T, s *lab.Space, args ...string) []hub {
	t.Helper()
	var doc struct {
		Report struct {
			Hubs []hub `json:"hubs"`
		} `json:"report"`
	}
	text, err := s.Command(t.Context(), "mtr", append([]string{"-n", "-r", "--json", "-G", "1"}, args...)...).Output()
	if err != nil {
		t.Fatalf("mtr %v: %v", args, err)
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatalf("mtr's JSON: %v\n%s", err, text)
	}
	return doc.Report.Hubs
}

// ask gives commands to one mtr-packet and returns its answers by the command's number.
func ask(t *testing.T, s *lab.Space, commands ...string) []string {
	t.Helper()
	cmd := s.Command(t.Context(), "mtr-packet")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for i, c := range commands {
		fmt.Fprintf(in, "%d send-probe %s\n", i, c)
	}
	answers := make([]string, len(commands))
	lines := bufio.NewScanner(out)
	for range commands {
		if !lines.Scan() {
			t.Fatalf("mtr-packet ended before it had answered: %v", lines.Err())
		}
		var i int
		if _, err := fmt.Sscan(lines.Text(), &i); err != nil || i >= len(answers) {
			t.Fatalf("mtr-packet said %q", lines.Text())
		}
		_, answers[i], _ = strings.Cut(lines.Text(), " ")
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("mtr-packet: %v", err)
	}
	return answers
}

// repeat is n times the same.
func repeat(s string, n int) []string {
	return strings.Split(strings.Repeat(s+"\n", n), "\n")[:n]
}

// kind is the first words of an answer: what happened, and who said so.
func kind(answer string) string {
	w := strings.Fields(answer)
	if len(w) >= 3 && strings.HasPrefix(w[1], "ip-") {
		return w[0] + " " + w[2]
	}
	return w[0]
}

func addrs(hops [][]netip.Addr) []string {
	var out []string
	for _, h := range hops {
		out = append(out, h[0].String())
	}
	return out
}

// TestPath compares what mtr sees with the path, and its counts with the truth, for every protocol and family.
func TestPath(t *testing.T) {
	tests := map[string]struct {
		six  bool
		args []string
	}{
		"icmp":          {false, nil},
		"icmp6":         {true, nil},
		"udp":           {false, []string{"-u"}},
		"udp6":          {true, []string{"-u"}},
		"tcp open":      {false, []string{"-T", "-P", "443"}},
		"tcp closed":    {false, []string{"-T", "-P", "444"}},
		"tcp6 open":     {true, []string{"-T", "-P", "443"}},
		"large packets": {false, []string{"-s", "1400"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := start(t, lab.Config{Targets: 20, Seed: 3}, "mtr")
			target := n.Target(7)
			to, want := target.Addr4, addrs(target.Hops())
			if tt.six {
				to, want = target.Addr6, addrs(target.Hops6())
			}
			hubs := mtr(t, n.Space(), append(tt.args, "-c", "3", "-i", "0.2", to.String())...)
			if len(hubs) != len(want) {
				t.Fatalf("mtr has %d hops, want %d: %+v", len(hubs), len(want), hubs)
			}
			for i, h := range hubs {
				ttl := i + 1
				if h.Host != want[i] {
					t.Errorf("ttl %d: mtr has %s, want %s", ttl, h.Host, want[i])
				}
				// An ICMP error ends a TCP probe's connect too; where mtr-packet sees that first it takes the answer for none.
				// Whether the network has lost anything is what the truth below says.
				if tcp := len(tt.args) > 0 && tt.args[0] == "-T"; h.Loss != 0 && !(tcp && ttl < len(want)) {
					t.Errorf("ttl %d: mtr has %g %% loss of %d, want none", ttl, h.Loss, h.Snt)
				}
				// A round trip cannot be shorter than configured; how much longer is up to the machine. mtr rounds to 1 us.
				if got, least := h.Best, float64(target.RTT(ttl).Microseconds())/1000; got < least {
					t.Errorf("ttl %d: mtr's best is %g ms, want at least %g", ttl, got, least)
				}
			}
			for r := range n.Truth().Records() {
				least := target.RTT(int(r.TTL))
				if took := r.Due.Sub(r.Arrived); took < least || took > least+least/20 {
					t.Errorf("ttl %d was to be answered after %s, want %s and at most 5 %% jitter", r.TTL, took, least)
				}
				if r.Answered.Before(r.Due) {
					t.Errorf("ttl %d was answered at %s, due %s", r.TTL, r.Answered, r.Due)
				}
			}
		})
	}
}

// TestTruthIsWhatMtrReports lets packets be lost in both directions and compares counts at each hop.
func TestTruthIsWhatMtrReports(t *testing.T) {
	t.Parallel()
	n := start(t, lab.Config{Targets: 10, Seed: 5}, "mtr")
	target := n.Target(4)
	n.Loss(target.Link(3), lab.Forward, 30)
	n.Loss(target.Link(5), lab.Backward, 20)
	n.Silent(target.Router(4), true)
	hubs := mtr(t, n.Space(), "-c", "20", "-i", "0.1", target.Addr4.String())
	lost := 0
	for _, h := range hubs {
		tally := n.Truth().Count(lab.Window{}, func(r *lab.Record) bool { return r.Target == 4 && int(r.TTL) == h.Count })
		if h.Snt != tally.Probes || h.received() != tally.Of(lab.Answered) {
			t.Errorf("ttl %d: mtr sent %d and got %d, truth: %v", h.Count, h.Snt, h.received(), tally)
		}
		if h.Count == 4 && (h.received() != 0 || tally.Of(lab.Silent) == 0) {
			t.Errorf("ttl 4 is silent: mtr got %d, truth: %v", h.received(), tally)
		}
		lost += tally.Of(lab.LostForward, lab.LostBackward)
	}
	if lost == 0 {
		t.Error("nothing was lost")
	}
}

func TestMPLS(t *testing.T) {
	t.Parallel()
	n := start(t, lab.Config{Targets: 1, Seed: 1}, "mtr", "mtr-packet")
	target := n.Target(0)
	n.MPLS(target.Router(5), lab.MPLS{Label: 16001, TC: 5, TTL: 1}, lab.MPLS{Label: 24005, TTL: 254})
	for _, to := range []string{"ip-4 " + target.Addr4.String(), "ip-6 " + target.Addr6.String()} {
		got := ask(t, n.Space(), to+" ttl 5 timeout 3", to+" ttl 6 timeout 3", to+" ttl 5 size 500 timeout 3")
		for _, i := range []int{0, 2} {
			if !strings.HasSuffix(got[i], "mpls 16001,5,0,1,24005,0,1,254") {
				t.Errorf("%s: got %q, want labels 16001 and 24005", to, got[i])
			}
		}
		if strings.Contains(got[1], "mpls") {
			t.Errorf("%s: got %q, want no labels", to, got[1])
		}
	}
	// The report of mtr 0.95 prints labels only where a hop has several addresses.
	n.Spread(target.Router(5), 2, lab.PerPacket)
	text := output(t, n.Space(), "mtr", "-n", "-r", "-e", "-c", "12", "-i", "0.1", "-G", "1", target.Addr4.String())
	for _, want := range []string{"Lbl 16001 TC 5 ", "Lbl 24005 TC 0 "} {
		if !strings.Contains(text, want) {
			t.Errorf("mtr -e does not show label %s", want)
		}
	}
}

// TestLossFraction sends enough to see whether the loss is what was asked for: within 3.29 standard deviations of it
// (99.9 %). Seed and order of packets are fixed, so the draw is the same each time.
func TestLossFraction(t *testing.T) {
	t.Parallel()
	n := start(t, lab.Config{Targets: 1, Seed: 1}, "fping")
	target := n.Target(0)
	n.Loss(target.Link(4), lab.Forward, 10)
	n.Loss(target.Link(6), lab.Backward, 25)
	const probes = 2000
	text := output(t, n.Space(), "fping", "-q", "-c", fmt.Sprint(probes), "-p", "1", "-i", "1", "-t", "2000", target.Addr4.String())
	tally := n.Truth().Toward(0, lab.Window{})
	if want := fmt.Sprintf("%d/%d/", tally.Probes, tally.Of(lab.Answered)); !strings.Contains(text, want) {
		t.Errorf("fping does not say %s as the truth does: %s", want, text)
	}
	forward := tally.Of(lab.LostForward)
	near(t, "forward", forward, tally.Probes, 0.10)
	near(t, "backward", tally.Of(lab.LostBackward), tally.Probes-forward, 0.25)
}

func near(t *testing.T, what string, lost, of int, want float64) {
	t.Helper()
	d := float64(lost) - float64(of)*want
	if d*d > 3.29*3.29*float64(of)*want*(1-want) {
		t.Errorf("%s: lost %d of %d, want %g %%", what, lost, of, want*100)
	}
}

func TestClosedNetSaysSo(t *testing.T) {
	lab.Need(t)
	n, err := lab.Start(lab.Config{Targets: 1})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := n.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if err := n.Space().Do(func() error { return nil }); err == nil {
		t.Error("Do in a closed network: no error")
	}
	if err := n.Space().Command(t.Context(), "true").Run(); err == nil {
		t.Error("Command in a closed network: no error")
	}
}

func TestStartRefuses(t *testing.T) {
	lab.Need(t)
	for name, cfg := range map[string]lab.Config{
		"too many":  {Targets: 1 << 20},
		"too short": {HopsMin: 2, HopsMax: 3},
		"no target": {Topology: &lab.Topology{}},
	} {
		if n, err := lab.Start(cfg); err == nil {
			t.Errorf("%s: no error", name)
			n.Close()
		}
	}
}
