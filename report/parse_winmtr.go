package report

import (
	"regexp"
	"strconv"
	"strings"
)

var winMTRRow = regexp.MustCompile(`^\|? *(.*?) +- +([0-9]{1,3}) *\|([0-9 |]+)\|?$`)

// parseWinMTR reads WinMTR's text, whose last line is the target:
//
//	|                       Host              -   %  | Sent | Recv | Best | Avrg | Wrst | Last |
//	|                             192.0.2.1 -    0 |   10 |   10 |    0 |    0 |    1 |    0 |
//	|                 No response from host -  100 |   10 |    0 |    0 |    0 |    0 |    0 |
//
// Times are whole milliseconds. A host that answered nothing has words in
// place of a name, in the language of the version.
func parseWinMTR(lines []string) ([]*Foreign, error) {
	var out []*Foreign
	var f *Foreign
	for i, line := range lines {
		if strings.Contains(line, "Sent") && strings.Contains(line, "Recv") {
			f = &Foreign{Program: ForeignWinMTR}
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
		if err := h.times(value); err != nil {
			return nil, foreignError(i, "%v", err)
		}
		if host, ok := parseHost(strings.Fields(m[1])); ok && h.Lost < h.Sent {
			h.Hosts = []ForeignHost{host}
		}
		if len(f.Hops) == 0 {
			out = append(out, f)
		}
		if err := f.add(h); err != nil {
			return nil, foreignError(i, "%v", err)
		}
	}
	return out, nil
}
