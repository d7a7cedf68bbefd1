package lab_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mtrq/mtrq/internal/lab"
)

func startChain(t *testing.T, cfg lab.ChainConfig, programs ...string) *lab.Chain {
	t.Helper()
	lab.Need(t, programs...)
	c, err := lab.StartChain(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return c
}

// TestChainPath has mtr and traceroute walk real routers.
func TestChainPath(t *testing.T) {
	t.Parallel()
	c := startChain(t, lab.ChainConfig{Routers: 5}, "mtr", "traceroute")
	for name, six := range map[string]bool{"v4": false, "v6": true} {
		t.Run(name, func(t *testing.T) {
			var want []string
			for ttl := 1; ttl <= 6; ttl++ {
				if six {
					want = append(want, c.Addr6(ttl).String())
				} else {
					want = append(want, c.Addr4(ttl).String())
				}
			}
			var got []string
			for _, h := range mtr(t, c.Space(), "-c", "3", "-i", "0.2", want[5]) {
				got = append(got, h.Host)
				if h.Loss != 0 {
					t.Errorf("mtr lost %g %% at %s", h.Loss, h.Host)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("mtr sees %v, want %v", got, want)
			}
			text := output(t, c.Space(), "traceroute", "-n", "-q", "1", want[5])
			got = nil
			for _, line := range strings.Split(strings.TrimSpace(text), "\n")[1:] {
				got = append(got, strings.Fields(line)[1])
			}
			if !slices.Equal(got, want) {
				t.Errorf("traceroute sees %v, want %v", got, want)
			}
		})
	}
}

// TestChainFaults asks mtr-packet what real routers say.
func TestChainFaults(t *testing.T) {
	t.Parallel()
	c := startChain(t, lab.ChainConfig{Routers: 3}, "mtr-packet", "nft")
	to4, to6 := "ip-4 "+c.Addr4(4).String(), "ip-6 "+c.Addr6(4).String()
	hop2, hop2six := "no-route "+c.Addr4(2).String(), "no-route "+c.Addr6(2).String()
	tests := []struct {
		name       string
		set, unset func() error
		want4      string
		want6      string
	}{
		{"net unreachable", func() error { return c.Refuse(2, lab.NetUnreachable) }, func() error { return c.Refuse(2, lab.Forwards) }, hop2, hop2six},
		{"host unreachable", func() error { return c.Refuse(2, lab.HostUnreachable) }, func() error { return c.Refuse(2, lab.Forwards) }, hop2, hop2six},
		{"prohibited", func() error { return c.Refuse(2, lab.AdminProhibited) }, func() error { return c.Refuse(2, lab.Forwards) }, hop2, hop2six},
		{"loss forward", func() error { return c.Loss(2, lab.Forward, 100) }, func() error { return c.Loss(2, lab.Forward, 0) }, "no-reply", "no-reply"},
		{"loss backward", func() error { return c.Loss(3, lab.Backward, 100) }, func() error { return c.Loss(3, lab.Both, 0) }, "no-reply", "no-reply"},
		{"link of the target down", func() error { return c.LinkDown(3, true) }, func() error { return c.LinkDown(3, false) }, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := tt.set(); err != nil {
				t.Fatal(err)
			}
			got := ask(t, c.Space(), to4+" timeout 1", to6+" timeout 1")
			for i, want := range []string{tt.want4, tt.want6} {
				if k := kind(got[i]); want != "" && k != want || strings.HasPrefix(k, "reply") {
					t.Errorf("got %q, want %q", got[i], want)
				}
			}
			if err := tt.unset(); err != nil {
				t.Fatal(err)
			}
			for i, a := range ask(t, c.Space(), to4+" timeout 3", to6+" timeout 3") {
				if !strings.HasPrefix(a, "reply") {
					t.Errorf("probe %d after it: got %q, want a reply", i, a)
				}
			}
		})
	}
}

// TestChainLoss: nftables draws at random without a seed, hence an interval that is left once in a million runs.
func TestChainLoss(t *testing.T) {
	t.Parallel()
	c := startChain(t, lab.ChainConfig{Routers: 2}, "fping", "nft")
	if err := c.Loss(1, lab.Forward, 30); err != nil {
		t.Fatal(err)
	}
	text := output(t, c.Space(), "fping", "-q", "-c", "1000", "-p", "1", "-i", "1", "-t", "500", c.Addr4(3).String())
	var sent, received int
	if _, err := fmt.Sscanf(text[strings.LastIndex(text, "loss = ")+7:], "%d/%d/", &sent, &received); err != nil {
		t.Fatal(err)
	}
	d := float64(sent-received) - 0.3*float64(sent)
	if sent == 0 || d*d > 4.9*4.9*float64(sent)*0.3*0.7 {
		t.Errorf("lost %d of %d, want 30 %%", sent-received, sent)
	}
}

// TestChainLimits: what a Linux router gives one peer by default, a burst of 6 and one a second.
func TestChainLimits(t *testing.T) {
	t.Parallel()
	for _, limited := range []bool{true, false} {
		c := startChain(t, lab.ChainConfig{Routers: 1, LinuxLimits: limited}, "mtr-packet")
		expired := 0
		for _, a := range ask(t, c.Space(), repeat("ip-4 "+c.Addr4(2).String()+" ttl 1 timeout 1", 40)...) {
			if strings.HasPrefix(a, "ttl-expired") {
				expired++
			}
		}
		if limited && (expired < 6 || expired > 12) || !limited && expired != 40 {
			t.Errorf("limits %t: %d of 40 answered", limited, expired)
		}
	}
}
