package echo

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	hops = 64
	// room is what we ask for: answers to 20,000 pings take about 16 MB, and the kernel doubles what it is asked for.
	room = 8 << 20
)

// socket is one family's.
type socket struct {
	fd     int
	family family
	raw    bool
	id     uint16 // identifier of our pings

	queue    []int32   // cells that wait to be sent, in order
	triedAt  time.Time // when the kernel had no room for the first of them
	drops    uint32    // packets for which there was no room, as last read
	doubt    time.Time // what left by then may have been answered without our hearing
	hasDoubt bool
}

var errAllowed = errors.New("allow this user's group in net.ipv4.ping_group_range, or give it CAP_NET_RAW")

// openSocket must run in the network namespace of the pings.
func openSocket(f family, opt *Options) (s *socket, err error) {
	domain, proto := unix.AF_INET, unix.IPPROTO_ICMP
	if f == v6 {
		domain, proto = unix.AF_INET6, unix.IPPROTO_ICMPV6
	}
	const flags = unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK
	s = &socket{fd: -1, family: f, raw: opt.raw}
	if !s.raw {
		if s.fd, err = unix.Socket(domain, unix.SOCK_DGRAM|flags, proto); errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
			s.raw = true
		}
	}
	if s.raw {
		s.fd, err = unix.Socket(domain, unix.SOCK_RAW|flags, proto)
	}
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("open a socket to ping over %s: %w; %w", f, err, errAllowed)
	}
	if err != nil {
		return nil, fmt.Errorf("open a socket to ping over %s: %w", f, err)
	}
	if err := s.set(opt); err != nil {
		_ = unix.Close(s.fd)
		return nil, err
	}
	return s, nil
}

// set prepares the socket before the first packet.
func (s *socket) set(opt *Options) error {
	level, ttl, recverr := unix.SOL_IP, unix.IP_TTL, unix.IP_RECVERR
	source := opt.Source4
	if s.family == v6 {
		level, ttl, recverr = unix.SOL_IPV6, unix.IPV6_UNICAST_HOPS, unix.IPV6_RECVERR
		source = opt.Source6
	}
	failed := func(what string, err error) error {
		return fmt.Errorf("prepare the socket to ping over %s: %s: %w", s.family, what, err)
	}
	// Of raw sockets, the error queue would have the ICMP errors of everybody on this machine. They get their own
	// as packets, through the filter.
	if s.raw {
		s.id = uint16(rand.Uint32())
		if err := setTypes(s.fd, s.family); err != nil {
			return failed("filter by type", err)
		}
		if err := setFilter(s.fd, s.family, s.id); err != nil {
			return failed("filter by identifier", err)
		}
	} else if err := unix.SetsockoptInt(s.fd, level, recverr, 1); err != nil {
		return failed("ask for ICMP errors", err)
	}
	if err := unix.SetsockoptInt(s.fd, level, ttl, hops); err != nil {
		return failed("set the TTL", err)
	}
	if err := unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); err != nil {
		return failed("ask for time stamps", err)
	}
	s.setRoom(opt)
	if err := s.bind(source); err != nil {
		return fmt.Errorf("ping from %s: %w; it must be an address of this machine", source, err)
	}
	return nil
}

// setRoom makes the socket's buffers as large as is allowed; less is no error.
func (s *socket) setRoom(opt *Options) {
	set := func(force, bounded, bytes int) {
		if bytes > 0 || unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, force, room) != nil {
			_ = unix.SetsockoptInt(s.fd, unix.SOL_SOCKET, bounded, cmp.Or(bytes, room))
		}
	}
	set(unix.SO_RCVBUFFORCE, unix.SO_RCVBUF, opt.receive)
	set(unix.SO_SNDBUFFORCE, unix.SO_SNDBUF, opt.send)
}

// bind sets the source, and has the kernel choose the identifier of a
// datagram socket: nobody else's here is the same.
func (s *socket) bind(source netip.Addr) error {
	if s.raw && !source.IsValid() {
		return nil
	}
	var sa unix.Sockaddr = &unix.SockaddrInet4{}
	if s.family == v6 {
		a := &unix.SockaddrInet6{}
		if source.IsValid() {
			a.Addr = source.As16()
			scope, err := s.scope(source)
			if err != nil {
				return err
			}
			a.ZoneId = scope
		}
		sa = a
	} else if source.IsValid() {
		sa = &unix.SockaddrInet4{Addr: source.Unmap().As4()}
	}
	if err := unix.Bind(s.fd, sa); err != nil || s.raw {
		return err
	}
	name, err := unix.Getsockname(s.fd)
	if err != nil {
		return err
	}
	switch a := name.(type) { // the port is the identifier
	case *unix.SockaddrInet4:
		s.id = uint16(a.Port)
	case *unix.SockaddrInet6:
		s.id = uint16(a.Port)
	}
	return nil
}

// scope is the interface of a link-local address with a zone; 0: it has none.
func (s *socket) scope(a netip.Addr) (uint32, error) {
	if a.Zone() == "" {
		return 0, nil
	}
	r, err := unix.NewIfreq(a.Zone())
	if err != nil {
		return 0, err
	}
	if err := unix.IoctlIfreq(s.fd, unix.SIOCGIFINDEX, r); err != nil {
		return 0, err
	}
	return r.Uint32(), nil
}

// dropped reads how many packets found no room. (SO_RXQ_OVFL would say that
// only with the next packet that finds some: what a full buffer dropped at
// its end would be known too late.)
func (s *socket) dropped() (uint32, error) {
	var info [unix.SK_MEMINFO_VARS]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(s.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, errno
	}
	return info[unix.SK_MEMINFO_DROPS], nil
}

// doubtful says whether an answer to what left then may have been missed.
func (s *socket) doubtful(sent time.Time) bool { return s.hasDoubt && !sent.After(s.doubt) }

func (s *socket) doubtUpTo(at time.Time) { s.doubt, s.hasDoubt = at, true }
