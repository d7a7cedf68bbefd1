package report

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	routeHead = regexp.MustCompile(`^.*?(?:traceroute|tcptraceroute)6? to +([^ (]+) ?\(([^ )]+)\)(.*)$`)
	ciscoHead = regexp.MustCompile(`^.*?Tracing the route to ([^ (]+)(?: \(([^ )]+)\))?()$`)
	routeRow  = regexp.MustCompile(`^ *([0-9]{1,3}) +(.+)$`)
	routeSize = regexp.MustCompile(`([0-9]{1,5}) bytes? (?:each )?packets?|packet length: ?([0-9]{1,5})`)
	routeMPLS = regexp.MustCompile(`<?MPLS:? ?(?:L=|Label=)([0-9]{1,7})`)
	ciscoMPLS = regexp.MustCompile(`\[MPLS: Labels? ([0-9]{1,7})[^\]]*\]`)
)

// parseTraceroute reads what traceroute prints on Unix, with or without
// names and AS numbers:
//
//	traceroute to edge.example.net (203.0.113.7), 30 hops max, 60 byte packets
//	 1  gw.example.net (192.0.2.1)  0.412 ms  0.398 ms  0.390 ms
//	 2  198.18.0.5 [AS64500]  1.6 ms 198.18.0.6  1.7 ms  *
//	 3  * * *
//	 4  198.18.0.9  5.1 ms !H  5.0 ms !H *
//
// BSD continues a hop with several addresses on a line without number, and has
// the AS of -a before the host. Routers print much the same:
//
//	traceroute to  203.0.113.7(203.0.113.7), max hops: 30 ,packet length: 40,press CTRL_C to break
//	 1 192.0.2.1 4 ms  3 ms  3 ms
//
//	Tracing the route to edge.example.net (203.0.113.7)
//	  1 192.0.2.1 [AS 64500] [MPLS: Label 24015 Exp 0] 4 msec 0 msec *
//	  2 198.18.0.5 !H  *  !H
//
// Lines that a mail program broke are joined again; what then still is no hop is
// an error.
func parseTraceroute(lines []string) ([]*Foreign, error) {
	var out []*Foreign
	var f *Foreign
	for i := 0; i < len(lines); i++ {
		line := lines[i]
		m := routeHead.FindStringSubmatch(line)
		if m == nil {
			m = ciscoHead.FindStringSubmatch(line)
		}
		if m != nil {
			f = &Foreign{Program: ForeignTraceroute}
			f.took(i, i)
			f.Target, _ = cutName(m[1])
			f.Address, _ = parseAddress(m[2])
			if s := routeSize.FindStringSubmatch(m[3]); s != nil {
				f.Size, _ = strconv.Atoi(s[1] + s[2])
			}
			continue
		}
		if f == nil {
			continue
		}
		if ofTracert(line, f.last()) {
			f = nil
			continue
		}
		if m := routeRow.FindStringSubmatch(line); m != nil && !routeStray.MatchString(line) {
			ttl, _ := strconv.Atoi(m[1])
			h := ForeignHop{TTL: ttl}
			whole, n := wholeRoute(m[2], lines[i+1:])
			if !h.route(whole) {
				if ttl == f.last()+1 && (routeLike.MatchString(whole) || routeGoesOn(lines, i+1)) {
					return nil, foreignError(i, "hop %d is broken off, and the next lines do not complete it", ttl)
				}
				if len(f.Hops) > 0 && !strings.HasPrefix(line, "  ") {
					f = nil // words behind the trace that begin with a number
				}
				continue
			}
			if len(f.Hops) == 0 {
				out = append(out, f)
			}
			if err := f.add(h); err != nil {
				return nil, foreignError(i, "%v", err)
			}
			if most := f.mostAsked(); n > 0 && h.Sent > most {
				return nil, foreignError(i+1, "of hop %d that would be %d probes, of those before it at most %d", ttl, h.Sent, most)
			}
			f.took(i, i+n)
			i += n
			continue
		}
		if tail, _ := routeTail(line); tail && routeStray.MatchString(line) && len(f.Hops) > 0 {
			return nil, foreignError(i, "a time that belongs to no hop")
		}
		if h := f.lastHop(); h != nil && strings.HasPrefix(line, "   ") {
			more := *h
			if more.route(line) {
				*h = more
				f.took(i, i)
			}
		}
	}
	return out, nil
}

// ofTracert says that a line behind hop last is one of tracert, which has its
// times before the host; of stars alone only the TTL tells.
func ofTracert(line string, last int) bool {
	m := tracertRow.FindStringSubmatch(line)
	if m == nil {
		return false
	}
	ttl, _ := strconv.Atoi(m[1])
	return strings.ContainsAny(m[2], "0123456789") || ttl <= last
}

// routeGoesOn says that line i can only be a part of the hop above.
func routeGoesOn(lines []string, i int) bool {
	if i >= len(lines) {
		return false
	}
	_, probes := routeTail(lines[i])
	return probes
}

// mostAsked is how many probes the hops before the last have got at most; of the
// first one there is nothing to compare.
func (f *Foreign) mostAsked() int {
	most := 0
	for i := range f.Hops[:len(f.Hops)-1] {
		most = max(most, f.Hops[i].Sent)
	}
	if most == 0 {
		return maxForeignSent
	}
	return most
}

// route reads hosts, times and stars behind a TTL, and adds them to h; false:
// there are none, and h is as it was.
func (h *ForeignHop) route(rest string) bool {
	was := *h
	h.Hosts = slices.Clone(h.Hosts) // was keeps its own
	fields := routeFields(rest)
	probes, timed := 0, false
	ahead, as := false, uint32(0) // BSD has the AS before its host, others behind it
	for i := 0; i < len(fields); i++ {
		s := fields[i]
		timed = s[0] == '!' && (timed || i > 0 && fields[i-1] == "ms")
		switch {
		case s == "*":
			probes++
			h.Sent, h.Lost = h.Sent+1, h.Lost+1
		case i+1 < len(fields) && fields[i+1] == "ms":
			d, ok := parseMS(s)
			if !ok {
				*h = was
				return false
			}
			probes++
			h.Sent++
			h.rtts = append(h.rtts, d)
			i++
		case strings.HasPrefix(s, "!"):
			if h.Turned = true; !timed { // Cisco has it in place of the time
				probes++
				h.Sent++
			}
		case strings.Contains(s, "MPLS") || strings.Contains(s, "L="):
			if m := routeMPLS.FindStringSubmatch(s); m != nil && len(h.Labels) < maxLabels {
				n, _ := strconv.Atoi(m[1])
				h.Labels = append(h.Labels, n)
			}
		case strings.HasPrefix(s, "[AS") || strings.HasPrefix(s, "(") || strings.HasPrefix(s, "["):
			n, isAS := parseAS(s)
			ahead = ahead || isAS && len(h.Hosts) == len(was.Hosts)
			switch last := len(h.Hosts) - 1; {
			case isAS && ahead:
				as = n
			case last < 0:
			case isAS:
				h.Hosts[last].AS = n
			default:
				if x, ok := parseHost([]string{s}); ok && x.Addr.IsValid() {
					h.Hosts[last].Addr = x.Addr
				}
			}
		default:
			host, ok := parseHost([]string{s})
			if !ok || s == "ms" || routeNumber.MatchString(s) || len(h.Hosts) >= maxForeignHosts {
				*h = was
				return false
			}
			host.AS, as = as, 0
			h.Hosts = append(h.Hosts, host)
		}
	}
	if probes == 0 || h.Sent > 100 {
		*h = was
		return false
	}
	for i := range h.Hosts { // "192.0.2.1 (192.0.2.1)"
		if a, ok := parseAddress(h.Hosts[i].Name); ok {
			h.Hosts[i].Name, h.Hosts[i].Addr = "", a
		}
	}
	h.Hosts = unique(h.Hosts)
	h.RTT = rttStats(h.rtts)
	return true
}

// parseMS reads "0.412" or, as Windows has it, "<1": the bound counts.
func parseMS(s string) (time.Duration, bool) {
	x, err := strconv.ParseFloat(decimal(strings.TrimPrefix(s, "<")), 64)
	if err != nil {
		return 0, false
	}
	return foreignTime(x)
}

func unique(hosts []ForeignHost) []ForeignHost {
	var out []ForeignHost
	for _, h := range hosts {
		again := false
		for _, o := range out {
			again = again || o.Addr.IsValid() && o.Addr == h.Addr || !h.Addr.IsValid() && o.Name == h.Name
		}
		if !again {
			out = append(out, h)
		}
	}
	return out
}
