package host

import (
	"bufio"
	"bytes"
	"io"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/mtrq/mtrq/report"
)

// maxFile bounds what is read of one file. /proc/net/softnet_stat of 1,024
// processors has 140 KiB.
const maxFile = 1 << 20

// read is the beginning of a file below Root, or nil.
func (r *Reader) read(path string) []byte {
	f, err := os.Open(filepath.Join("/", r.Root, path))
	if err != nil {
		return nil
	}
	defer f.Close() // only read from
	data, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return nil
	}
	return data
}

// machine reads what no namespace divides, or that of files.
func (r *Reader) machine(s *report.HostState) {
	s.Load1 = parseLoad(r.read("/proc/loadavg"))
	s.CPUStall = parsePressure(r.read("/proc/pressure/cpu"))
	s.CPUs = parseCPUs(r.read("/sys/devices/system/cpu/online"))
	if data := r.read("/etc/resolv.conf"); data != nil {
		s.Resolvers = parseResolvers(data)
	}
}

// parseLoad reads the first field of "0.52 0.40 0.31 2/345 6789".
func parseLoad(data []byte) *float64 {
	first, _, _ := strings.Cut(string(data), " ")
	return finite(first)
}

// parsePressure reads avg10 of the line "some avg10=1.09 avg60=2.71
// avg300=13.20 total=138934552".
func parsePressure(data []byte) *float64 {
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) > 1 && f[0] == "some" {
			avg, ok := strings.CutPrefix(f[1], "avg10=")
			if v := finite(avg); ok && v != nil && *v <= 100 {
				return v
			}
		}
	}
	return nil
}

// finite reads a number of zero or more. NaN and infinity, which JSON
// cannot hold, are none.
func finite(s string) *float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
		return nil
	}
	return new(v)
}

// parseCPUs counts a list such as "0-3,8".
func parseCPUs(data []byte) *int {
	n := 0
	for part := range strings.SplitSeq(strings.TrimSpace(string(data)), ",") {
		low, high, isRange := strings.Cut(part, "-")
		if !isRange {
			high = low
		}
		a, errA := strconv.ParseUint(low, 10, 16)
		b, errB := strconv.ParseUint(high, 10, 16)
		if errA != nil || errB != nil || b < a {
			return nil
		}
		n += int(b-a) + 1
	}
	return new(n)
}

// parseResolvers reads the lines "nameserver 192.0.2.53" of resolv.conf(5),
// in order.
func parseResolvers(data []byte) []string {
	out := []string{}
	s := bufio.NewScanner(bytes.NewReader(data))
	for s.Scan() && len(out) < maxResolvers {
		f := strings.Fields(s.Text())
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(f[1]); err == nil && len(f[1]) <= 64 {
			out = append(out, report.Printable(a.String())) // a zone is free text
		}
	}
	return out
}

// faults are the counters that a snapshot keeps, by file, then as group and
// name. They are those that a machine's own trouble raises: full buffers,
// no route, damaged or refused packets. Left out are those that probing
// raises by itself, such as port unreachable.
func faults() (snmp, snmp6, netstat map[string][]string) {
	ip := []string{"InHdrErrors", "InAddrErrors", "InDiscards", "OutDiscards", "OutNoRoutes", "ReasmFails", "FragFails"}
	udp := []string{"RcvbufErrors", "SndbufErrors", "InCsumErrors", "MemErrors"}
	snmp = map[string][]string{"Ip": ip, "Icmp": {"InCsumErrors", "OutRateLimitGlobal", "OutRateLimitHost"}, "Udp": udp}
	snmp6 = map[string][]string{"Ip6": ip, "Icmp6": {"InCsumErrors", "OutRateLimitHost"}, "Udp6": udp}
	netstat = map[string][]string{
		"TcpExt": {"ListenDrops", "TCPMemoryPressures", "PFMemallocDrop", "IPReversePathFilter", "LockDroppedIcmps"},
		"IpExt":  {"InNoRoutes", "InTruncatedPkts", "InCsumErrors"},
	}
	return snmp, snmp6, netstat
}

// counters reads the counters of faults of the calling thread's namespace
// that are not zero. Nil: none could be read.
func (r *Reader) counters() []report.HostCount {
	const dir = "/proc/thread-self/net/"
	snmp, snmp6, netstat := faults()
	var all []report.HostCount
	all = append(all, parsePairs(r.read(dir+"snmp"), snmp)...)
	all = append(all, parseSNMP6(r.read(dir+"snmp6"), snmp6)...)
	all = append(all, parsePairs(r.read(dir+"netstat"), netstat)...)
	all = append(all, parseSoftnet(r.read(dir+"softnet_stat"))...)
	all = append(all, parseConntrack(r.read(dir+"stat/nf_conntrack"))...)
	return slices.DeleteFunc(all, func(c report.HostCount) bool { return c.Count == 0 })
}

// parsePairs reads /proc/net/snmp and netstat: of each group a line of
// names and a line of numbers.
//
//	Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors …
//	Udp: 33 2 0 34 0 …
func parsePairs(data []byte, wanted map[string][]string) []report.HostCount {
	var out []report.HostCount
	var names []string
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) == 0 {
			continue
		}
		if len(names) == 0 || names[0] != f[0] {
			names = f
			continue
		}
		group := strings.TrimSuffix(f[0], ":")
		for i := 1; i < min(len(names), len(f)); i++ {
			if n, err := strconv.ParseUint(f[i], 10, 64); err == nil && slices.Contains(wanted[group], names[i]) {
				out = append(out, report.HostCount{Name: group + " " + names[i], Count: n})
			}
		}
		names = nil
	}
	return out
}

// parseSNMP6 reads lines such as "Udp6RcvbufErrors        0".
func parseSNMP6(data []byte, wanted map[string][]string) []report.HostCount {
	var out []report.HostCount
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if len(f) != 2 {
			continue
		}
		group, name, ok := strings.Cut(f[0], "6")
		group += "6"
		if n, err := strconv.ParseUint(f[1], 10, 64); ok && err == nil && slices.Contains(wanted[group], name) {
			out = append(out, report.HostCount{Name: group + " " + name, Count: n})
		}
	}
	return out
}

// parseSoftnet adds up the second column of /proc/net/softnet_stat, a line
// of hexadecimal numbers for each processor: packets dropped because the
// queue to that processor was full. The machine's, not the namespace's.
func parseSoftnet(data []byte) []report.HostCount {
	var dropped uint64
	for line := range strings.Lines(string(data)) {
		if f := strings.Fields(line); len(f) > 1 {
			dropped += hexadecimal(f[1])
		}
	}
	return []report.HostCount{{Name: "softnet dropped", Count: dropped}}
}

// parseConntrack adds up /proc/net/stat/nf_conntrack: a line of names, then
// one of hexadecimal numbers for each processor. The file is there where
// connections are tracked. A full table drops packets of new flows, which a
// ping may be.
func parseConntrack(data []byte) []report.HostCount {
	var names []string
	wanted := []string{"insert_failed", "drop", "early_drop"}
	sums := make([]uint64, len(wanted))
	for line := range strings.Lines(string(data)) {
		f := strings.Fields(line)
		if names == nil {
			names = f
			continue
		}
		for i := range min(len(names), len(f)) {
			if at := slices.Index(wanted, names[i]); at >= 0 {
				sums[at] += hexadecimal(f[i])
			}
		}
	}
	var out []report.HostCount
	for i, n := range sums {
		out = append(out, report.HostCount{Name: "conntrack " + wanted[i], Count: n})
	}
	return out
}

// hexadecimal is a number, or 0 where there is none: it is only added up.
func hexadecimal(s string) uint64 {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return 0
	}
	return n
}
