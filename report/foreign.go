package report

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// What ParseForeign takes at most.
const (
	MaxForeignBytes = 1 << 20
	maxForeign      = 32         // traces in one text
	maxForeignSent  = 10_000_000 // probes of a hop: at one a second, four months
	maxForeignHosts = 64         // addresses of a hop
	maxForeignMS    = 3_600_000  // of a round-trip time
	maxHostName     = 255        // bytes of a name, the longest that DNS knows
)

// ErrForeign says that a text holds no trace that can be read.
var ErrForeign = errors.New("no trace that can be read")

// ForeignProgram is what wrote a text.
type ForeignProgram string

// The programs whose output ParseForeign reads.
const (
	ForeignMTR        ForeignProgram = "mtr"
	ForeignMTRJSON    ForeignProgram = "mtr --json"
	ForeignWinMTR     ForeignProgram = "WinMTR"
	ForeignTraceroute ForeignProgram = "traceroute"
	ForeignTracert    ForeignProgram = "tracert"
)

// A Foreign is a trace as another program printed it: how many probes each
// hop answered, not when. What the text does not say is empty or nil.
type Foreign struct {
	Program  ForeignProgram
	Source   string     // the machine that traced, as it calls itself
	Target   string     // as the text names it
	Address  netip.Addr // of the target, where the text or the last line has it
	Assumed  bool       // the text names no target: the last line is taken for it
	Started  string     // as the text has it; its zone may be missing
	Protocol string     // "icmp", "udp", "tcp"
	Size     int        // bytes; 0: not said
	Hops     []ForeignHop
}

// A ForeignHop is one TTL. Hops without a line in the text have no probes.
type ForeignHop struct {
	TTL    int
	Hosts  []ForeignHost // who answered, the one of the line first; none: nobody
	Sent   int
	Lost   int
	RTT    *RTTStats // nil: no answer, or not said. Of counts alone P50 is the mean, P95 and P99 the worst
	Labels []int     // MPLS labels quoted
	Turned bool      // a router said "unreachable" (!H, !N, !X …)

	rtts []time.Duration // one by one, where the text has them
}

// A ForeignHost is a router as a text names it; one of Name and Addr may be
// missing.
type ForeignHost struct {
	Name string // printable
	Addr netip.Addr
	AS   uint32 // 0: not said
}

// String is the host for a line: "core1.example.net (203.0.113.7)".
func (h ForeignHost) String() string {
	switch {
	case !h.Addr.IsValid():
		return h.Name
	case h.Name == "":
		return h.Addr.String()
	}
	return h.Name + " (" + h.Addr.String() + ")"
}

// ParseForeign reads the output of mtr (-r, -w, -z, -e, -b, any -o), mtr
// --json, WinMTR, traceroute or Windows' tracert in any language, one trace
// or several, with whatever was copied around them. The names in it come
// from strangers; they are printable and bounded. It gives ErrForeign, with
// the line where one is wrong, and then nothing else.
func ParseForeign(text []byte) ([]*Foreign, error) {
	if len(text) > MaxForeignBytes {
		return nil, fmt.Errorf("%w: longer than %d bytes: give the trace alone", ErrForeign, MaxForeignBytes)
	}
	text = bytes.TrimPrefix(text, []byte("\xef\xbb\xbf"))
	if t := bytes.TrimSpace(text); len(t) > 0 && (t[0] == '{' || t[0] == '[') {
		f, err := parseMTRJSON(t)
		if err != nil {
			return nil, err
		}
		return []*Foreign{f}, nil
	}
	lines := foreignLines(text)
	for _, parse := range []func([]string) ([]*Foreign, error){parseWinMTR, parseMTR, parseTraceroute, parseTracert} {
		found, err := parse(lines)
		if err != nil {
			return nil, err
		}
		if len(found) > maxForeign {
			return nil, fmt.Errorf("%w: %d traces: at most %d at once", ErrForeign, len(found), maxForeign)
		}
		if len(found) == 0 {
			continue
		}
		for _, f := range found {
			if err := f.finish(); err != nil {
				return nil, err
			}
		}
		return found, nil
	}
	return nil, fmt.Errorf("%w: it looks like none of mtr, mtr --json, WinMTR, traceroute and tracert", ErrForeign)
}

// add appends a hop; a TTL that does not go up begins another trace.
func (f *Foreign) add(h ForeignHop) error {
	last := 0
	if n := len(f.Hops); n > 0 {
		last = f.Hops[n-1].TTL
	}
	if h.TTL <= last || h.TTL > maxByte {
		return fmt.Errorf("hop %d after hop %d", h.TTL, last)
	}
	for last++; last < h.TTL; last++ {
		f.Hops = append(f.Hops, ForeignHop{TTL: last})
	}
	f.Hops = append(f.Hops, h)
	return nil
}

func (f *Foreign) lastHop() *ForeignHop {
	if len(f.Hops) == 0 {
		return nil
	}
	return &f.Hops[len(f.Hops)-1]
}

// finish checks the counts, and finds the target.
func (f *Foreign) finish() error {
	asked := false
	for i := range f.Hops {
		h := &f.Hops[i]
		asked = asked || h.Sent > 0
		if h.Sent < 0 || h.Sent > maxForeignSent || h.Lost < 0 || h.Lost > h.Sent || h.Lost == h.Sent && h.RTT != nil {
			return fmt.Errorf("%w: hop %d lost %d of %d", ErrForeign, h.TTL, h.Lost, h.Sent)
		}
	}
	if !asked {
		return fmt.Errorf("%w: no line of it says how many probes were sent", ErrForeign)
	}
	last := f.lastHop()
	if f.Target == "" && !f.Address.IsValid() {
		f.Assumed = true
		if len(last.Hosts) > 0 {
			f.Target, f.Address = last.Hosts[0].Name, last.Hosts[0].Addr
		}
	}
	if a, err := netip.ParseAddr(f.Target); err == nil && !f.Address.IsValid() {
		f.Address = a.Unmap().WithZone("")
	}
	if !f.Address.IsValid() && f.reached() && len(last.Hosts) > 0 {
		f.Address = last.Hosts[0].Addr
	}
	return nil
}

// SetTarget says what the target was, for a text that does not.
func (f *Foreign) SetTarget(name string, a netip.Addr) {
	f.Target, f.Address, f.Assumed = Printable(name), a, false
}

// reached says that the last hop is the target itself.
func (f *Foreign) reached() bool {
	h := f.lastHop()
	if h == nil || h.Lost == h.Sent || h.Turned {
		return false
	}
	if f.Assumed {
		return true
	}
	for _, x := range h.Hosts {
		switch {
		case f.Address.IsValid() && x.Addr.IsValid():
			if x.Addr == f.Address {
				return true
			}
		case f.Target != "" && strings.EqualFold(strings.TrimSuffix(x.Name, "."), strings.TrimSuffix(f.Target, ".")):
			return true
		case !x.Addr.IsValid() || !f.Address.IsValid():
			// A name here and an address there: traces end at their target.
			return true
		}
	}
	return len(h.Hosts) == 0
}

// parseHost reads "AS3320 core1.example.net (203.0.113.7)", any part of
// which may be missing.
func parseHost(fields []string) (ForeignHost, bool) {
	var h ForeignHost
	for _, s := range fields {
		if as, ok := parseAS(s); ok {
			h.AS = as
			continue
		}
		inner := strings.TrimSuffix(strings.TrimPrefix(s, "("), ")")
		if a, err := netip.ParseAddr(strings.Trim(inner, "[]")); err == nil {
			h.Addr = a.Unmap().WithZone("")
			continue
		}
		h.Name = s
	}
	if h.Name == "???" || h.Name == "*" {
		return ForeignHost{}, false
	}
	if len(h.Name) > maxHostName {
		h.Name = strings.ToValidUTF8(h.Name[:maxHostName], "")
	}
	return h, h.Name != "" || h.Addr.IsValid()
}

// parseAS reads "AS3320", "[AS3320]", "AS???".
func parseAS(s string) (uint32, bool) {
	s = strings.Trim(s, "[]")
	digits, ok := strings.CutPrefix(s, "AS")
	if !ok || digits == "" {
		return 0, false
	}
	if digits == "???" {
		return 0, true
	}
	digits, _, _ = strings.Cut(digits, "/")
	n := uint64(0)
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' || n > 1<<32 {
			return 0, false
		}
		n = 10*n + uint64(c-'0')
	}
	if digits == "" || n >= 1<<32 {
		return 0, false
	}
	return uint32(n), true
}

// ms is a round-trip time in milliseconds; false: it cannot be one.
func foreignTime(ms float64) (time.Duration, bool) {
	if !(ms >= 0 && ms <= maxForeignMS) {
		return 0, false
	}
	return time.Duration(ms * float64(time.Millisecond)), true
}

func foreignError(line int, format string, args ...any) error {
	return fmt.Errorf("%w: line %d: %s", ErrForeign, line+1, fmt.Sprintf(format, args...))
}
