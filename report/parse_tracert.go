package report

import (
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	tracertRow    = regexp.MustCompile(`^ *([0-9]{1,3}) +((?:(?:\*|<?[0-9]{1,6} [^ 0-9]+) *){3})(.*)$`)
	tracertTurned = regexp.MustCompile(`^ *([0-9]{1,3}) +((?:\* +){0,2})((?:[^ ]+ \[)?[0-9a-fA-F]*[.:][0-9a-fA-F.:]+\]? +[^0-9*<]*[:：][^0-9]*)$`)
	tracertUnsent = regexp.MustCompile(`^ *([0-9]{1,3})  +(?:\* +){0,2}[\pL?][^*<]*[.。?]$`)
	tracertMost   = regexp.MustCompile(`(?:^|[^0-9.:])[0-9]{1,3}(?:[^0-9.:]|$)`)
	tracertNot    = regexp.MustCompile(`^ *[0-9]{1,3} +[^ ]*[.:][^ ]* .*[0-9] ms(?:ec)?(?: |$)`)
	numbered      = regexp.MustCompile(`^ *[0-9]{1,3}[. ]`)
	tracertBroken = regexp.MustCompile(`^[0-9a-fA-F.:]*\]`)
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
//
// A router that turns probes back ends it:
//
//	3  198.18.0.9  reports: Destination net unreachable.
//
// So does a machine that cannot send them:
//
//	3  General failure.
func parseTracert(lines []string) ([]*Foreign, error) {
	var out []*Foreign
	var f *Foreign
	var target string
	var addr netip.Addr
	begin := func() {
		f = &Foreign{Program: ForeignTracert, Target: target, Address: addr, Protocol: "icmp"}
		out = append(out, f)
		target, addr = "", netip.Addr{}
	}
	timed, other := false, -1
	lines = unbroken(lines)
	for i, line := range lines {
		m := tracertRow.FindStringSubmatch(line)
		if m == nil && (f != nil || target != "" && mostAbove(lines, i)) {
			m = tracertTurned.FindStringSubmatch(line)
		}
		if m == nil && (f != nil || target != "") && couldNotSend(lines, i, f.last()) {
			if f == nil {
				begin()
			}
			if err := f.add(ForeignHop{TTL: f.last() + 1, unsent: true}); err != nil {
				return nil, foreignError(i, "%v", err)
			}
			f.took(i, i)
			continue
		}
		if m == nil {
			if other < 0 && tracertNot.MatchString(line) {
				other = i
			}
			if name, a, ok := tracertHead(line); ok {
				target, addr, f = name, a, nil
			}
			continue
		}
		ttl, _ := strconv.Atoi(m[1])
		if f == nil || ttl <= f.last() {
			begin()
		}
		h := ForeignHop{TTL: ttl, Sent: 3}
		turned := tracertTurned.MatchString(line)
		if turned { // it ends there: fewer probes, and no time
			h.Sent = strings.Count(m[2], "*") + 1
		}
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
		if h.Sent-h.Lost != len(rtts) && !turned {
			return nil, foreignError(i, "%d times and %d stars", len(rtts), h.Lost)
		}
		h.RTT = rttStats(rtts)
		timed = timed || len(rtts) > 0 || turned
		h.tracertHost(strings.TrimSpace(m[3]))
		if err := f.add(h); err != nil {
			return nil, foreignError(i, "%v", err)
		}
		f.took(i, i)
	}
	if other >= 0 && !timed {
		return nil, foreignError(other, "a hop as traceroute prints it, but no line above that names the target")
	}
	return out, nil
}

// couldNotSend says that line i is the next hop of a table or the first below its
// head, with words in place of times: nothing left the machine that traced. It
// ends the table; what goes on is a list of something else.
func couldNotSend(lines []string, i, last int) bool {
	m := tracertUnsent.FindStringSubmatch(lines[i])
	if m == nil || m[1] != strconv.Itoa(last+1) {
		return false
	}
	if last > 0 && !tracertRow.MatchString(lines[i-1]) {
		return false
	}
	if last == 0 && !mostAbove(lines, i) {
		return false
	}
	for _, line := range lines[i+1:] {
		if line != "" {
			return !numbered.MatchString(line)
		}
	}
	return true
}

// mostAbove says that line i may stand below the head of a table, which says how
// many hops are the most.
func mostAbove(lines []string, i int) bool {
	return tracertMost.MatchString(strings.Join(lines[max(0, i-4):i], "\n"))
}

// unbroken joins lines that a console of 80 columns broke inside an address:
//
//	4     3 ms    11 ms    11 ms  core1.example.net [198.18.
//	0.9]
func unbroken(lines []string) []string {
	out := slices.Clone(lines)
	for i := range len(out) - 1 {
		if strings.Count(out[i], "[") > strings.Count(out[i], "]") && tracertBroken.MatchString(out[i+1]) && tracertRow.MatchString(out[i]) {
			out[i], out[i+1] = out[i]+out[i+1], ""
		}
	}
	return out
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
