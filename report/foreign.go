package report

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// What ParseForeign takes at most.
const (
	MaxForeignBytes = 1 << 20
	maxForeign      = 32              // traces in one text
	maxForeignSent  = 10_000_000      // probes of a hop: at one a second, four months
	maxForeignHosts = 64              // addresses of a hop
	maxForeignMS    = maxRTTUS / 1000 // of a round-trip time: as of mtrq's own
	maxHostName     = 255             // bytes of a name, the longest that DNS knows
)

// ErrForeign says that a text holds no trace that can be read.
var ErrForeign = errors.New("no trace that can be read")

// ForeignProgram is what wrote a text.
type ForeignProgram string

// The programs whose output ParseForeign reads.
const (
	ForeignMTR        ForeignProgram = "mtr"
	ForeignMTRJSON    ForeignProgram = "mtr --json"
	ForeignMTRCSV     ForeignProgram = "mtr --csv"
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

	lines []int // of the text, that it is made of; its first one comes first
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

	rtts   []time.Duration // one by one, where the text has them
	any    bool            // the target, that answered at no TTL: TTL is only where its line stands
	unsent bool            // the machine that traced could not even send
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
// --json and --csv, WinMTR (text or HTML, any language), traceroute of Unix and of
// routers, or Windows' tracert in any language, one trace or several, with
// whatever was copied around them. The names in it come from strangers; they
// are printable and bounded. It gives ErrForeign, with the line where one is
// wrong, and then nothing else. Traces of several programs come in the order in
// which they stand.
func ParseForeign(text []byte) ([]*Foreign, error) {
	if len(text) > MaxForeignBytes {
		return nil, fmt.Errorf("%w: longer than %d bytes: give the trace alone", ErrForeign, MaxForeignBytes)
	}
	lines := foreignLines(text)
	if i := slices.IndexFunc(lines, mtrXML.MatchString); i >= 0 {
		return nil, foreignError(i, "mtr --xml is not read: give the text of mtr -rw, or mtr --json")
	}
	all, err := parseAll(lines)
	switch {
	case err != nil:
		return nil, err
	case len(all) == 0:
		return nil, fmt.Errorf("%w: it looks like none of mtr, mtr --json, mtr --csv, WinMTR, traceroute and tracert", ErrForeign)
	case len(all) > maxForeign:
		return nil, fmt.Errorf("%w: %d traces: at most %d at once", ErrForeign, len(all), maxForeign)
	}
	for _, f := range all {
		if f.Protocol == "" {
			f.Protocol = protocolIn(lines, f.Program)
		}
		if err := f.finish(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// parseAll reads the traces of all programs in a text, each parser what those
// before it have left.
func parseAll(lines []string) ([]*Foreign, error) {
	var all []*Foreign
	left := slices.Clone(lines)
	for _, parse := range []func([]string) ([]*Foreign, error){parseMTRJSON, parseMTRCSV, parseWinMTR, parseMTR, parseTraceroute, parseTracert} {
		found, err := parse(left)
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			for _, i := range f.lines {
				left[i] = ""
			}
		}
		all = append(all, found...)
	}
	slices.SortStableFunc(all, func(a, b *Foreign) int { return a.lines[0] - b.lines[0] })
	return all, nil
}

// took notes lines as those of this trace, from one to another.
func (f *Foreign) took(from, to int) {
	for ; from <= to; from++ {
		f.lines = append(f.lines, from)
	}
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
		asked = asked || h.Sent > 0 || h.unsent
		if h.Sent < 0 || h.Sent > maxForeignSent || h.Lost < 0 || h.Lost > h.Sent || h.Lost == h.Sent && h.RTT != nil {
			return fmt.Errorf("%w: hop %d lost %d of %d", ErrForeign, h.TTL, h.Lost, h.Sent)
		}
	}
	if !asked {
		return fmt.Errorf("%w: no line of it says how many probes were sent", ErrForeign)
	}
	f.cutBehind()
	last := f.lastHop()
	if f.Target == "" && !f.Address.IsValid() && !f.turns() {
		f.Assumed = true
		if len(last.Hosts) > 0 {
			f.Target, f.Address = last.Hosts[0].Name, last.Hosts[0].Addr
		}
	}
	if a, ok := parseAddress(f.Target); ok && !f.Address.IsValid() {
		f.Address = a
	}
	if !f.Address.IsValid() && f.reached() && len(last.Hosts) > 0 {
		f.Address = last.Hosts[0].Addr
	}
	return nil
}

// cutBehind drops silent hops behind the target: some programs go on where it
// has answered.
func (f *Foreign) cutBehind() {
	if !f.Address.IsValid() {
		return
	}
	n := len(f.Hops)
	for n > 0 && f.Hops[n-1].Lost == f.Hops[n-1].Sent {
		n--
	}
	if n > 0 && !f.Hops[n-1].Turned && slices.ContainsFunc(f.Hops[n-1].Hosts, f.isTarget) {
		f.Hops = f.Hops[:n]
	}
}

// isTarget says that a host is the target that the text names.
func (f *Foreign) isTarget(x ForeignHost) bool { return f.Address.IsValid() && x.Addr == f.Address }

// turns says that the last line is a router that has answered before, with
// others in between: packets come past it again, and it is no target.
func (f *Foreign) turns() bool {
	last := f.lastHop()
	if last == nil || len(last.Hosts) == 0 || last.Lost == last.Sent || f.isTarget(last.Hosts[0]) {
		return false
	}
	between := false
	for i := len(f.Hops) - 2; i >= 0; i-- {
		h := &f.Hops[i]
		same := len(h.Hosts) > 0 && h.Lost < h.Sent && last.Hosts[0].same(h.Hosts[0])
		if same && between {
			return true
		}
		between = between || !same
	}
	return false
}

// same says that two lines name one host.
func (h ForeignHost) same(x ForeignHost) bool {
	if h.Addr.IsValid() || x.Addr.IsValid() {
		return h.Addr == x.Addr
	}
	return h.Name != "" && strings.EqualFold(h.Name, x.Name)
}

// SetTarget says what the target was, for a text that does not.
func (f *Foreign) SetTarget(name string, a netip.Addr) {
	f.Target, f.Address, f.Assumed = Printable(name), a, false
}

// reached says that the last hop is the target itself.
func (f *Foreign) reached() bool {
	h := f.lastHop()
	if h == nil || h.Lost == h.Sent || h.Turned || f.turns() {
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

// parseAddress reads an address as texts have it; its zone means nothing here.
func parseAddress(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	return a.Unmap().WithZone(""), err == nil
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
		if a, ok := parseAddress(strings.Trim(inner, "[]")); ok {
			h.Addr = a
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
