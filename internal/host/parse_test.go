package host

import (
	"encoding/binary"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/report"
)

// fakeRoot writes files below a directory of its own.
func fakeRoot(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

const (
	sampleSNMP = `Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors InDiscards
Ip: 2 64 12907 0 4 0
Icmp: InMsgs InErrors InCsumErrors
Icmp: 8027 2 1
Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors
Udp: 33 2 7 34 18446744073709551615 0
`
	sampleSNMP6     = "Ip6InReceives                   \t9\nIp6InDiscards                   \t3\nIcmp6OutErrors                  \t5\nUdp6RcvbufErrors                \t2\n"
	sampleNetstat   = "TcpExt: SyncookiesSent ListenDrops IPReversePathFilter\nTcpExt: 7 0 11\nIpExt: InNoRoutes InOctets\nIpExt: 6 44977408\n"
	sampleSoftnet   = "00005af0 00000002 00000000 00000000\n00005dbf 0000000f 00000001 00000000\n"
	sampleConntrack = "entries  clashres found new invalid ignore delete delete_list insert insert_failed drop early_drop icmp_error\n" +
		"000000ff  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000001 0000000a 00000000 00000000\n" +
		"000000ff  00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000000 00000010 00000000 00000000\n"
)

func TestFiles(t *testing.T) {
	r := &Reader{Root: fakeRoot(t, map[string]string{
		"proc/loadavg":                             "7.25 0.40 0.31 2/345 6789\n",
		"proc/pressure/cpu":                        "some avg10=61.09 avg60=2.71 avg300=13.20 total=138934552\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
		"sys/devices/system/cpu/online":            "0-1,4\n",
		"etc/resolv.conf":                          "# by hand\nsearch example.net\nnameserver 192.0.2.53\nnameserver  2001:db8::53 # second\nnameserver fe80::1%eth0\noptions rotate\nnameserver not.an.address\nnameserver\n",
		"proc/thread-self/net/snmp":                sampleSNMP,
		"proc/thread-self/net/snmp6":               sampleSNMP6,
		"proc/thread-self/net/netstat":             sampleNetstat,
		"proc/thread-self/net/softnet_stat":        sampleSoftnet,
		"proc/thread-self/net/stat/nf_conntrack":   sampleConntrack,
		"proc/thread-self/net/stat/something-else": "x",
	})}
	s := r.Snapshot()
	if s.Load1 == nil || *s.Load1 != 7.25 || s.CPUStall == nil || *s.CPUStall != 61.09 || s.CPUs == nil || *s.CPUs != 3 {
		t.Errorf("load %v, pressure %v, processors %v", s.Load1, s.CPUStall, s.CPUs)
	}
	if d := cmp.Diff([]string{"192.0.2.53", "2001:db8::53", "fe80::1%eth0"}, s.Resolvers); d != "" {
		t.Errorf("resolvers -want +got\n%s", d)
	}
	want := []report.HostCount{
		{Name: "Ip InAddrErrors", Count: 4}, {Name: "Icmp InCsumErrors", Count: 1}, {Name: "Udp RcvbufErrors", Count: 18446744073709551615},
		{Name: "Ip6 InDiscards", Count: 3}, {Name: "Udp6 RcvbufErrors", Count: 2},
		{Name: "TcpExt IPReversePathFilter", Count: 11}, {Name: "IpExt InNoRoutes", Count: 6},
		{Name: "softnet dropped", Count: 17},
		{Name: "conntrack insert_failed", Count: 1}, {Name: "conntrack drop", Count: 26},
	}
	if d := cmp.Diff(want, s.Drops); d != "" {
		t.Errorf("counters -want +got\n%s", d)
	}
}

// TestUnknownIsAbsent reads a machine that has none of the files, and one
// whose files make no sense.
func TestUnknownIsAbsent(t *testing.T) {
	for name, files := range map[string]map[string]string{
		"none": {},
		"nonsense": {
			"proc/loadavg": "NaN", "proc/pressure/cpu": "some avg10=Inf", "sys/devices/system/cpu/online": "3-1",
			"proc/thread-self/net/snmp": "Udp: RcvbufErrors\nUdp: many\nUdp: RcvbufErrors\n", "proc/thread-self/net/snmp6": "Udp6RcvbufErrors -1\n",
			"proc/thread-self/net/softnet_stat": "xyz xyz xyz\n",
		},
		"empty": {"proc/loadavg": "", "proc/pressure/cpu": "", "sys/devices/system/cpu/online": "", "proc/thread-self/net/snmp": ""},
	} {
		s := (&Reader{Root: fakeRoot(t, files)}).Snapshot()
		if s.Load1 != nil || s.CPUStall != nil || s.CPUs != nil || s.Resolvers != nil || len(s.Drops) > 0 {
			t.Errorf("%s: load %v, pressure %v, processors %v, resolvers %v, counters %v", name, s.Load1, s.CPUStall, s.CPUs, s.Resolvers, s.Drops)
		}
	}
	s := (&Reader{Root: fakeRoot(t, map[string]string{"etc/resolv.conf": "# none\n"})}).Snapshot()
	if s.Resolvers == nil || len(s.Resolvers) > 0 {
		t.Errorf("resolvers %#v, want none, but known", s.Resolvers)
	}
	many := strings.Repeat("nameserver 192.0.2.53\n", 100)
	if s := (&Reader{Root: fakeRoot(t, map[string]string{"etc/resolv.conf": many})}).Snapshot(); len(s.Resolvers) != maxResolvers {
		t.Errorf("%d resolvers kept", len(s.Resolvers))
	}
}

// TestSizes holds what is passed to the kernel to what it expects.
func TestSizes(t *testing.T) {
	if got := unsafe.Sizeof(ethtoolCmd{}); got != 44 {
		t.Errorf("struct ethtool_cmd has %d bytes, want 44", got)
	}
	if got := unsafe.Offsetof(ethtoolCmd{}.speedHigh); got != 28 {
		t.Errorf("speed_hi is at %d, want 28", got)
	}
	for mbps, want := range map[uint32]bool{0: false, 10: true, 100_000: true, 0xffff: false, 0xffffffff: false} {
		if knownSpeed(mbps) != want {
			t.Errorf("speed %d known: %t", mbps, !want)
		}
	}
}

// attr is one attribute as the kernel writes it.
func attr(kind uint16, value ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofRtAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

func native32(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }

// linkMessage is a link of number 7 with a name, up, and counters 0 to 7.
func linkMessage(name string) []byte {
	m := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(m[4:], 7)
	binary.NativeEndian.PutUint32(m[8:], unix.IFF_UP)
	var stats []byte
	for i := range uint64(8) {
		stats = binary.NativeEndian.AppendUint64(stats, i)
	}
	m = append(m, attr(unix.IFLA_IFNAME, append([]byte(name), 0)...)...)
	m = append(m, attr(unix.IFLA_MTU, native32(9000)...)...)
	m = append(m, attr(unix.IFLA_CARRIER, 0)...)
	m = append(m, attr(unix.IFLA_CARRIER_CHANGES, native32(3)...)...)
	return append(m, attr(unix.IFLA_STATS64, stats...)...)
}

func TestParseLink(t *testing.T) {
	l, ok, err := parseLink(linkMessage("eth0"))
	want := link{index: 7, HostLink: report.HostLink{
		Name: "eth0", Up: true, Carrier: new(false), MTU: 9000, Flaps: new(3), RxErrors: 4, TxErrors: 5, RxDropped: 6, TxDropped: 7,
	}}
	if err != nil || !ok || l.index != want.index || cmp.Diff(want.HostLink, l.HostLink) != "" {
		t.Errorf("got %+v, %t, %v", l, ok, err)
	}
	// What a name must not do to a terminal, or to a line of fields.
	for name, want := range map[string]string{"a\x1b[31mb": "a_[31mb", "a\xffb": "a_b", "a b": "a_b"} {
		if l, _, _ := parseLink(linkMessage(name)); l.Name != want {
			t.Errorf("name %q became %q, want %q", name, l.Name, want)
		}
	}
	whole := linkMessage("eth0")
	if _, ok, _ := parseLink(whole[:len(whole)-68]); ok {
		t.Error("a link without counters is taken for one that has none")
	}
}

func FuzzParseLink(f *testing.F) {
	f.Add(linkMessage("eth0"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		l, ok, err := parseLink(data)
		if ok && (err != nil || l.Name == "" || strings.ContainsAny(l.Name, " \x1b\n") || !utf8.ValidString(l.Name) || l.MTU < 0) {
			t.Errorf("%+v, %v", l, err)
		}
	})
}

func routeMessage(family byte) []byte {
	m := rtMsg(family, unix.RT_TABLE_MAIN)
	m[7] = unix.RTN_UNICAST
	hop := []byte{16, 0, unix.RTNH_F_LINKDOWN, 0}
	binary.NativeEndian.PutUint16(hop, 16)
	hop = append(append(hop, native32(3)...), attr(unix.RTA_GATEWAY, 192, 0, 2, 254)...)
	return append(append(m, attr(unix.RTA_PRIORITY, native32(100)...)...), attr(unix.RTA_MULTIPATH, hop...)...)
}

func FuzzParseRoute(f *testing.F) {
	f.Add(routeMessage(unix.AF_INET))
	f.Add(routeMessage(unix.AF_INET6))
	f.Add(append(rtMsg(unix.AF_INET, unix.RT_TABLE_MAIN), attr(unix.RTA_VIA, 10, 0, 1)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		rs, err := parseRoute(data)
		if err != nil && rs != nil {
			t.Errorf("routes %v beside %v", rs, err)
		}
		for _, r := range rs {
			if text := r.text(nil); report.Printable(text) != text || r.via.Is4In6() {
				t.Errorf("route %q", text)
			}
		}
	})
}

func TestParseRoute(t *testing.T) {
	rs, err := parseRoute(routeMessage(unix.AF_INET))
	if err != nil || len(rs) != 1 || rs[0].via != netip.MustParseAddr("192.0.2.254") {
		t.Fatalf("got %+v, %v", rs, err)
	}
	if got := rs[0].text([]link{{index: 3, HostLink: report.HostLink{Name: "eth0"}}}); got != "default via 192.0.2.254 dev eth0 metric 100 linkdown" {
		t.Errorf("text %q", got)
	}
	if got := rs[0].text(nil); got != "default via 192.0.2.254 dev if3 metric 100 linkdown" {
		t.Errorf("text %q of a link without a name", got)
	}
}

func FuzzParseNeighbour(f *testing.F) {
	m := make([]byte, unix.SizeofNdMsg)
	m[0] = unix.AF_INET
	f.Add(append(append(m, attr(unix.NDA_DST, 192, 0, 2, 254)...), attr(unix.NDA_LLADDR, 2, 0, 0, 0, 0, 1)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, ok, err := parseNeighbour(data)
		if ok && (err != nil || !n.addr.IsValid()) {
			t.Errorf("%+v, %v", n, err)
		}
	})
}

// FuzzMessages feeds what a socket could deliver.
func FuzzMessages(f *testing.F) {
	m := binary.NativeEndian.AppendUint32(nil, 20)
	m = binary.NativeEndian.AppendUint16(m, unix.NLMSG_ERROR)
	f.Add(append(m, make([]byte, 14)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, _ = messages(data, func(m message) error {
			_, _, err := parseLink(m.Data)
			return err
		})
	})
}

func FuzzFiles(f *testing.F) {
	for _, s := range []string{sampleSNMP, sampleSNMP6, sampleNetstat, sampleSoftnet, sampleConntrack, "0-3,5\n", "some avg10=1\n", "0.1 0.2", "nameserver fe80::1%\x1b[31m\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		snmp, snmp6, netstat := faults()
		parsePairs(data, snmp)
		parsePairs(data, netstat)
		parseSNMP6(data, snmp6)
		parseSoftnet(data)
		parseConntrack(data)
		if n := parseCPUs(data); n != nil && *n < 1 {
			t.Errorf("%d processors", *n)
		}
		for _, v := range []*float64{parseLoad(data), parsePressure(data)} {
			if v != nil && !(*v >= 0) {
				t.Errorf("value %v", *v)
			}
		}
		for _, s := range parseResolvers(data) {
			if report.Printable(s) != s || s == "" {
				t.Errorf("resolver %q", s)
			}
		}
	})
}
