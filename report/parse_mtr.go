package report

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// mtrColumns are the figures that mtr prints, by the name above them.
var mtrColumns = []string{"Loss%", "Drop", "Rcv", "Snt", "Last", "Best", "Avg", "Wrst", "StDev", "Gmean", "Jttr", "Javg", "Jmax", "Jint"}

// mtrCounts are those of them that count probes.
var mtrCounts = []string{"Drop", "Rcv", "Snt"}

var (
	mtrRow  = regexp.MustCompile(`^[ |]*([0-9]{1,3}|\?)\.(?:\|--)?(?: +(.+))?$`)
	mtrEnds = regexp.MustCompile(`^ *([^ ]+) \(([^ )]+)\) -> ([^ ]+) \(([^ )]+)\) *(.*)$`)
	mtrMPLS = regexp.MustCompile(`\[MPLS: Lbl ([0-9]{1,7}) `)
)

// parseMTR reads mtr's report and what is copied from its screen:
//
//	Start: 2026-11-23T14:05:33+0800
//	HOST: hk1                         Loss%   Snt   Last   Avg  Best  Wrst StDev
//	  1.|-- 198.18.0.1                 0.0%    10    0.4   0.4   0.3   0.6   0.1
//	  2.|-- AS64500  core1.example.net (198.18.0.5)  10.0%    10    1.6 …
//	        198.18.0.6
//	       [MPLS: Lbl 24015 TC 0 S 1 TTL 1]
//
// The last line is the target. Its name is only in the command above, and at
// the head of the screen of newer versions:
//
//	hk1 (192.0.2.9) -> edge.example.net (203.0.113.7)      2026-11-23T14:05:33+0800
//
// Mail programs and narrow terminals break lines; they are joined again.
func parseMTR(lines []string) ([]*Foreign, error) {
	var out []*Foreign
	var head Foreign // what stands above the next table
	var f *Foreign
	columns := []string{"Loss%", "Snt", "Last", "Avg", "Best", "Wrst", "StDev"}
	headed := false
	for i := 0; i < len(lines); i++ {
		line, first := lines[i], i
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		for (fields[0] == "HOST:" || columnsOf(fields) != nil) && i+1 < len(lines) && onlyColumns(lines[i+1]) {
			i++
			fields = append(fields, strings.Fields(lines[i])...)
		}
		if c := columnsOf(fields); len(c) >= 2 {
			columns, f, headed = c, nil, true
			head.took(first, i)
			if fields[0] == "HOST:" && len(fields) > len(c)+1 {
				head.Source, _ = cutName(fields[1])
			}
			continue
		}
		if fields[0] == "Start:" && len(fields) > 1 {
			head.Started, _ = cutName(strings.Join(fields[1:], " "))
			f = nil
			head.took(i, i)
			continue
		}
		if m := mtrEnds.FindStringSubmatch(line); m != nil {
			f = nil
			head.took(i, i)
			head.Source, _ = cutName(m[1])
			head.Target, _ = cutName(m[3])
			head.Address, _ = parseAddress(m[4])
			head.Started, _ = cutName(m[5])
			continue
		}
		if t := typedTarget(line); t != "" {
			f, head = nil, Foreign{Target: t, lines: []int{i}}
			continue
		}
		if routeHead.MatchString(line) || ciscoHead.MatchString(line) {
			f = nil // addresses below are another's
			continue
		}
		m := mtrRow.FindStringSubmatch(line)
		if m == nil {
			if f != nil && f.moreOfHop(line, fields) {
				f.took(i, i)
			}
			continue
		}
		h, err := mtrHop(m[2], columns)
		if err != nil && (headed || strings.Contains(line, "|--")) {
			if joined, n := mtrJoined(m[2], lines[i+1:], columns); n > 0 {
				h, err = joined, nil
				i += n
			}
		}
		if err != nil {
			if !strings.Contains(line, "|--") && (!headed || prose(m[2], columns)) {
				continue // a numbered list above or below the table
			}
			if m[2] == "" {
				err = fmt.Errorf("hop %s is broken off, and the next lines do not complete it", m[1])
			}
			return nil, foreignError(i, "%v", err)
		}
		if !headed && h.Sent == 0 && len(h.Hosts) == 0 {
			continue // "1. ???" of no table
		}
		switch last := f.last(); {
		case m[1] == "?": // as mtrq has a target that answered at no TTL
			h.TTL, h.any = last+1, true
		default:
			h.TTL, _ = strconv.Atoi(m[1])
		}
		if f == nil || h.TTL <= f.last() {
			f = &Foreign{Program: ForeignMTR, Source: head.Source, Target: head.Target, Address: head.Address, Started: head.Started, lines: head.lines}
			out, head = append(out, f), Foreign{}
		}
		if err := f.add(h); err != nil {
			return nil, foreignError(i, "%v", err)
		}
		f.took(first, i)
	}
	return out, nil
}

func (f *Foreign) last() int {
	if f == nil || len(f.Hops) == 0 {
		return 0
	}
	return f.Hops[len(f.Hops)-1].TTL
}

// columnsOf are the names of columns at the end of a header line.
func columnsOf(fields []string) []string {
	i := len(fields)
	for i > 0 && slices.Contains(mtrColumns, fields[i-1]) {
		i--
	}
	if c := fields[i:]; slices.Contains(c, "Snt") {
		return c
	}
	return nil
}

func onlyColumns(line string) bool {
	fields := strings.Fields(line)
	return len(fields) > 0 && !slices.ContainsFunc(fields, func(s string) bool { return !slices.Contains(mtrColumns, s) })
}

// mtrJoined reads a line that was broken, together with the next ones; n is
// how many, 0: they do not complete it.
//
//	  2.|--
//	core1.example.net   0.0%   100
//	0.4   0.4   0.3   0.6   0.1
func mtrJoined(rest string, next, columns []string) (h ForeignHop, n int) {
	spaced, glued := rest, rest // broken between two words, or within one
	for i, line := range next[:min(len(next), 3)] {
		if line == "" || mtrRow.MatchString(line) {
			break
		}
		spaced += " " + line
		glued += line
		for _, s := range []string{spaced, glued} {
			if h, err := mtrHop(s, columns); err == nil && oneHost(s, columns) {
				return h, i + 1
			}
		}
	}
	return ForeignHop{}, 0
}

// oneHost says that nothing but one host stands before the figures.
func oneHost(rest string, columns []string) bool {
	fields := strings.Fields(rest)
	names := 0
	for _, s := range fields[:max(0, len(fields)-len(columns))] {
		if _, ok := parseAS(s); ok {
			continue
		}
		if _, ok := parseAddress(strings.Trim(s, "()")); ok {
			continue
		}
		if _, err := strconv.ParseFloat(decimal(strings.TrimRight(s, "%")), 64); err == nil {
			return false
		}
		names++
	}
	return names <= 1
}

// decimal is a figure with the point that a locale prints as a comma.
func decimal(s string) string {
	if strings.Contains(s, ".") {
		return s
	}
	return strings.Replace(s, ",", ".", 1)
}

// mtrHop reads a line behind its number. A hop that nobody answered at yet
// has no figures on mtr's screen, "(waiting for reply)" or "???": how often it
// was asked is not known.
func mtrHop(rest string, columns []string) (ForeignHop, error) {
	fields := strings.Fields(rest)
	if strings.HasPrefix(rest, "(waiting for reply") || len(fields) == 1 && fields[0] == "???" {
		return ForeignHop{}, nil
	}
	n := len(columns)
	if len(fields) <= n {
		return ForeignHop{}, fmt.Errorf("want a host and %d figures, got %q", n, rest)
	}
	who, figures := fields[:len(fields)-n], fields[len(fields)-n:]
	value := make(map[string]float64, n)
	for i, s := range figures {
		s = strings.TrimRight(s, "%~")
		if s == "-" {
			continue // not known
		}
		if !slices.Contains(mtrCounts, columns[i]) { // a comma in those parts thousands
			s = decimal(s)
		}
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
			return ForeignHop{}, fmt.Errorf("%s is %q", columns[i], figures[i])
		}
		value[columns[i]] = x
	}
	h := ForeignHop{}
	if host, ok := parseHost(who); ok {
		h.Hosts = []ForeignHost{host}
	}
	err := h.figures(value)
	return h, err
}

// figures takes the counts and times of a line by mtr's names.
func (h *ForeignHop) figures(value map[string]float64) error {
	if err := h.counts(value); err != nil {
		return err
	}
	switch timed := value["Avg"] > 0 || value["Wrst"] > 0; {
	case len(h.Hosts) == 0 && !timed:
		h.Lost = h.Sent // "??? 0.0%": some versions count no loss where nobody ever answered
	case len(h.Hosts) > 0 && timed && h.Lost == h.Sent && h.Sent > 1:
		h.Lost-- // 99.95 % and more are printed as 100.0
	}
	return h.times(value)
}

// prose says that hardly a word of a line could be a figure.
func prose(rest string, columns []string) bool {
	fields := strings.Fields(rest)
	numbers := 0
	for _, s := range fields[max(0, len(fields)-len(columns)):] {
		if s[0] >= '0' && s[0] <= '9' {
			numbers++
		}
	}
	return 2*numbers < len(columns)
}

// counts takes Snt and what is lost of it from figures by mtr's names.
func (h *ForeignHop) counts(value map[string]float64) error {
	sent, ok := value["Snt"]
	if !ok || sent > maxForeignSent || sent != math.Trunc(sent) {
		return fmt.Errorf("probes sent: %v", sent)
	}
	h.Sent = int(sent)
	if loss, ok := value["Loss%"]; ok {
		if loss > 100 {
			return fmt.Errorf("loss of %v %%", loss)
		}
		// A share with one decimal gives the count back up to a thousand
		// probes; beyond that the nearest one, but never none of some.
		h.Lost = int(math.Round(loss * sent / 100))
		if h.Lost == 0 && loss > 0 && sent > 0 {
			h.Lost = 1
		}
		if h.Lost == h.Sent && loss < 100 && h.Sent > 0 {
			h.Lost--
		}
	}
	if drop, ok := value["Drop"]; ok {
		h.Lost = int(min(drop, sent+1))
	} else if rcv, ok := value["Rcv"]; ok {
		h.Lost = h.Sent - int(min(rcv, sent+1))
	}
	if h.Lost < 0 || h.Lost > h.Sent {
		return fmt.Errorf("%d lost of %d probes", h.Lost, h.Sent)
	}
	return nil
}

// times takes the round-trip times. The zeros of a hop that answered nothing
// are no times.
func (h *ForeignHop) times(value map[string]float64) error {
	if h.Lost == h.Sent {
		return nil
	}
	var t RTTStats
	for _, name := range []string{"Avg", "Last", "Best", "Wrst"} {
		x, ok := value[name]
		d, fits := foreignTime(x)
		switch {
		case !ok && name == "Avg":
			return nil // without a mean there is no typical time
		case !fits:
			return fmt.Errorf("%s of %v ms", name, x)
		case !ok:
			d = t.Avg
		}
		switch name {
		case "Avg":
			t.Avg, t.P50 = d, d
		case "Last":
			t.Last = d
		case "Best":
			t.Best = d
		case "Wrst":
			t.Worst, t.P95, t.P99 = d, d, d
		}
	}
	if d, ok := foreignTime(value["StDev"]); ok && h.Sent-h.Lost > 1 && value["StDev"] > 0 {
		t.StDev = &d
	}
	h.RTT = &t
	return nil
}

// moreOfHop takes a line below a hop: a further address, or MPLS labels; false:
// it is neither.
func (f *Foreign) moreOfHop(line string, fields []string) bool {
	h := f.lastHop()
	if m := mtrMPLS.FindStringSubmatch(line); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil && n < 1<<20 && len(h.Labels) < maxLabels {
			h.Labels = append(h.Labels, n)
		}
		return true
	}
	if !strings.HasPrefix(line, "    ") && !strings.HasPrefix(strings.TrimLeft(line, " "), "|") {
		return false
	}
	rest := strings.Fields(strings.TrimLeft(line, " |`-\\"))
	if len(rest) == 0 || len(rest) > 3 || len(fields) > 5 || len(h.Hosts) >= maxForeignHosts {
		return false
	}
	// A name alone may be any word of what was copied along; an address is none.
	host, ok := parseHost(rest)
	if !ok || !host.Addr.IsValid() {
		return false
	}
	if !slices.Contains(h.Hosts, host) {
		h.Hosts = append(h.Hosts, host)
	}
	return true
}

func cutName(s string) (string, bool) {
	s = Printable(s)
	if len(s) > maxHostName {
		return strings.ToValidUTF8(s[:maxHostName], ""), true
	}
	return s, false
}
