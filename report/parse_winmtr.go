package report

import (
	"html"
	"math"
	"regexp"
	"strconv"
	"strings"
)

var (
	winMTRRow  = regexp.MustCompile(`^\|? *(.*?) +- +([0-9]{1,3}) *\|([0-9 |]+)\|?$`)
	winMTRHead = regexp.MustCompile(`^\|? *[^|]* - +% *(?:\|[^|]+){6}\|?$`)
	htmlCell   = regexp.MustCompile(`(?i)<td[^>]*>([^<]*)</td>`)
)

// parseWinMTR reads WinMTR's text or HTML, whose last line is the target:
//
//	|                       Host              -   %  | Sent | Recv | Best | Avrg | Wrst | Last |
//	|                             192.0.2.1 -    0 |   10 |   10 |    0 |    0 |    1 |    0 |
//	|                 No response from host -  100 |   10 |    0 |    0 |    0 |    0 |    0 |
//
// Times are whole milliseconds. Translated versions have other words above the
// columns, whose order is the same, and in place of a host that answered nothing.
func parseWinMTR(lines []string) ([]*Foreign, error) {
	var out []*Foreign
	var f *Foreign
	translated := false
	for i, line := range lines {
		line = winMTRCells(line)
		english := strings.Contains(line, "Sent") && strings.Contains(line, "Recv")
		if english || winMTRHead.MatchString(line) {
			f, translated = &Foreign{Program: ForeignWinMTR, Protocol: "icmp"}, !english // it has no other
			f.took(i, i)
			continue
		}
		m := winMTRRow.FindStringSubmatch(line)
		if m == nil || f == nil {
			continue
		}
		var figures []float64
		for _, s := range strings.Split(strings.Trim(m[3], "| "), "|") {
			n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
			if err != nil {
				return nil, foreignError(i, "figure %q", s)
			}
			figures = append(figures, float64(n))
		}
		if len(figures) != 6 {
			return nil, foreignError(i, "%d figures, want 6: Sent, Recv, Best, Avrg, Wrst, Last", len(figures))
		}
		h := ForeignHop{TTL: f.last() + 1}
		value := map[string]float64{"Snt": figures[0], "Rcv": figures[1], "Best": figures[2], "Avg": figures[3], "Wrst": figures[4], "Last": figures[5]}
		if err := h.counts(value); err != nil {
			return nil, foreignError(i, "%v", err)
		}
		if percent, _ := strconv.Atoi(m[2]); translated && h.Sent > 0 && math.Abs(float64(percent)-100*float64(h.Lost)/float64(h.Sent)) > 1 {
			return nil, foreignError(i, "%d %% lost, but %d of %d: the columns are not those of WinMTR", percent, h.Lost, h.Sent)
		}
		if err := h.times(value); err != nil {
			return nil, foreignError(i, "%v", err)
		}
		// Several words are what Windows said ("Destination host unreachable."), not who.
		if who := strings.Fields(m[1]); h.Lost < h.Sent {
			if host, ok := parseHost(who); ok && (len(who) == 1 || host.Addr.IsValid()) {
				h.Hosts = []ForeignHost{host}
			}
		}
		if len(f.Hops) == 0 {
			out = append(out, f)
		}
		if err := f.add(h); err != nil {
			return nil, foreignError(i, "%v", err)
		}
		f.took(i, i)
	}
	return out, nil
}

// winMTRCells is a line of WinMTR's HTML as its text has it.
func winMTRCells(line string) string {
	cells := htmlCell.FindAllStringSubmatch(line, -1)
	if len(cells) != 8 {
		return line
	}
	var b strings.Builder
	for i, c := range cells {
		b.WriteString([]string{"| ", " - ", " | "}[min(i, 2)] + strings.TrimSpace(html.UnescapeString(c[1])))
	}
	return Printable(b.String() + " |")
}
