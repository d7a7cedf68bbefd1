package trace

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestPolicy(t *testing.T) {
	p := Policy{
		Deny:  []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8:bad::/48")},
		Ports: []PortRange{{443, 443}, {33434, 33534}},
	}
	narrow := Policy{Allow: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24")}}
	for _, c := range []struct {
		name, addr, source string
		policy             Policy
		port               int
		refused            string // part of the reason; empty is allowed
	}{
		{"plain", "203.0.113.7", "cli", p, 0, ""},
		{"plain over http", "203.0.113.7", "http", p, 0, ""},
		{"denied", "198.51.100.9", "cli", p, 0, "[targets] deny"},
		{"denied, mapped into IPv6", "::ffff:198.51.100.9", "cli", p, 0, "[targets] deny"},
		{"denied v6", "2001:db8:bad::1", "watchdog", p, 0, "[targets] deny"},
		{"inside allow", "203.0.113.7", "cli", narrow, 0, ""},
		{"outside allow", "192.0.2.1", "cli", narrow, 0, "outside [targets] allow"},
		{"multicast", "224.0.0.1", "cli", p, 0, "multicast"},
		{"multicast v6", "ff02::1", "cli", p, 0, "multicast"},
		{"broadcast", "255.255.255.255", "cli", p, 0, "broadcast"},
		{"unspecified", "0.0.0.0", "cli", p, 0, "unspecified"},
		{"unspecified v6", "::", "cli", p, 0, "unspecified"},
		{"loopback from the shell", "127.0.0.1", "cli", p, 0, ""},
		{"loopback over http", "127.0.0.1", "http", p, 0, "loopback is traced only when asked by mtrq enqueue or drop/ on the node"},
		{"loopback from drop/", "127.0.0.1", "drop", p, 0, ""},
		{"loopback v6 from a node", "::1", "node", p, 0, "loopback"},
		{"mapped loopback over http", "::ffff:127.0.0.1", "http", p, 0, "loopback"},
		{"link-local over http", "169.254.169.254", "http", p, 0, "link-local"},
		{"link-local v6 over http", "fe80::1", "http", p, 0, "link-local"},
		{"port over http", "203.0.113.7", "http", p, 443, ""},
		{"port of a range over http", "203.0.113.7", "http", p, 33500, ""},
		{"other port over http", "203.0.113.7", "http", p, 22, "port 22"},
		{"other port from the shell", "203.0.113.7", "cli", p, 22, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.policy.Check(Question{netip.MustParseAddr(c.addr), c.source, c.port})
			if c.refused == "" {
				if err != nil {
					t.Fatalf("got %v, want it allowed", err)
				}
				return
			}
			if onNode := strings.HasPrefix(c.refused, "loopback") || c.refused == "link-local"; errors.Is(err, ErrOnNode) != onNode {
				t.Errorf("%v: for who asks on the node: %v, want %v", err, !onNode, onNode)
			}
			if !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), c.refused) {
				t.Fatalf("got %v, want a refusal that names %q", err, c.refused)
			}
		})
	}
}
