package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"sync"

	"github.com/vishvananda/netlink"
)

// ChainConfig says what StartChain makes. Zero values have defaults.
type ChainConfig struct {
	Routers int // 3; at most 30
	// LinuxLimits leaves the kernel's limits on ICMP errors in place. Without it nothing is limited.
	LinuxLimits bool
}

// Chain is a row of namespaces joined by veth pairs: a prober, real Linux routers, a target. Interfaces are called
// "up" (toward the prober) and "down". Answers are the kernel's own; hops answer from their upper side.
type Chain struct {
	nodes []*Space // prober, routers, target
	limit bool

	mu    sync.Mutex
	drops map[chainDrop]int // percent times 100
}

// StartChain makes a chain, forwarding in both address families.
func StartChain(cfg ChainConfig) (*Chain, error) {
	routers := orDefault(cfg.Routers, 3)
	if routers < 1 || routers > 30 {
		return nil, fmt.Errorf("make a chain of %d routers: want 1 to 30", routers)
	}
	c := &Chain{limit: cfg.LinuxLimits, drops: map[chainDrop]int{}}
	for range routers + 2 {
		s, err := newSpace()
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		c.nodes = append(c.nodes, s)
	}
	for i := range c.nodes {
		if err := c.nodes[i].Do(func() error { return c.sysctls(i) }); err != nil {
			return nil, errors.Join(fmt.Errorf("node %d: %w", i, err), c.Close())
		}
	}
	for i := range c.nodes[1:] {
		if err := c.join(i); err != nil {
			return nil, errors.Join(fmt.Errorf("join nodes %d and %d: %w", i, i+1, err), c.Close())
		}
	}
	for i := range c.nodes {
		if err := c.routes(i); err != nil {
			return nil, errors.Join(fmt.Errorf("node %d: %w", i, err), c.Close())
		}
	}
	for i := range c.nodes[1:] {
		if err := c.ready(i); err != nil {
			return nil, errors.Join(err, c.Close())
		}
	}
	return c, nil
}

// Close ends the chain. Programs still running inside keep their namespace alive, without neighbours.
func (c *Chain) Close() error {
	var errs error
	for _, s := range c.nodes {
		errs = errors.Join(errs, s.close())
	}
	return errs
}

// Space is the prober's namespace.
func (c *Chain) Space() *Space { return c.nodes[0] }

// Routers is their number.
func (c *Chain) Routers() int { return len(c.nodes) - 2 }

// Router is the namespace of the router at a TTL, from 1 on; that after the last router is the target's.
func (c *Chain) Router(ttl int) *Space { return c.nodes[ttl] }

// Target is the target's namespace, for servers that listen there.
func (c *Chain) Target() *Space { return c.nodes[len(c.nodes)-1] }

// Addr4 is the address that answers at a TTL, from 1 on; Routers()+1 is the target.
func (c *Chain) Addr4(ttl int) netip.Addr { _, far := c.link4(ttl - 1); return far }

// Addr6 likewise.
func (c *Chain) Addr6(ttl int) netip.Addr { _, far := c.link6(ttl - 1); return far }

// link4 are the addresses at both ends of the link between nodes i and i+1.
func (c *Chain) link4(i int) (near, far netip.Addr) {
	switch {
	case i == 0:
		src, gw, _, _ := proberAddrs()
		return src, gw
	case i == len(c.nodes)-2:
		return netip.AddrFrom4([4]byte{203, 0, 113, 1}), netip.AddrFrom4([4]byte{203, 0, 113, 7})
	}
	return netip.AddrFrom4([4]byte{198, 18, byte(i), 1}), netip.AddrFrom4([4]byte{198, 18, byte(i), 2})
}

func (c *Chain) link6(i int) (near, far netip.Addr) {
	return v6Addr(0x100+uint16(i), 1), v6Addr(0x100+uint16(i), 2)
}

func (c *Chain) sysctls(i int) error {
	settings := []setting{
		{"net/ipv6/conf/all/keep_addr_on_down", "1"},
		{"net/ipv6/conf/default/dad_transmits", "0"},
		{"net/ipv6/conf/default/accept_dad", "0"},
		{"net/ipv4/conf/all/rp_filter", "0"},
		{"net/ipv4/conf/default/rp_filter", "0"},
	}
	if i > 0 && i < len(c.nodes)-1 {
		settings = append(settings, setting{"net/ipv4/ip_forward", "1"}, setting{"net/ipv6/conf/all/forwarding", "1"})
	}
	if !c.limit {
		settings = append(settings, setting{"net/ipv4/icmp_ratelimit", "0"}, setting{"net/ipv6/icmp/ratelimit", "0"},
			setting{"net/ipv4/icmp_msgs_per_sec", "1000000"}, setting{"net/ipv4/icmp_msgs_burst", "100000"})
	}
	for _, s := range settings {
		if err := s.write(); err != nil && !errors.Is(err, os.ErrNotExist) { // no IPv6; icmp_msgs_* are global before 6.13
			return err
		}
	}
	if err := openPingSockets(); err != nil {
		return err
	}
	return loopbackUp()
}

// join connects node i's interface "down" with the next node's "up".
func (c *Chain) join(i int) error {
	next := c.nodes[i+1]
	err := c.nodes[i].Do(func() error {
		veth := &netlink.Veth{LinkAttrs: netlink.NewLinkAttrs(), PeerName: "up", PeerNamespace: netlink.NsFd(next.fd)}
		veth.Name = "down"
		if err := netlink.LinkAdd(veth); err != nil {
			return fmt.Errorf("make a veth pair: %w", err)
		}
		near4, _ := c.link4(i)
		near6, _ := c.link6(i)
		return address("down", near4, near6)
	})
	if err != nil {
		return err
	}
	return next.Do(func() error {
		_, far4 := c.link4(i)
		_, far6 := c.link6(i)
		return address("up", far4, far6)
	})
}

// address gives an interface of the calling thread's namespace its addresses and sets it up.
func address(name string, v4, v6 netip.Addr) error {
	link, err := netlink.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", name, err)
	}
	for _, a := range []*netlink.Addr{{IPNet: ipNet(v4, 24)}, {IPNet: ipNet(v6, 64)}} {
		if err := netlink.AddrReplace(link, a); err != nil {
			return fmt.Errorf("add %s to %s: %w", a.IPNet, name, err)
		}
	}
	return nil
}

// routes sets a node's routes: everything is down the chain, the prober's link is up.
func (c *Chain) routes(i int) error {
	return c.nodes[i].Do(func() error {
		var routes []netlink.Route
		last := len(c.nodes) - 1
		if i < last {
			_, far4 := c.link4(i)
			_, far6 := c.link6(i)
			routes = append(routes, netlink.Route{Gw: far4.AsSlice()}, netlink.Route{Gw: far6.AsSlice()})
		}
		if i > 1 {
			near4, _ := c.link4(i - 1)
			near6, _ := c.link6(i - 1)
			src4, _ := c.link4(0)
			src6, _ := c.link6(0)
			to4, to6 := ipNet(netip.PrefixFrom(src4, 24).Masked().Addr(), 24), ipNet(netip.PrefixFrom(src6, 64).Masked().Addr(), 64)
			if i == last {
				to4, to6 = nil, nil // the target's way up is its only one
			}
			routes = append(routes, netlink.Route{Dst: to4, Gw: near4.AsSlice()}, netlink.Route{Dst: to6, Gw: near6.AsSlice()})
		}
		for _, r := range routes {
			if err := netlink.RouteReplace(&r); err != nil {
				return fmt.Errorf("route %v via %s: %w", r.Dst, r.Gw, err)
			}
		}
		return nil
	})
}

// ready waits until the link below node i carries packets of both families. The kernel drops what is sent on a veth
// pair before its carrier has been noticed, which takes a while on a busy machine.
func (c *Chain) ready(i int) error {
	_, far4 := c.link4(i)
	_, far6 := c.link6(i)
	for _, to := range []netip.Addr{far4, far6} {
		err := c.nodes[i].Do(func() error { return awaitEcho(to) })
		if err != nil {
			return fmt.Errorf("link below %s: %w", c.nodeName(i), err)
		}
	}
	return nil
}

// nodeName is for errors.
func (c *Chain) nodeName(i int) string {
	switch i {
	case 0:
		return "prober"
	case len(c.nodes) - 1:
		return "target"
	}
	return "router " + strconv.Itoa(i)
}
