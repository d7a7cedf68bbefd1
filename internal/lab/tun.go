package lab

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	tunPath = "/dev/net/tun"
	tunName = "lab0"
	tunMTU  = 1500
	// tunQueue is long enough that a probe is never dropped before the engine has seen it (measured at 100,000/s).
	tunQueue = 32768
)

// openTUN makes the layer 3 device inside the calling thread's namespace. Its descriptor does not block;
// packets have no extra header. The device goes away with the descriptor.
func openTUN() (int, error) {
	fd, err := unix.Open(tunPath, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("open %s: %w", tunPath, err)
	}
	req, err := unix.NewIfreq(tunName)
	if err == nil {
		req.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, req)
	}
	if err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("make device %s: %w", tunName, err)
	}
	return fd, nil
}

// configureTUN gives the device the prober's addresses and makes it the only way out, through gateways that stand
// in the routing table so that programs can find them.
func configureTUN(src4, gw4, src6, gw6 netip.Addr) error {
	// IPv6 would talk by itself on a new device (router solicitation, duplicate address detection).
	for _, v := range []setting{
		{"net/ipv6/conf/" + tunName + "/addr_gen_mode", "1"},
		{"net/ipv6/conf/" + tunName + "/accept_ra", "0"},
		{"net/ipv6/conf/" + tunName + "/dad_transmits", "0"},
		{"net/ipv4/conf/" + tunName + "/rp_filter", "0"},
	} {
		if err := v.write(); err != nil && !errors.Is(err, os.ErrNotExist) { // a kernel without IPv6
			return err
		}
	}
	link, err := netlink.LinkByName(tunName)
	if err != nil {
		return fmt.Errorf("find device %s: %w", tunName, err)
	}
	if err := netlink.LinkSetTxQLen(link, tunQueue); err != nil {
		return fmt.Errorf("set the queue of %s: %w", tunName, err)
	}
	if err := netlink.LinkSetMTU(link, tunMTU); err != nil {
		return fmt.Errorf("set the MTU of %s: %w", tunName, err)
	}
	if err := loopbackUp(); err != nil {
		return err
	}
	if err := netlink.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", tunName, err)
	}
	for _, v := range []struct {
		src, gw netip.Addr
		bits    int
	}{{src4, gw4, 24}, {src6, gw6, 64}} {
		if !v.src.IsValid() {
			continue
		}
		a := &netlink.Addr{IPNet: ipNet(v.src, v.bits)}
		if v.src.Is6() {
			a.Flags = unix.IFA_F_NODAD
		}
		if err := netlink.AddrAdd(link, a); err != nil {
			return fmt.Errorf("add address %s: %w", v.src, err)
		}
		route := &netlink.Route{LinkIndex: link.Attrs().Index, Gw: v.gw.AsSlice()}
		if err := netlink.RouteAdd(route); err != nil {
			return fmt.Errorf("add default route via %s: %w", v.gw, err)
		}
	}
	return nil
}

// loopbackUp brings lo up in the calling thread's namespace.
func loopbackUp() error {
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("set lo up: %w", err)
	}
	return nil
}

func ipNet(a netip.Addr, bits int) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits, a.BitLen())}
}

// setting is one file under /proc/sys. Files below net/ are those of the writing thread's namespace.
type setting struct{ name, value string }

func (s setting) write() error {
	if err := os.WriteFile("/proc/sys/"+s.name, []byte(s.value), 0o644); err != nil {
		return fmt.Errorf("set %s to %q: %w", s.name, s.value, err)
	}
	return nil
}

// openPingSockets lets every group use ICMP datagram sockets (pro-bing). In a user namespace only mapped groups
// can be named, there the range is that of its root.
func openPingSockets() error {
	err := setting{"net/ipv4/ping_group_range", "0 2147483647"}.write()
	if errors.Is(err, unix.EINVAL) {
		return setting{"net/ipv4/ping_group_range", "0 0"}.write()
	}
	return err
}
