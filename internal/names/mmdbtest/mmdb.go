// Package mmdbtest makes small MMDB files of AS numbers, for tests: the
// format of https://maxmind.github.io/MaxMind-DB/ with records of 32 bits.
package mmdbtest

import (
	"encoding/binary"
	"maps"
	"net/netip"
	"slices"
)

// Network is a prefix and its record: strings and uint32 by key.
type Network struct {
	Prefix netip.Prefix
	Record map[string]any
}

// ASN is a Network as MaxMind's GeoLite2-ASN has it.
func ASN(prefix string, as uint32, org string) Network {
	return Network{netip.MustParsePrefix(prefix), map[string]any{"autonomous_system_number": as, "autonomous_system_organization": org}}
}

// Build gives the bytes of a file. Prefixes must not overlap.
func Build(networks ...Network) []byte {
	type node [2]int // -1: nothing; ≥ 0: node; < -1: -(2 + offset of data)
	nodes := []node{{-1, -1}}
	var data []byte
	for _, n := range networks {
		offset := len(data)
		data = appendValue(data, n.Record)
		addr, bits := n.Prefix.Addr().As16(), n.Prefix.Bits()
		if n.Prefix.Addr().Is4() { // IPv4 stands at ::/96
			a := n.Prefix.Addr().As4()
			addr = [16]byte{}
			copy(addr[12:], a[:])
			bits += 96
		}
		at := 0
		for i := range bits {
			bit := addr[i/8] >> (7 - i%8) & 1
			switch {
			case i == bits-1:
				nodes[at][bit] = -2 - offset
			case nodes[at][bit] < 0:
				nodes = append(nodes, node{-1, -1})
				nodes[at][bit] = len(nodes) - 1
			}
			at = max(nodes[at][bit], 0)
		}
	}
	var out []byte
	for _, n := range nodes {
		for _, r := range n {
			switch {
			case r == -1:
				r = len(nodes)
			case r < -1:
				r = len(nodes) + 16 - r - 2
			}
			out = binary.BigEndian.AppendUint32(out, uint32(r))
		}
	}
	out = append(out, make([]byte, 16)...)
	out = append(out, data...)
	out = append(out, "\xab\xcd\xefMaxMind.com"...)
	return appendValue(out, map[string]any{
		"binary_format_major_version": uint32(2), "binary_format_minor_version": uint32(0), "build_epoch": uint32(1_700_000_000),
		"database_type": "Test-ASN", "ip_version": uint32(6), "node_count": uint32(len(nodes)), "record_size": uint32(32),
	})
}

// appendValue encodes a map, a string or a uint32.
func appendValue(b []byte, v any) []byte {
	control := func(kind, size int) {
		switch {
		case size < 29:
			b = append(b, byte(kind<<5|size))
		default: // up to 284
			b = append(b, byte(kind<<5|29), byte(size-29))
		}
	}
	switch v := v.(type) {
	case map[string]any:
		control(7, len(v))
		for _, k := range slices.Sorted(maps.Keys(v)) {
			b = appendValue(b, k)
			b = appendValue(b, v[k])
		}
	case string:
		control(2, len(v))
		b = append(b, v...)
	case uint32:
		control(6, 4)
		b = binary.BigEndian.AppendUint32(b, v)
	}
	return b
}
