package host

import (
	"encoding/binary"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	// dumpBytes bounds what is read of one table: a router that holds the
	// Internet's routes would have to copy a hundred megabytes for one line.
	// It is about 8,000 routes and neighbours, or 600 links.
	dumpBytes = 1 << 20
	// dumpBuffer is the largest message that the kernel makes of a dump;
	// a smaller buffer only means more calls.
	dumpBuffer = 32 << 10
)

// errNetlink is what every failure of a request wraps.
var errNetlink = errors.New("the kernel did not say (rtnetlink)")

// errTruncated is a message that is shorter than its type.
var errTruncated = errors.New("truncated message")

// message is an answer: its header, and what follows.
type message = syscall.NetlinkMessage

// query sends one request to the kernel's routing tables, in the calling
// thread's namespace, and calls each for the answers. body is what follows
// the netlink header (rtnetlink(7)). With NLM_F_DUMP in flags the answer is
// a table; whole is false when more than limit bytes were to come.
func query(kind uint16, flags uint16, body []byte, limit int, each func(message) error) (whole bool, err error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errNetlink, err)
	}
	defer unix.Close(fd)
	// The kernel answers at once, under a lock that others may hold: a wait without end would stop the watchdog.
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 500_000}); err != nil {
		return false, fmt.Errorf("%w: %w", errNetlink, err)
	}
	// With it the kernel sends only what the request names. Those before 4.20 send all, and we leave out the rest.
	_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1)
	req := make([]byte, unix.NLMSG_HDRLEN, unix.NLMSG_HDRLEN+len(body))
	binary.NativeEndian.PutUint32(req, uint32(unix.NLMSG_HDRLEN+len(body)))
	binary.NativeEndian.PutUint16(req[4:], kind)
	binary.NativeEndian.PutUint16(req[6:], flags|unix.NLM_F_REQUEST)
	binary.NativeEndian.PutUint32(req[8:], 1) // sequence
	if err := unix.Sendto(fd, append(req, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return false, fmt.Errorf("%w: %w", errNetlink, err)
	}
	buf := make([]byte, dumpBuffer)
	for read := 0; ; {
		n, from, err := unix.Recvfrom(fd, buf, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("%w: %w", errNetlink, err)
		}
		if sa, ok := from.(*unix.SockaddrNetlink); !ok || sa.Pid != 0 {
			continue // other processes may write to this socket too
		}
		done, err := messages(buf[:n], each)
		if done || err != nil {
			return true, err
		}
		if flags&unix.NLM_F_DUMP == 0 {
			return true, nil
		}
		// Closing the socket ends the dump.
		if read += n; read >= limit {
			return false, nil
		}
	}
}

// messages calls each for what one datagram holds. done says that nothing
// more comes.
func messages(data []byte, each func(message) error) (done bool, err error) {
	msgs, err := syscall.ParseNetlinkMessage(data)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errNetlink, err)
	}
	for _, m := range msgs {
		switch m.Header.Type {
		case unix.NLMSG_DONE:
			return true, nil
		case unix.NLMSG_ERROR:
			if len(m.Data) < 4 {
				return true, fmt.Errorf("%w: %w", errNetlink, errTruncated)
			}
			errno := -int32(binary.NativeEndian.Uint32(m.Data))
			if errno == 0 {
				return true, nil // an acknowledgement
			}
			return true, fmt.Errorf("%w: %w", errNetlink, unix.Errno(errno))
		}
		if err := each(m); err != nil {
			return true, fmt.Errorf("%w: %w", errNetlink, err)
		}
	}
	return false, nil
}

// attributes splits the attributes of a message (struct rtattr: length,
// type, value, each padded to 4 bytes). One type given twice: the last
// counts. They are never longer than data.
func attributes(data []byte) (map[uint16][]byte, error) {
	out := map[uint16][]byte{}
	for len(data) >= unix.SizeofRtAttr {
		n := int(binary.NativeEndian.Uint16(data))
		if n < unix.SizeofRtAttr || n > len(data) {
			return nil, errTruncated
		}
		// The two highest bits are flags: nested, network byte order.
		out[binary.NativeEndian.Uint16(data[2:])&0x3fff] = data[unix.SizeofRtAttr:n]
		data = data[min(len(data), (n+3)&^3):]
	}
	return out, nil
}

// u32 reads an attribute of that size.
func u32(value []byte) (uint32, bool) {
	if len(value) != 4 {
		return 0, false
	}
	return binary.NativeEndian.Uint32(value), true
}
