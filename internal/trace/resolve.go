package trace

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// ErrUnresolved is what every failure to find a target's address wraps.
var ErrUnresolved = errors.New("name does not resolve")

// resolveDeadline bounds the look-up of a name. A loss that lasts ten
// seconds must not wait for a resolver that is cut off as well.
const resolveDeadline = 2 * time.Second

// A Resolver finds the addresses of a name; *net.Resolver is one.
// network is "ip", "ip4" or "ip6".
type Resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// pinned is a target's address, fixed for the whole trace.
type pinned struct {
	addr netip.Addr
	took time.Duration // the look-up; 0 for an address
	note string        // what a reader must know of how it was found
}

// pin finds a target's address: the target itself where it is one, else
// the first that the resolver gives. While it gives none, the address
// that the name had before is good enough, and said so.
func pin(ctx context.Context, r Resolver, m *Memory, target, family string) (pinned, error) {
	if a, err := netip.ParseAddr(target); err == nil {
		a = a.Unmap()
		if family == "4" && !a.Is4() || family == "6" && !a.Is6() {
			return pinned{}, fmt.Errorf("target %s is not IPv%s: %w", target, family, ErrUnresolved)
		}
		return pinned{addr: a}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, resolveDeadline)
	defer cancel()
	began := time.Now()
	addrs, err := r.LookupNetIP(ctx, "ip"+family, target)
	took := time.Since(began)
	if err == nil && len(addrs) > 0 {
		a := addrs[0].Unmap()
		m.keepName(target, family, a)
		return pinned{addr: a, took: took}, nil
	}
	if a, ok := m.name(target, family); ok {
		return pinned{addr: a, took: took, note: fmt.Sprintf("%s does not resolve now; traced at %s, its address before", target, a)}, nil
	}
	return pinned{}, fmt.Errorf("target %s: %w: %s", target, ErrUnresolved, reason(ctx, err))
}

func reason(ctx context.Context, err error) string {
	var dns *net.DNSError
	switch {
	case ctx.Err() != nil:
		return fmt.Sprintf("no answer from the resolver within %s", resolveDeadline)
	case errors.As(err, &dns) && dns.IsNotFound:
		return "no such host"
	case err == nil:
		return "no address of that family"
	}
	return err.Error()
}
