package report

import (
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var (
	tracertRow    = regexp.MustCompile(`^ *([0-9]{1,3}) +((?:(?:\*|<?[0-9]{1,6} [^ 0-9]+) *){3})(.*)$`)
	tracertColumn = regexp.MustCompile(`\*|<?[0-9]{1,6}`)
	tracertTarget = regexp.MustCompile(`([^ ]+) \[([0-9a-fA-F.:]+)\]`)
	anyAddress    = regexp.MustCompile(`[0-9a-fA-F]*[.:][0-9a-fA-F.:]+`)
)

// parseTracert reads what tracert prints on a Windows of any language: only
// where things stand counts, not the words.
//
//	Tracing route to edge.example.net [203.0.113.7]
//	over a maximum of 30 hops:
//
//	  1    <1 ms    <1 ms    <1 ms  192.0.2.1
//	  2     *        *        *     Request timed out.
//	  3     9 ms     8 ms     9 ms  edge.example.net [203.0.113.7]
//
//	Trace complete.
func parseTracert(lines []string) ([]*Foreign, error) {
	var out []*Foreign
	var f *Foreign
	var target string
	var addr netip.Addr
	for i, line := range lines {
		m := tracertRow.FindStringSubmatch(line)
		if m == nil {
			if name, a, ok := tracertHead(line); ok {
				target, addr, f = name, a, nil
			}
			continue
		}
		ttl, _ := strconv.Atoi(m[1])
		if f == nil || ttl <= f.last() {
			f = &Foreign{Program: ForeignTracert, Target: target, Address: addr, Protocol: "icmp"}
			out = append(out, f)
			target, addr = "", netip.Addr{}
		}
		h := ForeignHop{TTL: ttl, Sent: 3}
		var rtts []time.Duration
		for _, c := range tracertColumn.FindAllString(m[2], -1) {
			if c == "*" {
				h.Lost++
				continue
			}
			d, ok := parseMS(c)
			if !ok {
				return nil, foreignError(i, "time %q", c)
			}
			rtts = append(rtts, d)
		}
		if h.Sent-h.Lost != len(rtts) {
			return nil, foreignError(i, "%d times and %d stars", len(rtts), h.Lost)
		}
		h.RTT = rttStats(rtts)
		h.tracertHost(strings.TrimSpace(m[3]))
		if err := f.add(h); err != nil {
			return nil, foreignError(i, "%v", err)
		}
	}
	return out, nil
}

// tracertHost reads what stands behind the times: "203.0.113.7",
// "name [203.0.113.7]", or "203.0.113.1 reports: Destination host
// unreachable." in some language.
func (h *ForeignHop) tracertHost(rest string) {
	if h.Lost == h.Sent {
		return
	}
	if m := tracertTarget.FindStringSubmatch(rest); m != nil && strings.HasPrefix(rest, m[0]) {
		if host, ok := parseHost([]string{m[1], m[2]}); ok {
			h.Hosts = []ForeignHost{host}
		}
		h.Turned = len(strings.TrimSpace(rest[len(m[0]):])) > 0
		return
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return
	}
	if host, ok := parseHost(fields[:1]); ok {
		h.Hosts = []ForeignHost{host}
	}
	h.Turned = len(fields) > 1
}

// tracertHead finds the target in a line above the table.
func tracertHead(line string) (string, netip.Addr, bool) {
	if m := tracertTarget.FindStringSubmatch(line); m != nil {
		if a, err := netip.ParseAddr(m[2]); err == nil {
			name, _ := cutName(strings.TrimLeft(m[1], "?"))
			return name, a.Unmap(), true
		}
	}
	for _, s := range anyAddress.FindAllString(line, -1) {
		if a, err := netip.ParseAddr(strings.TrimRight(s, ".:")); err == nil {
			return a.Unmap().String(), a.Unmap(), true
		}
	}
	return "", netip.Addr{}, false
}
