package echo

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// mmsghdr is struct mmsghdr of sendmmsg(2) and recvmmsg(2).
type mmsghdr struct {
	head unix.Msghdr
	len  uint32
}

// The calls below do not block, so the Go scheduler is not told of them: it
// would take the processor away from a call that lasts longer than 20 µs, as
// these do, and wake a thread for it each time.

// batch is room for messages that go through the kernel in one call. What its
// headers point to is allocated with it and stays where it is.
type batch struct {
	heads   []mmsghdr
	names   [][unix.SizeofSockaddrInet6]byte
	control [][controlSpace]byte
	room    int
	data    []byte
	iovs    []unix.Iovec
}

// newBatch makes room for n messages of at most room octets each.
func newBatch(n, room int) *batch {
	b := &batch{
		heads: make([]mmsghdr, n), names: make([][unix.SizeofSockaddrInet6]byte, n),
		control: make([][controlSpace]byte, n), room: room, data: make([]byte, n*room), iovs: make([]unix.Iovec, n),
	}
	for i := range b.heads {
		b.iovs[i].Base = &b.data[i*room]
		b.iovs[i].SetLen(room)
		h := &b.heads[i].head
		h.Name, h.Iov = &b.names[i][0], &b.iovs[i]
		h.SetIovlen(1)
	}
	return b
}

// message is the room of a message.
func (b *batch) message(i int) []byte { return b.data[i*b.room : (i+1)*b.room] }

// setName says where a message goes to. Family is native, the rest as on the
// wire, except for the interface.
func (b *batch) setName(i int, c *cell) {
	n := &b.names[i]
	if c.family == v4 {
		binary.NativeEndian.PutUint16(n[:], unix.AF_INET)
		copy(n[4:8], c.to[12:])
		b.heads[i].head.Namelen = unix.SizeofSockaddrInet4
		return
	}
	binary.NativeEndian.PutUint16(n[:], unix.AF_INET6)
	copy(n[8:24], c.to[:])
	binary.NativeEndian.PutUint32(n[24:], c.scope)
	b.heads[i].head.Namelen = unix.SizeofSockaddrInet6
}

// send passes the first n messages to the kernel and says how many it took;
// if none, why.
func (b *batch) send(fd, n int) (int, unix.Errno) {
	k, _, errno := unix.RawSyscall6(unix.SYS_SENDMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.heads[0])), uintptr(n), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(k), 0
}

// receive takes in what is there, without waiting.
func (b *batch) receive(fd, flags int) (int, unix.Errno) {
	for i := range b.heads { // the kernel leaves there what it used
		h := &b.heads[i].head
		h.Namelen = unix.SizeofSockaddrInet6
		h.Control = &b.control[i][0]
		h.SetControllen(controlSpace)
	}
	k, _, errno := unix.RawSyscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.heads[0])), uintptr(len(b.heads)),
		uintptr(flags|unix.MSG_DONTWAIT), 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(k), 0
}

// received is a message that was taken in: where it came from (of an error:
// where the packet went that it is about), what it is, and what else the kernel said.
func (b *batch) received(i int) (name [16]byte, data []byte, c control, ok bool) {
	h := &b.heads[i]
	name, ok = readSockaddr(b.names[i][:min(int(h.head.Namelen), unix.SizeofSockaddrInet6)])
	data = b.message(i)[:min(int(h.len), b.room)]
	c = readControl(b.control[i][:min(int(h.head.Controllen), controlSpace)])
	return name, data, c, ok
}
