package report

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

var (
	csvHead = regexp.MustCompile(`^ *Mtr_Version,`)
	csvRow  = regexp.MustCompile(`^ *MTR\.[^,]*,[0-9]+,`)
	// mtrXML is where mtr --xml begins. It is not read, and must not go unread
	// beside what is.
	mtrXML = regexp.MustCompile(`<MTR [^>]*SRC="`)
)

// parseMTRCSV reads what mtr --csv writes, as jobs of cron keep it, one run below
// the other:
//
//	Mtr_Version,Start_Time,Status,Host,Hop,Ip,Asn,Loss%,Snt, ,Last,Avg,Best,Wrst,StDev,
//	MTR.0.95,1795725933,OK,203.0.113.7,1,192.0.2.1,AS???,0.00,100,0,0.40,0.40,0.30,0.60,0.10
//
// "Asn" comes with -z, the columns behind it are those of -o. A router that never
// answered is "???".
func parseMTRCSV(lines []string) ([]*Foreign, error) {
	var out []*Foreign
	var f *Foreign
	var columns []string
	head := 0
	for i, line := range lines {
		if csvHead.MatchString(line) {
			columns, f, head = strings.Split(strings.TrimRight(line, ", "), ","), nil, i
			continue
		}
		if !csvRow.MatchString(line) {
			continue
		}
		cells := strings.Split(strings.TrimRight(line, ", "), ",")
		if len(cells) != len(columns) {
			return nil, foreignError(i, "%d values of mtr --csv under %d names of columns", len(cells), len(columns))
		}
		row := make(map[string]string)
		for k, name := range columns {
			row[strings.TrimSpace(name)] = cells[k]
		}
		h, err := csvHop(row)
		if err != nil {
			return nil, foreignError(i, "%v", err)
		}
		if started := csvTime(row["Start_Time"]); f == nil || h.TTL <= f.last() || f.Started != started {
			f = &Foreign{Program: ForeignMTRCSV, Started: started}
			f.Target, _ = cutName(row["Host"])
			f.took(head, head)
			out = append(out, f)
		}
		if err := f.add(h); err != nil {
			return nil, foreignError(i, "%v", err)
		}
		f.took(i, i)
	}
	return out, nil
}

func csvHop(row map[string]string) (ForeignHop, error) {
	ttl, err := strconv.Atoi(row["Hop"])
	if err != nil {
		return ForeignHop{}, fmt.Errorf("Hop is %q", row["Hop"])
	}
	h := ForeignHop{TTL: ttl}
	if host, ok := parseHost(append(strings.Fields(row["Asn"]), strings.Fields(row["Ip"])...)); ok {
		h.Hosts = []ForeignHost{host}
	}
	value := make(map[string]float64)
	for name, s := range row {
		if !slices.Contains(mtrColumns, name) {
			continue
		}
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || !(x >= 0) {
			return ForeignHop{}, fmt.Errorf("%s is %q", name, s)
		}
		value[name] = x
	}
	err = h.figures(value)
	return h, err
}

// csvTime is a time in seconds since 1970 as people read it.
func csvTime(s string) string {
	const last = 253402300799 // of the year 9999
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n > last {
		s, _ = cutName(s)
		return s
	}
	return time.Unix(n, 0).UTC().Format(time.RFC3339)
}
