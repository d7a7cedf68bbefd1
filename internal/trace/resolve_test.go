package trace

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"
)

// names is a resolver that knows its names by heart; a nil list is a
// resolver that does not answer.
type names map[string][]netip.Addr

func (n names) LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error) {
	addrs, known := n[host]
	switch {
	case !known:
		return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	case addrs == nil:
		<-ctx.Done()
		return nil, ctx.Err()
	}
	var of []netip.Addr
	for _, a := range addrs {
		if network == "ip" || network == "ip4" && a.Is4() || network == "ip6" && a.Is6() {
			of = append(of, a)
		}
	}
	return of, nil
}

func TestPin(t *testing.T) {
	v4, v6 := netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8::7")
	r := names{"edge.example.net": {v4, v6}, "slow.example.net": nil}
	for _, c := range []struct {
		name, target, family string
		want                 netip.Addr
		err                  string
	}{
		{"address", "203.0.113.7", "", v4, ""},
		{"mapped address", "::ffff:203.0.113.7", "", v4, ""},
		{"address of the other family", "203.0.113.7", "6", netip.Addr{}, "not IPv6"},
		{"name", "edge.example.net", "", v4, ""},
		{"name, IPv6", "edge.example.net", "6", v6, ""},
		{"unknown name", "nope.example.net", "", netip.Addr{}, "no such host"},
		{"resolver cut off", "slow.example.net", "", netip.Addr{}, "no answer from the resolver"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := pin(t.Context(), r, NewMemory(), c.target, c.family)
			if got.addr != c.want {
				t.Errorf("got %v, want %v", got.addr, c.want)
			}
			if c.err == "" && err != nil || c.err != "" && (!errors.Is(err, ErrUnresolved) || !strings.Contains(err.Error(), c.err)) {
				t.Errorf("got error %v, want %q", err, c.err)
			}
		})
	}
}

func TestPinRemembersTheLastAddress(t *testing.T) {
	v4 := netip.MustParseAddr("203.0.113.7")
	m := NewMemory()
	r := names{"edge.example.net": {v4}}
	if _, err := pin(t.Context(), r, m, "edge.example.net", ""); err != nil {
		t.Fatal(err)
	}
	r["edge.example.net"] = nil // the resolver is cut off
	got, err := pin(t.Context(), r, m, "edge.example.net", "")
	if err != nil || got.addr != v4 || !strings.Contains(got.note, "does not resolve now") {
		t.Errorf("got %+v, %v; want the address it had before, and a note", got, err)
	}
}
