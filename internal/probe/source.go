package probe

import (
	"errors"
	"fmt"
	"net/netip"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sources finds the local address that packets to a target leave from, as
// the kernel chooses it at this moment. Its sockets are connected, never
// written to: no packet leaves.
type sources struct {
	do    func(func() error) error // runs in the network namespace
	fds   [2]int                   // UDP over IPv4 and IPv6; -1: none
	cache map[sourceKey]sourceValue
	swept time.Time
}

type sourceKey struct{ target, source netip.Addr }

type sourceValue struct {
	source netip.Addr
	err    error
	asked  time.Time
}

// sourceAge bounds how long probes go on leaving from an address, or to
// nowhere, after the routes have changed.
const sourceAge = time.Second

// sourceAgeWatch is the same of watch pings, of which there may be thousands
// a second; a ping that is lost ends it.
const sourceAgeWatch = 15 * time.Second

// errNoRoute: this machine has no route to the target.
var errNoRoute = errors.New("no route")

func openSources(do func(func() error) error) (*sources, error) {
	s := &sources{do: do, fds: [2]int{-1, -1}, cache: make(map[sourceKey]sourceValue)}
	err := do(func() error {
		var errs [2]error
		for i, family := range [...]int{unix.AF_INET, unix.AF_INET6} {
			fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
			if err != nil {
				errs[i] = err
				continue
			}
			s.fds[i] = fd
		}
		if s.fds[0] < 0 && s.fds[1] < 0 {
			return fmt.Errorf("open a socket to look up routes: %w", errors.Join(errs[:]...))
		}
		return nil
	})
	return s, err
}

func (s *sources) close() {
	for i, fd := range s.fds {
		if fd >= 0 {
			_ = unix.Close(fd) // holds no data
			s.fds[i] = -1
		}
	}
}

// find is the address to send from to target: source where that is valid and
// this machine's. The error wraps errNoRoute or ErrInvalid.
func (s *sources) find(target, source netip.Addr, now time.Time, age time.Duration) (netip.Addr, error) {
	k := sourceKey{target, source}
	if v, ok := s.cache[k]; ok && now.Sub(v.asked) < age && (v.err == nil || now.Sub(v.asked) < sourceAge) {
		return v.source, v.err
	}
	v := sourceValue{asked: now}
	if source.IsValid() {
		v.source, v.err = source, s.tryFrom(target, source)
	} else {
		v.source, v.err = s.ask(target)
	}
	s.cache[k] = v
	return v.source, v.err
}

// doubt lets the next probe to a target look for its route again.
func (s *sources) doubt(target, source netip.Addr) { delete(s.cache, sourceKey{target, source}) }

// sweep forgets what is too old to be used.
func (s *sources) sweep(now time.Time) {
	if now.Sub(s.swept) < sourceAgeWatch {
		return
	}
	s.swept = now
	for k, v := range s.cache {
		if now.Sub(v.asked) >= sourceAgeWatch {
			delete(s.cache, k)
		}
	}
}

// ask connects the family's socket to the target and sees where that leaves it.
func (s *sources) ask(target netip.Addr) (netip.Addr, error) {
	i := 0
	if target.Is6() {
		i = 1
	}
	fd := s.fds[i]
	if fd < 0 {
		return netip.Addr{}, fmt.Errorf("find a route to %s: this machine does not speak its family: %w", target, ErrInvalid)
	}
	if err := disconnect(fd); err != nil {
		return netip.Addr{}, routeError(target, err)
	}
	if err := unix.Connect(fd, sockaddr(target, 9)); err != nil {
		return netip.Addr{}, routeError(target, err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return netip.Addr{}, routeError(target, err)
	}
	return addrOf(name), nil
}

// disconnect makes a UDP socket forget its peer and the source it had for
// it, from which the next connect would look for a route (connect(2)).
// golang.org/x/sys/unix has no address of family AF_UNSPEC.
func disconnect(fd int) error {
	none := unix.RawSockaddrInet4{Family: unix.AF_UNSPEC}
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&none)), unsafe.Sizeof(none))
	if errno != 0 {
		return errno
	}
	return nil
}

// tryFrom binds a socket to the source and connects it to the target.
func (s *sources) tryFrom(target, source netip.Addr) error {
	return s.do(func() error {
		family := unix.AF_INET
		if target.Is6() {
			family = unix.AF_INET6
		}
		fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return routeError(target, err)
		}
		defer unix.Close(fd)
		if err := unix.Bind(fd, sockaddr(source, 0)); err != nil {
			return fmt.Errorf("send from %s: not an address of this machine (%w): %w", source, err, ErrInvalid)
		}
		if err := unix.Connect(fd, sockaddr(target, 9)); err != nil {
			return routeError(target, err)
		}
		return nil
	})
}

// routeError says what the kernel's refusal to connect means.
func routeError(target netip.Addr, err error) error {
	switch {
	case errors.Is(err, unix.ENETUNREACH), errors.Is(err, unix.EHOSTUNREACH), errors.Is(err, unix.ENETDOWN),
		errors.Is(err, unix.EADDRNOTAVAIL):
		return fmt.Errorf("find a route to %s: %w (%w)", target, errNoRoute, err)
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EINVAL):
		// EACCES: a broadcast address or a prohibit route; EINVAL: a
		// blackhole route, or an address that has no route by nature.
		return fmt.Errorf("find a route to %s: the kernel refuses it (%w): %w", target, err, errNoRoute)
	}
	return fmt.Errorf("find a route to %s: %w: %w", target, err, ErrSystem)
}

func sockaddr(a netip.Addr, port int) unix.Sockaddr {
	if a.Is4() {
		return &unix.SockaddrInet4{Port: port, Addr: a.As4()}
	}
	return &unix.SockaddrInet6{Port: port, Addr: a.As16()}
}

func addrOf(sa unix.Sockaddr) netip.Addr {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrFrom4(sa.Addr)
	case *unix.SockaddrInet6:
		return netip.AddrFrom16(sa.Addr)
	}
	return netip.Addr{}
}
