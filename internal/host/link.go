package host

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/report"
)

// link is an interface and its number, by which routes name it.
type link struct {
	index int32
	report.HostLink
}

// readLinks asks for the links of the calling thread's namespace, in order
// of their numbers.
func readLinks() ([]link, error) {
	var out []link
	_, err := query(unix.RTM_GETLINK, unix.NLM_F_DUMP, make([]byte, unix.SizeofIfInfomsg), dumpBytes, func(m message) error {
		if m.Header.Type != unix.RTM_NEWLINK {
			return nil
		}
		l, ok, err := parseLink(m.Data)
		if ok {
			out = append(out, l)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b link) int { return cmp.Compare(a.index, b.index) })
	readSpeeds(out)
	return out, nil
}

// parseLink reads struct ifinfomsg and its attributes (rtnetlink(7)). A
// link without name or counters is left out: zeros in their place would be
// a statement.
func parseLink(data []byte) (l link, ok bool, err error) {
	if len(data) < unix.SizeofIfInfomsg {
		return link{}, false, errTruncated
	}
	attr, err := attributes(data[unix.SizeofIfInfomsg:])
	if err != nil {
		return link{}, false, err
	}
	l.index = int32(binary.NativeEndian.Uint32(data[4:]))
	l.Name = linkName(attr[unix.IFLA_IFNAME])
	l.Up = binary.NativeEndian.Uint32(data[8:])&unix.IFF_UP != 0
	mtu, hasMTU := u32(attr[unix.IFLA_MTU])
	if l.Name == "" || !hasMTU || mtu > math.MaxInt32 || !l.counters(attr[unix.IFLA_STATS64]) {
		return link{}, false, nil
	}
	l.MTU = int(mtu)
	// A link that was taken down has no carrier to speak of; what the driver says then is a leftover.
	if c := attr[unix.IFLA_CARRIER]; l.Up && len(c) == 1 {
		l.Carrier = new(c[0] != 0)
	}
	if n, ok := u32(attr[unix.IFLA_CARRIER_CHANGES]); ok && n <= math.MaxInt32 {
		l.Flaps = new(int(n))
	}
	return l, true, nil
}

// counters reads the beginning of struct rtnl_link_stats64: packets, bytes,
// errors, drops, each received and sent.
func (l *link) counters(stats []byte) bool {
	if len(stats) < 8*8 {
		return false
	}
	at := func(i int) uint64 { return binary.NativeEndian.Uint64(stats[8*i:]) }
	l.RxErrors, l.TxErrors, l.RxDropped, l.TxDropped = at(4), at(5), at(6), at(7)
	return true
}

// linkName makes a name one printable word. The kernel takes all bytes but
// slash, colon and white space, and a name is a field of a line here.
func linkName(value []byte) string {
	name, _, _ := bytes.Cut(value, []byte{0})
	name = name[:min(len(name), unix.IFNAMSIZ)]
	return strings.ReplaceAll(report.Printable(string(name)), " ", "_")
}

// nameOf is the name of the link with a number, or "".
func nameOf(links []link, index int32) string {
	for _, l := range links {
		if l.index == index {
			return l.Name
		}
	}
	return ""
}

// ethtoolCmd is struct ethtool_cmd of linux/ethtool.h, which x/sys lacks.
// rtnetlink does not carry the speed.
type ethtoolCmd struct {
	cmd                    uint32
	supported, advertising uint32
	speed                  uint16 // Mbit/s, the lower half
	_                      [6]byte
	maxTx, maxRx           uint32
	speedHigh              uint16
	_                      [2]byte
	lpAdvertising          uint32
	_                      [2]uint32
}

// readSpeeds asks the drivers of links with a carrier. The socket makes it
// those of the calling thread's namespace. A driver that does not know, as
// of most virtual links, leaves the speed absent.
func readSpeeds(links []link) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	for i := range links[:min(len(links), maxLinks)] {
		l := &links[i]
		if l.Carrier == nil || !*l.Carrier || len(l.Name) >= unix.IFNAMSIZ {
			continue
		}
		cmd := &ethtoolCmd{cmd: unix.ETHTOOL_GSET}
		req := struct {
			name [unix.IFNAMSIZ]byte
			data unsafe.Pointer
			_    [16]byte // struct ifreq is that long; the kernel copies it whole
		}{data: unsafe.Pointer(cmd)}
		copy(req.name[:], l.Name) // one that was not printable names no link
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&req)))
		if speed := uint32(cmd.speedHigh)<<16 | uint32(cmd.speed); errno == 0 && knownSpeed(speed) {
			l.SpeedMbps = new(int(speed))
		}
	}
}

// knownSpeed leaves out what drivers say for "unknown": all bits of 16 or
// of 32, or zero.
func knownSpeed(mbps uint32) bool {
	return mbps != 0 && mbps != math.MaxUint16 && mbps <= math.MaxInt32
}
