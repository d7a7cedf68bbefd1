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

var (
	mtrRow  = regexp.MustCompile(`^[ |]*([0-9]{1,3}|\?)\.(?:\|--)? +(.+)$`)
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
// The last line is the target; its name is nowhere in the text.
func parseMTR(lines []string) ([]*Foreign, error) {
	var out []*Foreign
	var head Foreign // what stands above the next table
	var f *Foreign
	columns := []string{"Loss%", "Snt", "Last", "Avg", "Best", "Wrst", "StDev"}
	headed := false
	for i, line := range lines {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		if c := columnsOf(fields); len(c) >= 2 {
			columns, f, headed = c, nil, true
			if fields[0] == "HOST:" && len(fields) > len(c)+1 {
				head.Source, _ = cutName(fields[1])
			}
			continue
		}
		if fields[0] == "Start:" && len(fields) > 1 {
			head.Started, _ = cutName(strings.Join(fields[1:], " "))
			f = nil
			continue
		}
		m := mtrRow.FindStringSubmatch(line)
		if m == nil {
			if f != nil {
				f.moreOfHop(line, fields)
			}
			continue
		}
		h, ok, err := mtrHop(m[2], columns)
		if err != nil {
			if !strings.Contains(line, "|--") && (!headed || prose(m[2], columns)) {
				continue // a numbered list above or below the table
			}
			return nil, foreignError(i, "%v", err)
		}
		if !ok {
			continue
		}
		switch last := f.last(); {
		case m[1] == "?": // as mtrq has a target that answered at no TTL
			h.TTL = last + 1
		default:
			h.TTL, _ = strconv.Atoi(m[1])
		}
		if f == nil || h.TTL <= f.last() {
			f = &Foreign{Program: ForeignMTR, Source: head.Source, Started: head.Started}
			out, head = append(out, f), Foreign{}
		}
		if err := f.add(h); err != nil {
			return nil, foreignError(i, "%v", err)
		}
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

// mtrHop reads a line behind its number. ok is false for a hop that has not
// been asked yet ("(waiting for reply)").
func mtrHop(rest string, columns []string) (ForeignHop, bool, error) {
	fields := strings.Fields(rest)
	if strings.HasPrefix(rest, "(waiting for reply") {
		return ForeignHop{}, false, nil
	}
	n := len(columns)
	if len(fields) <= n {
		if len(fields) == 1 && fields[0] == "???" {
			return ForeignHop{}, false, nil // mtr's screen, nothing sent or answered yet
		}
		return ForeignHop{}, false, fmt.Errorf("want a host and %d figures, got %q", n, rest)
	}
	who, figures := fields[:len(fields)-n], fields[len(fields)-n:]
	value := make(map[string]float64, n)
	for i, s := range figures {
		s = strings.TrimRight(s, "%~")
		if s == "-" {
			continue // not known
		}
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) || x < 0 {
			return ForeignHop{}, false, fmt.Errorf("%s is %q", columns[i], figures[i])
		}
		value[columns[i]] = x
	}
	h := ForeignHop{}
	if host, ok := parseHost(who); ok {
		h.Hosts = []ForeignHost{host}
	}
	if err := h.counts(value); err != nil {
		return ForeignHop{}, false, err
	}
	return h, true, h.times(value)
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

// moreOfHop takes a line below a hop: a further address, or MPLS labels.
func (f *Foreign) moreOfHop(line string, fields []string) {
	h := f.lastHop()
	if m := mtrMPLS.FindStringSubmatch(line); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil && n < 1<<20 && len(h.Labels) < maxLabels {
			h.Labels = append(h.Labels, n)
		}
		return
	}
	if !strings.HasPrefix(line, "    ") && !strings.HasPrefix(strings.TrimLeft(line, " "), "|") {
		return
	}
	rest := strings.Fields(strings.TrimLeft(line, " |`-\\"))
	if len(rest) == 0 || len(rest) > 3 || len(fields) > 5 || len(h.Hosts) >= maxForeignHosts {
		return
	}
	// A name alone may be any word of what was copied along; an address is none.
	if host, ok := parseHost(rest); ok && host.Addr.IsValid() && !slices.Contains(h.Hosts, host) {
		h.Hosts = append(h.Hosts, host)
	}
}

func cutName(s string) (string, bool) {
	s = Printable(s)
	if len(s) > maxHostName {
		return strings.ToValidUTF8(s[:maxHostName], ""), true
	}
	return s, false
}
