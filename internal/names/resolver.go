package names

import (
	"context"
	"net"
	"net/netip"
)

// ResolverAt asks a DNS server, and /etc/hosts beside it.
func ResolverAt(server netip.AddrPort) Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server.String())
	}}
}
