package lab

import (
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestAlone is TestMain for a package whose tests run programs as they are, without a Net: they run in a network
// namespace that has nothing but loopback, so that no probe can leave the machine, whatever a test asks for. The
// documentation ranges of IPv4 have a route there that swallows what is sent: their addresses are silent.
func TestAlone(m interface{ Run() int }) int {
	if os.Getenv(insideVariable) == "" {
		var code int
		var err error
		if os.Geteuid() == 0 {
			code, err = again(&syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET})
		} else {
			code, err = Again()
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "no network namespace can be made, and without one these tests would send to the outside: %v\n", err)
			return 1
		}
		return code
	}
	if err := loopbackOnly(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func loopbackOnly() error {
	lo, err := netlink.LinkByName("lo")
	if err == nil {
		err = netlink.LinkSetUp(lo)
	}
	if err != nil {
		return fmt.Errorf("bring up loopback: %w", err)
	}
	for _, prefix := range []string{"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"} {
		_, dst, err := net.ParseCIDR(prefix)
		if err != nil {
			return err
		}
		// What comes back in on lo for an address that is nobody's is dropped without a word.
		if err := netlink.RouteAdd(&netlink.Route{LinkIndex: lo.Attrs().Index, Dst: dst, Scope: netlink.SCOPE_LINK}); err != nil {
			return fmt.Errorf("add a silent route to %s: %w", prefix, err)
		}
	}
	return nil
}
