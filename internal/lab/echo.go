package lab

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// awaitEcho pings an address from the calling thread's namespace until it answers, for at most 10 s.
func awaitEcho(to netip.Addr) error {
	family, protocol, request := unix.AF_INET, unix.IPPROTO_ICMP, byte(echoRequest4)
	var sa unix.Sockaddr = &unix.SockaddrInet4{Addr: [4]byte(to.AsSlice()[:4])}
	if to.Is6() {
		family, protocol, request = unix.AF_INET6, unix.IPPROTO_ICMPV6, echoRequest6
		sa = &unix.SockaddrInet6{Addr: to.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return fmt.Errorf("open an ICMP socket: %w", err)
	}
	defer unix.Close(fd)
	patience := unix.NsecToTimeval(int64(50 * time.Millisecond))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience); err != nil {
		return fmt.Errorf("set a socket's timeout: %w", err)
	}
	var last error
	for began := time.Now(); time.Since(began) < 10*time.Second; {
		packet := []byte{request, 7: 1} // the kernel fills in checksum and identifier
		if last = unix.Sendto(fd, packet, 0, sa); last != nil {
			time.Sleep(5 * time.Millisecond) // no route yet: nothing to wait for
			continue
		}
		if _, _, last = unix.Recvfrom(fd, make([]byte, 64), 0); last == nil {
			return nil
		}
	}
	return fmt.Errorf("no answer from %s: %w", to, last)
}
