package trace

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
)

// ErrRefused is what every refusal of a Policy wraps.
var ErrRefused = errors.New("refused by the target policy")

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
		return fmt.Errorf("target %s: %w: %s", addr, ErrRefused, fmt.Sprintf(format, args...))
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
		return refuse("loopback is traced only for requests made on the node itself")
	case addr.IsLinkLocalUnicast():
		return refuse("link-local addresses are traced only for requests made on the node itself")
	case q.Port != 0 && !slices.ContainsFunc(p.Ports, func(r PortRange) bool { return r.contains(q.Port) }):
		return refuse("port %d is not in [serve] ports", q.Port)
	}
	return nil
}
