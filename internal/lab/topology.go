package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// RouterID is an index into Topology.Routers.
type RouterID int32

// LinkID is an index into Topology.Links.
type LinkID int32

// Topology is a simulated network as seen from one prober: paths made of links and routers. Every link stands for
// both directions. The first router of every path is the prober's gateway.
type Topology struct {
	Routers []Router
	Links   []Link
	Targets []TargetSpec
}

// Router forwards, and answers what expires at it.
type Router struct {
	Addr4, Addr6 netip.Addr
	Limit        Limit         // of its ICMP errors; the zero value is none
	Slow         time.Duration // added to its own answers, not to what it forwards
	Silent       bool          // answers nothing, forwards
	BlackHole    bool          // answers for itself, forwards nothing
	Unreachable  Unreachable   // what it says instead of forwarding
	MPLS         []MPLS        // label stack quoted in its time exceeded messages, outermost first
}

// Link is one line. Loss is in percent, 0 to 100, drawn for each packet. A packet takes Delay and a uniform part of
// Jitter in each direction.
type Link struct {
	Delay, Jitter             time.Duration
	LossForward, LossBackward float64
	Spikes                    Spikes
}

// Spikes hold up a few packets for long, as a queue that fills now and then does: Percent of the packets toward the
// target, each by a uniform time from Least to Most. The zero value is none.
type Spikes struct {
	Percent     float64
	Least, Most time.Duration
}

// TargetSpec is a traced address and the path to it.
type TargetSpec struct {
	Addr4, Addr6 netip.Addr
	Path         Path
	Filter       Protocols // what it drops without a word
	OpenTCP      []uint16  // ports answered with SYN-ACK, others with RST; nil means 80 and 443
}

// Path leads from the prober to a target: one stage for each TTL, then the link into the target itself, whose own
// TTL is len(Stages)+1.
type Path struct {
	Stages []Stage
	Last   LinkID
}

// Stage is what stands at one TTL: one router, or several that share the load.
type Stage struct {
	Members []Member
	Mode    FlowMode
}

// Member is a router of a stage with the link that leads into it.
type Member struct {
	Router RouterID
	Link   LinkID
}

// FlowMode says by what a packet's member is chosen where a stage has several.
type FlowMode uint8

// Per flow: addresses, protocol and the first four octets after the IP header (ports; type, code and checksum of
// ICMP), as most routers do.
const (
	PerFlow FlowMode = iota
	PerDestination
	PerPacket
)

// Limit is a token bucket for a router's ICMP errors: Burst at once, refilled with PerSecond. Burst 0 is no limit.
type Limit struct {
	PerSecond float64
	Burst     int
}

// LinuxPeerLimit is what one prober gets from a Linux router by default: icmp_ratelimit 1000 ms, and a burst of 6
// (XRLIM_BURST_FACTOR in net/ipv4/route.c).
func LinuxPeerLimit() Limit { return Limit{PerSecond: 1, Burst: 6} }

// LinuxGlobalLimit is what all probers together get: icmp_msgs_per_sec 1000, icmp_msgs_burst 50.
func LinuxGlobalLimit() Limit { return Limit{PerSecond: 1000, Burst: 50} }

// Unreachable is a reason given by a router that does not forward. The zero value forwards.
type Unreachable uint8

// The reasons, as ICMP (RFC 792, RFC 1812 section 5.2.7.1) and ICMPv6 (RFC 4443 section 3.1) name them.
const (
	Forwards        Unreachable = iota
	NetUnreachable              // 3/0; ICMPv6 1/0 no route to destination
	HostUnreachable             // 3/1; ICMPv6 1/3 address unreachable
	AdminProhibited             // 3/13; ICMPv6 1/1 administratively prohibited
)

// MPLS is one label stack entry (RFC 3032 section 2.1): 20 bits of label, 3 of traffic class. The bottom of stack
// bit is set where it belongs.
type MPLS struct {
	Label uint32
	TC    uint8
	TTL   uint8
}

// Protocols is a set of protocols.
type Protocols uint8

// Members of Protocols.
const (
	ICMP Protocols = 1 << iota
	UDP
	TCP
)

// Direction of a packet on a link. Forward leads to the target.
type Direction uint8

// Directions, Both of them being Forward|Backward.
const (
	Forward  Direction = 1
	Backward Direction = 2
	Both     Direction = Forward | Backward
)

// maxStages keeps a path inside what a prober asks for (mtr: 30) with room for tests beyond it.
const maxStages = 64

// check finds what would make the engine point outside of the topology.
func (t *Topology) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	seen := map[netip.Addr]string{}
	addr := func(what string, i int, a netip.Addr, six bool) {
		if !a.IsValid() {
			return
		}
		name := fmt.Sprintf("%s %d", what, i)
		if a.Is6() != six || a.Is4In6() || a.Zone() != "" {
			bad("%s: address %s is of the wrong family", name, a)
		}
		if other, ok := seen[a]; ok {
			bad("%s: address %s belongs to %s already", name, a, other)
		}
		seen[a] = name
	}
	for i, r := range t.Routers {
		addr("router", i, r.Addr4, false)
		addr("router", i, r.Addr6, true)
	}
	if len(t.Targets) == 0 {
		bad("no targets")
	}
	for i, s := range t.Targets {
		addr("target", i, s.Addr4, false)
		addr("target", i, s.Addr6, true)
		if err := t.checkPath(s.Path); err != nil {
			bad("target %d: %w", i, err)
		}
	}
	return errors.Join(errs...)
}

func (t *Topology) checkPath(p Path) error {
	if len(p.Stages) == 0 || len(p.Stages) > maxStages {
		return fmt.Errorf("path has %d routers, want 1 to %d", len(p.Stages), maxStages)
	}
	if p.Last < 0 || int(p.Last) >= len(t.Links) {
		return fmt.Errorf("last link %d does not exist", p.Last)
	}
	for ttl, s := range p.Stages {
		if len(s.Members) == 0 {
			return fmt.Errorf("no router at ttl %d", ttl+1)
		}
		for _, m := range s.Members {
			if m.Router < 0 || int(m.Router) >= len(t.Routers) || m.Link < 0 || int(m.Link) >= len(t.Links) {
				return fmt.Errorf("ttl %d: router %d or link %d does not exist", ttl+1, m.Router, m.Link)
			}
		}
	}
	return nil
}
