package paths

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
)

// The file, integers of more than a byte as varints of encoding/binary:
//
//	"mtrq paths" 0x01     what it is; the version of the format
//	target …              the longest unnoted first:
//	  4|6 address           family, 4 or 16 bytes
//	  at                    when it was noted last, ms since 1970, signed
//	  hops                  how many, a byte; TTL 1 first, each:
//	    members asked answered steady wide    a byte each
//	    typical last last                     round-trip times, µs; 0: none
//	    member …                              0 (the target itself) or 4|6 address; count, idle: a byte each
//	0                     the end
//	CRC-32 (IEEE)         of all before it, little endian
const (
	fileMagic   = "mtrq paths"
	fileVersion = 1
	fileEnd     = 0
	tagSelf     = 0
	tag4        = 4
	tag6        = 6
)

// saveChunk is how many targets are written between two looks at the lock:
// a slow disk must not hold up the noting of answers.
const saveChunk = 256

// Save writes what is usual, not what strangers were seen. Targets noted
// meanwhile are written as they are before or after it. An address with a
// zone is left out: the zone may be another one after a restart.
func (m *Memory) Save(w io.Writer) error {
	m.mu.RLock()
	order := make([]*entry, 0, len(m.entries))
	for e := m.oldest; e != nil; e = e.newer {
		order = append(order, e)
	}
	m.mu.RUnlock()
	sum := crc32.NewIEEE()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
	buf := append([]byte(fileMagic), fileVersion)
	for len(order) > 0 {
		n := min(len(order), saveChunk)
		m.mu.RLock()
		for _, e := range order[:n] {
			if e.target.Zone() == "" && len(e.hops) > 0 {
				buf = e.encode(buf)
			}
		}
		m.mu.RUnlock()
		order = order[n:]
		if _, err := out.Write(buf); err != nil {
			return fmt.Errorf("save the memory of paths: %w", err)
		}
		buf = buf[:0]
	}
	buf = append(buf, fileEnd)
	_, err := out.Write(buf)
	if err == nil {
		err = out.Flush()
	}
	if err == nil {
		_, err = w.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	}
	if err != nil {
		return fmt.Errorf("save the memory of paths: %w", err)
	}
	return nil
}

func (e *entry) encode(buf []byte) []byte {
	buf = appendKey(buf, keyOf(e.target))
	buf = binary.AppendVarint(buf, e.at)
	buf = append(buf, uint8(len(e.hops)))
	for i := range e.hops {
		h := &e.hops[i]
		buf = append(buf, h.n, h.asked, h.answered, h.steady, h.wide)
		buf = binary.AppendUvarint(buf, uint64(h.rtt.typical))
		buf = binary.AppendUvarint(buf, uint64(h.rtt.last[0]))
		buf = binary.AppendUvarint(buf, uint64(h.rtt.last[1]))
		for _, mb := range h.members[:h.n] {
			buf = appendKey(buf, mb.addr)
			buf = append(buf, mb.count, mb.idle)
		}
	}
	return buf
}

func appendKey(buf []byte, k key) []byte {
	switch {
	case k == self:
		return append(buf, tagSelf)
	case k.is4():
		return append(append(buf, tag4), k[12:]...)
	}
	return append(append(buf, tag6), k[:]...)
}
