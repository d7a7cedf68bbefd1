package host

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// neighbour is what the kernel knows of an address on a link (ARP, NDP).
type neighbour struct {
	addr  netip.Addr
	index int32
	mac   net.HardwareAddr // nil: unknown, or the link needs none
	state uint16           // NUD_*
}

// readNeighbours asks for those of the calling thread's namespace, both
// families.
func readNeighbours() ([]neighbour, error) {
	var out []neighbour
	_, err := query(unix.RTM_GETNEIGH, unix.NLM_F_DUMP, make([]byte, unix.SizeofNdMsg), dumpBytes, func(m message) error {
		if m.Header.Type != unix.RTM_NEWNEIGH {
			return nil
		}
		n, ok, err := parseNeighbour(m.Data)
		if ok {
			out = append(out, n)
		}
		return err
	})
	return out, err
}

// parseNeighbour reads struct ndmsg (family, padding, link, state, flags,
// type) and its attributes. Those of bridges have no address and are left
// out.
func parseNeighbour(data []byte) (n neighbour, ok bool, err error) {
	if len(data) < unix.SizeofNdMsg {
		return neighbour{}, false, errTruncated
	}
	attr, err := attributes(data[unix.SizeofNdMsg:])
	if err != nil {
		return neighbour{}, false, err
	}
	if data[0] != unix.AF_INET && data[0] != unix.AF_INET6 {
		return neighbour{}, false, nil
	}
	n.addr, ok = netip.AddrFromSlice(attr[unix.NDA_DST])
	if !ok {
		return neighbour{}, false, nil
	}
	n.addr = n.addr.Unmap()
	n.index = int32(binary.NativeEndian.Uint32(data[4:]))
	n.state = binary.NativeEndian.Uint16(data[8:])
	// Six bytes on Ethernet, twenty on InfiniBand; a tunnel has its peer's address there.
	if mac := attr[unix.NDA_LLADDR]; len(mac) > 0 && len(mac) <= 32 {
		n.mac = slices.Clone(mac)
	}
	return n, true, nil
}

// neighbourTexts are those of gateways, as ip(8) would write them, in the
// order of the routes. A gateway that the kernel does not know is absent.
func neighbourTexts(all []neighbour, routes []route, links []link) []string {
	out := make([]string, 0, len(routes))
	for _, r := range routes {
		i := slices.IndexFunc(all, func(n neighbour) bool { return n.addr == r.via && n.index == r.index })
		if !r.via.IsValid() || i < 0 {
			continue
		}
		n := all[i]
		text := fmt.Sprintf("%s dev %s", n.addr, devName(links, n.index))
		if n.mac != nil {
			text += " lladdr " + n.mac.String()
		}
		text += " " + stateName(n.state)
		if !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// stateName is a NUD_ state in the words of ip(8).
func stateName(s uint16) string {
	switch s {
	case unix.NUD_INCOMPLETE:
		return "INCOMPLETE"
	case unix.NUD_REACHABLE:
		return "REACHABLE"
	case unix.NUD_STALE:
		return "STALE"
	case unix.NUD_DELAY:
		return "DELAY"
	case unix.NUD_PROBE:
		return "PROBE"
	case unix.NUD_FAILED:
		return "FAILED"
	case unix.NUD_NOARP:
		return "NOARP"
	case unix.NUD_PERMANENT:
		return "PERMANENT"
	case unix.NUD_NONE:
		return "NONE"
	}
	return fmt.Sprintf("0x%x", s)
}
