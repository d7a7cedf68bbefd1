package host

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// route is one next hop of a default route of the main table.
type route struct {
	v6     bool
	kind   uint8      // RTN_UNICAST, or how it refuses
	via    netip.Addr // invalid: the link itself
	index  int32      // of the link; 0: none
	metric uint32     // lower is better
	flags  uint8      // RTNH_F_*
}

// readRoutes asks for the default routes of the calling thread's namespace:
// IPv4 first, the lowest metric first, at most maxRoutes. Other tables than
// main are those of policy routing and of VRFs; what goes there is not what
// this machine does by default.
//
// limit bounds what is read of each family. The kernel's IPv4 table begins
// with the default routes. Its IPv6 table ends with them, so where it was
// cut, the route that the kernel would take has to do.
func readRoutes(limit int) ([]route, error) {
	var out []route
	v4, _, err := askRoutes(rtMsg(unix.AF_INET, unix.RT_TABLE_MAIN), unix.NLM_F_DUMP, limit)
	if err != nil {
		return nil, err
	}
	// A kernel without IPv6 has none of it: IPv4 is all there is then.
	v6, whole, err := askRoutes(rtMsg(unix.AF_INET6, unix.RT_TABLE_MAIN), unix.NLM_F_DUMP, limit)
	if err == nil && !whole && len(v6) == 0 {
		ask := rtMsg(unix.AF_INET6, unix.RT_TABLE_UNSPEC)
		ask[1] = 128 // bits of the address that follows: ::
		binary.NativeEndian.PutUint32(ask[8:], unix.RTM_F_FIB_MATCH)
		ask = binary.NativeEndian.AppendUint16(ask, unix.SizeofRtAttr+16)
		ask = binary.NativeEndian.AppendUint16(ask, unix.RTA_DST)
		ask = append(ask, make([]byte, 16)...)
		v6, _, _ = askRoutes(ask, 0, limit) // that there is none is an error here
	}
	for _, family := range [][]route{v4, v6} {
		slices.SortStableFunc(family, func(a, b route) int { return cmp.Compare(a.metric, b.metric) })
		out = append(out, family...)
	}
	return out[:min(len(out), maxRoutes)], nil
}

// askRoutes sends one request, that begins with struct rtmsg.
func askRoutes(ask []byte, flags uint16, limit int) (out []route, whole bool, err error) {
	whole, err = query(unix.RTM_GETROUTE, flags, ask, limit, func(m message) error {
		// Asked for a family that it does not have, a kernel may answer with those that it has.
		if m.Header.Type != unix.RTM_NEWROUTE || len(m.Data) > 0 && m.Data[0] != ask[0] {
			return nil
		}
		rs, err := parseRoute(m.Data)
		out = append(out, rs...)
		return err
	})
	if errors.Is(err, unix.ENOENT) { // the table is made with its first route
		return nil, true, nil
	}
	return out, whole, err
}

// rtMsg is struct rtmsg: family, destination bits, source bits, TOS, table,
// protocol, scope, type, flags.
func rtMsg(family, table byte) []byte {
	m := make([]byte, unix.SizeofRtMsg)
	m[0], m[4] = family, table
	return m
}

// parseRoute reads struct rtmsg and its attributes: a route each for the
// next hops of a default route of the main table, nothing for others.
func parseRoute(data []byte) ([]route, error) {
	if len(data) < unix.SizeofRtMsg {
		return nil, errTruncated
	}
	attr, err := attributes(data[unix.SizeofRtMsg:])
	if err != nil {
		return nil, err
	}
	if family := data[0]; data[1] != 0 || data[4] != unix.RT_TABLE_MAIN || family != unix.AF_INET && family != unix.AF_INET6 {
		return nil, nil
	}
	r := route{v6: data[0] == unix.AF_INET6, kind: data[7], flags: uint8(binary.NativeEndian.Uint32(data[8:]))}
	switch r.kind {
	case unix.RTN_UNICAST, unix.RTN_UNREACHABLE, unix.RTN_BLACKHOLE, unix.RTN_PROHIBIT, unix.RTN_THROW:
	default:
		return nil, nil
	}
	r.metric, _ = u32(attr[unix.RTA_PRIORITY]) // absent is 0 to the kernel too
	if hops, ok := attr[unix.RTA_MULTIPATH]; ok {
		return nextHops(r, hops)
	}
	r.hop(attr)
	if n, ok := u32(attr[unix.RTA_OIF]); ok {
		r.index = int32(n)
	}
	return []route{r}, nil
}

// nextHops reads the hops of a route that has several: struct rtnexthop
// (length, flags, weight, link) and attributes, again and again.
func nextHops(r route, data []byte) ([]route, error) {
	var out []route
	for len(data) >= unix.SizeofRtNexthop {
		n := int(binary.NativeEndian.Uint16(data))
		if n < unix.SizeofRtNexthop || n > len(data) {
			return nil, errTruncated
		}
		attr, err := attributes(data[unix.SizeofRtNexthop:n])
		if err != nil {
			return nil, err
		}
		one := r
		one.flags = data[2]
		one.index = int32(binary.NativeEndian.Uint32(data[4:]))
		one.hop(attr)
		out = append(out, one)
		data = data[min(len(data), (n+3)&^3):]
	}
	return out, nil
}

// hop finds the next hop: RTA_GATEWAY of the route's family, or RTA_VIA,
// which is of another (RFC 5549: IPv4 through an IPv6 neighbour).
func (r *route) hop(attr map[uint16][]byte) {
	gw := attr[unix.RTA_GATEWAY]
	if via := attr[unix.RTA_VIA]; len(via) > 2 {
		gw = via[2:]
	}
	if a, ok := netip.AddrFromSlice(gw); ok && !a.IsUnspecified() {
		r.via = a.Unmap()
	}
}

// text is the route as ip(8) would write it.
func (r route) text(links []link) string {
	var b strings.Builder
	switch r.kind {
	case unix.RTN_UNREACHABLE:
		b.WriteString("unreachable ")
	case unix.RTN_BLACKHOLE:
		b.WriteString("blackhole ")
	case unix.RTN_PROHIBIT:
		b.WriteString("prohibit ")
	case unix.RTN_THROW:
		b.WriteString("throw ")
	}
	b.WriteString("default")
	if r.via.IsValid() {
		fmt.Fprintf(&b, " via %s", r.via)
	}
	if r.index != 0 {
		fmt.Fprintf(&b, " dev %s", devName(links, r.index))
	}
	if r.metric != 0 && r.metric != math.MaxUint32 {
		fmt.Fprintf(&b, " metric %d", r.metric)
	}
	if r.flags&unix.RTNH_F_DEAD != 0 {
		b.WriteString(" dead")
	}
	if r.flags&unix.RTNH_F_LINKDOWN != 0 {
		b.WriteString(" linkdown")
	}
	return b.String()
}

func routeTexts(routes []route, links []link) []string {
	out := make([]string, 0, len(routes))
	for _, r := range routes {
		out = append(out, r.text(links))
	}
	return out
}

// devName is a link's name, or as ip(8) does its number where it has none
// here.
func devName(links []link, index int32) string {
	if n := nameOf(links, index); n != "" {
		return n
	}
	return fmt.Sprintf("if%d", index)
}
