package trace

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// ErrRefused is what every refusal of a Policy wraps.
var ErrRefused = errors.New("refused by the target policy")

// ErrOnNode is why an address is refused that may be traced, but not for who
// asks over the network, be it from the node itself: a proxy on it would ask
// from there for everybody.
var ErrOnNode = errors.New("traced only when asked by mtrq enqueue or drop/ on the node")

// A Policy says what may be traced. Run enforces it on the resolved
// address of every job; serve asks it early about literal addresses, so
// that a caller hears at once what run would refuse.
type Policy struct {
	Allow []netip.Prefix // [targets] allow; empty allows every address
	Deny  []netip.Prefix // [targets] deny; wins over Allow
	Ports []PortRange    // [serve] ports: what http and node may ask for with UDP and TCP
}

// PortRange is ports from Low to High, both included.
type PortRange struct{ Low, High int }

func (r PortRange) contains(port int) bool { return port >= r.Low && port <= r.High }

// A Question is what a job asks for, in the policy's terms.
type Question struct {
	Addr   netip.Addr // resolved and pinned
	Source string     // of the job: cli, http, drop, watchdog, node
	Port   int        // destination port; 0 for ICMP
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// Check returns nil where the target may be traced, else an error that
// wraps ErrRefused and names the rule.
func (p Policy) Check(q Question) error {
	addr := q.Addr.Unmap()
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("target %s: %w: %w", addr, ErrRefused, fmt.Errorf(format, args...))
	}
	contains := func(pre netip.Prefix) bool { return pre.Contains(addr) }
	switch {
	case !addr.IsValid():
		return refuse("it is no address")
	case addr.IsUnspecified():
		return refuse("the unspecified address is no target")
	case addr.IsMulticast():
		return refuse("multicast groups are never traced")
	case addr == broadcast:
		return refuse("broadcast addresses are never traced")
	case slices.ContainsFunc(p.Deny, contains):
		return refuse("it lies in [targets] deny")
	case len(p.Allow) > 0 && !slices.ContainsFunc(p.Allow, contains):
		return refuse("it lies outside [targets] allow")
	}
	if q.Source != "http" && q.Source != "node" {
		return nil
	}
	// Whoever can only reach the node over the network must not use it
	// to look behind its loopback or into its own link.
	switch {
	case addr.IsLoopback():
		return refuse("loopback is %w", ErrOnNode)
	case addr.IsLinkLocalUnicast():
		return refuse("link-local addresses are %w", ErrOnNode)
	case q.Port != 0 && !slices.ContainsFunc(p.Ports, func(r PortRange) bool { return r.contains(q.Port) }):
		return refuse("port %d is not in [serve] ports", q.Port)
	}
	return nil
}
