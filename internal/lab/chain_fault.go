package lab

import (
	"errors"
	"fmt"
	"math"
	"net"
	"os/exec"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// chainDrop is where a router drops packets.
type chainDrop struct {
	ttl int
	d   Direction // Forward or Backward
}

// Loss lets the router at a TTL drop a part of what it *forwards*, in percent, at random: answers of its own and
// probes that expire at it are not touched. 0 ends it. It needs the program nft.
func (c *Chain) Loss(ttl int, d Direction, percent float64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ttl < 1 || ttl > c.Routers() || percent < 0 || percent > 100 {
		return fmt.Errorf("loss of %g%% at router %d: want 0 to 100, routers 1 to %d", percent, ttl, c.Routers())
	}
	for _, one := range []Direction{Forward, Backward} {
		if d&one != 0 {
			c.drops[chainDrop{ttl, one}] = int(math.Round(percent * 100))
		}
	}
	var rules strings.Builder
	// The first line makes the deletion succeed where there is no table yet.
	rules.WriteString("table inet lab\ndelete table inet lab\ntable inet lab {\nchain forward {\ntype filter hook forward priority 0\n")
	for _, one := range []Direction{Forward, Backward} {
		from := map[Direction]string{Forward: "up", Backward: "down"}[one]
		switch n := c.drops[chainDrop{ttl, one}]; n {
		case 0:
		case 10000: // nft accepts no comparison that is always true
			fmt.Fprintf(&rules, "iifname %q counter drop\n", from)
		default:
			fmt.Fprintf(&rules, "iifname %q numgen random mod 10000 < %d counter drop\n", from, n)
		}
	}
	rules.WriteString("}\n}\n")
	cmd := exec.Command("nft", "-f", "-")
	cmd.Stdin = strings.NewReader(rules.String())
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	err := c.nodes[ttl].Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("set loss at %s: nft: %w: %s", c.nodeName(ttl), err, strings.TrimSpace(out.String()))
	}
	return nil
}

// LinkDown takes down the link below the node at a TTL (0 is the prober), and up again.
func (c *Chain) LinkDown(ttl int, down bool) error {
	if ttl < 0 || ttl > c.Routers() {
		return fmt.Errorf("link below node %d: want 0 to %d", ttl, c.Routers())
	}
	err := c.nodes[ttl].Do(func() error {
		link, err := netlink.LinkByName("down")
		if err != nil {
			return err
		}
		if down {
			return netlink.LinkSetDown(link)
		}
		near4, _ := c.link4(ttl)
		near6, _ := c.link6(ttl)
		return address("down", near4, near6)
	})
	if err == nil && !down {
		err = c.routes(ttl) // the kernel dropped those through the link
	}
	if err == nil && !down {
		err = c.ready(ttl)
	}
	if err != nil {
		return fmt.Errorf("link below %s: %w", c.nodeName(ttl), err)
	}
	return nil
}

// Refuse lets the router at a TTL have no way to the target, and say so as u asks; Forwards ends it.
func (c *Chain) Refuse(ttl int, u Unreachable) error {
	if ttl < 1 || ttl > c.Routers() {
		return fmt.Errorf("refuse at router %d: want 1 to %d", ttl, c.Routers())
	}
	target := c.Routers() + 1
	kind, ok := map[Unreachable]int{
		// A throw route ends the look-up without a result: network unreachable.
		NetUnreachable: unix.RTN_THROW, HostUnreachable: unix.RTN_UNREACHABLE, AdminProhibited: unix.RTN_PROHIBIT,
	}[u]
	err := c.nodes[ttl].Do(func() error {
		var errs error
		for _, dst := range []*net.IPNet{ipNet(c.Addr4(target), 32), ipNet(c.Addr6(target), 128)} {
			old := []int{unix.RTN_THROW, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT}
			for t := range slices.Values(old) {
				err := netlink.RouteDel(&netlink.Route{Dst: dst, Type: t})
				if err != nil && !errors.Is(err, unix.ESRCH) {
					errs = errors.Join(errs, err)
				}
			}
			if ok {
				errs = errors.Join(errs, netlink.RouteAdd(&netlink.Route{Dst: dst, Type: kind}))
			}
		}
		return errs
	})
	if err != nil {
		return fmt.Errorf("refuse at %s: %w", c.nodeName(ttl), err)
	}
	return nil
}
