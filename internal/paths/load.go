package paths

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/netip"
)

// ErrBroken says that a file is damaged, cut short, or no memory of paths
// at all; ErrNewer that a newer mtrq wrote it. Either way nothing is lost
// but time: the rounds to come teach the paths again.
var (
	ErrBroken = errors.New("no memory of paths, or a damaged one: remove it, and it is learned anew")
	ErrNewer  = errors.New("a newer mtrq wrote this memory of paths: remove it, or go back to that version")
)

// maxFile bounds what is read: 65,536 targets with 15 hops that have four
// IPv6 addresses each would take 90 MB.
const maxFile = 256 << 20

// Load replaces what is remembered by what Save has written. After an
// error, which wraps ErrBroken or ErrNewer unless reading failed, nothing
// is remembered. Of more targets than there is room for, the last noted
// are kept.
func (m *Memory) Load(r io.Reader) error {
	m.mu.Lock()
	m.forget()
	m.mu.Unlock()
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("more than %d bytes: %w", maxFile, ErrBroken)
	}
	var list []*entry
	if err == nil {
		list, err = decode(data)
	}
	if err != nil {
		return fmt.Errorf("load the memory of paths: %w", err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.forget() // what was noted while it was being read
	for _, e := range list[max(len(list)-m.max, 0):] {
		m.add(e)
	}
	return nil
}

func (m *Memory) forget() {
	clear(m.entries)
	m.newest, m.oldest = nil, nil
}

// decode reads a whole file. The sum is looked at first: what follows then
// was written by Save, or by somebody who takes pains.
func decode(data []byte) ([]*entry, error) {
	rest, ok := bytes.CutPrefix(data, []byte(fileMagic))
	switch {
	case !ok || len(rest) == 0:
		return nil, ErrBroken
	case rest[0] > fileVersion:
		return nil, fmt.Errorf("format %d: %w", rest[0], ErrNewer)
	case rest[0] != fileVersion || len(rest) < 1+crc32.Size:
		return nil, ErrBroken
	}
	body := data[:len(data)-crc32.Size]
	if crc32.ChecksumIEEE(body) != binary.LittleEndian.Uint32(data[len(body):]) {
		return nil, ErrBroken
	}
	d := decoder{rest: body[len(fileMagic)+1:]}
	var list []*entry
	seen := map[netip.Addr]struct{}{}
	for {
		tag := d.byte()
		if tag == fileEnd {
			break // also after an error
		}
		e := d.entry(tag)
		if _, twice := seen[e.target]; twice {
			d.bad = true
		}
		if d.bad {
			break
		}
		seen[e.target] = struct{}{}
		list = append(list, e)
	}
	if d.bad || len(d.rest) > 0 {
		return nil, ErrBroken
	}
	return list, nil
}

// decoder takes values off the front. After the first that cannot be, all
// are zero and bad is set.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) check(ok bool) {
	if !ok {
		d.bad, d.rest = true, nil
	}
}

func (d *decoder) byte() uint8 {
	if len(d.rest) == 0 {
		d.bad = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

// upTo is a byte of at most limit.
func (d *decoder) upTo(limit uint8) uint8 {
	b := d.byte()
	d.check(b <= limit)
	return b
}

func (d *decoder) time() int64 {
	v, n := binary.Varint(d.rest)
	if n <= 0 {
		d.check(false)
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) rtt() uint32 {
	v, n := binary.Uvarint(d.rest)
	if n <= 0 || v > 1<<31 {
		d.check(false)
		return 0
	}
	d.rest = d.rest[n:]
	return uint32(v)
}

// key is an address whose tag has been read.
func (d *decoder) key(tag uint8) key {
	n := map[uint8]int{tag4: 4, tag6: 16}[tag]
	if n == 0 || len(d.rest) < n {
		d.check(false)
		return key{}
	}
	a, _ := netip.AddrFromSlice(d.rest[:n])
	d.rest = d.rest[n:]
	k := keyOf(a)
	d.check(!a.Is4In6() && k != (key{}))
	return k
}

func (d *decoder) entry(tag uint8) *entry {
	k := d.key(tag)
	e := &entry{target: netip.AddrFrom16(k).Unmap(), at: d.time()}
	n := d.upTo(maxTTL)
	d.check(n > 0 && len(d.rest) >= 8*int(n)) // a hop takes 8 bytes or more
	if d.bad {
		return e
	}
	e.hops = make([]hop, n)
	for i := range e.hops {
		d.hop(&e.hops[i])
	}
	had := len(e.hops)
	e.trim()
	d.check(len(e.hops) == had)
	return e
}

// hop reads one TTL and holds it to what is always true of one.
func (d *decoder) hop(h *hop) {
	h.n, h.asked, h.answered = d.upTo(maxMembers), d.upTo(window-1), d.upTo(window-1)
	h.steady, h.wide = d.byte(), d.upTo(wideFor)
	h.rtt = delay{typical: d.rtt(), last: [2]uint32{d.rtt(), d.rtt()}}
	d.check(h.answered <= h.asked)
	for i := range h.n {
		mb := member{addr: self}
		if tag := d.byte(); tag != tagSelf {
			mb.addr = d.key(tag)
		}
		mb.count, mb.idle = d.upTo(window-1), d.upTo(maxIdle)
		d.check(mb.count > 0 && h.find(mb.addr) < 0)
		d.check(i == 0 || mb.count <= h.members[i-1].count)
		if d.bad {
			return
		}
		h.members[i] = mb
	}
}
