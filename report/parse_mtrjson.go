package report

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

var (
	// mtrDocument is where a document of mtr --json begins, in whatever stands
	// around it: the prompt, an array, another one.
	mtrDocument = regexp.MustCompile(`\{\s*"report"\s*:`)
	anyObject   = regexp.MustCompile(`^\{\s*["}]`)
)

// parseMTRJSON reads what mtr --json writes, once or several times:
//
//	{"report": {"mtr": {"src": "hk1", "dst": "203.0.113.7", "tests": 10, "psize": "64", …},
//	            "hubs": [{"count": 1, "host": "198.18.0.1", "Loss%": 0.0, "Snt": 10, "Last": 0.4, …}]}}
//
// Numbers are strings in some versions. An "ASN" beside "host" comes with -z.
func parseMTRJSON(lines []string) ([]*Foreign, error) {
	text := strings.Join(lines, "\n")
	at := len(text) - len(strings.TrimLeft(text, " \n"))
	if !anyObject.MatchString(text[at:]) { // what begins as JSON is read or refused as such
		if at = nextDocument(text, 0); at < 0 {
			return nil, nil
		}
	}
	var out []*Foreign
	for ; at >= 0; at = nextDocument(text, at) {
		dec := json.NewDecoder(strings.NewReader(text[at:]))
		f, err := mtrReport(dec)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
		end := at + int(dec.InputOffset())
		f.took(strings.Count(text[:at], "\n"), strings.Count(text[:end], "\n"))
		at = end
	}
	return out, nil
}

func nextDocument(text string, from int) int {
	m := mtrDocument.FindStringIndex(text[from:])
	if m == nil {
		return -1
	}
	return from + m[0]
}

func mtrReport(dec *json.Decoder) (*Foreign, error) {
	var doc struct {
		Report *struct {
			MTR  map[string]any   `json:"mtr"`
			Hubs []map[string]any `json:"hubs"`
		} `json:"report"`
	}
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("%w: JSON: %v", ErrForeign, err)
	}
	if doc.Report == nil || len(doc.Report.Hubs) == 0 {
		return nil, fmt.Errorf("%w: JSON without the \"report\" and \"hubs\" of mtr --json", ErrForeign)
	}
	f := &Foreign{Program: ForeignMTRJSON}
	f.Source, _ = cutName(jsonText(doc.Report.MTR["src"]))
	f.Target, _ = cutName(jsonText(doc.Report.MTR["dst"]))
	if size, ok := jsonNumber(doc.Report.MTR["psize"]); ok && size == math.Trunc(size) && size > 0 && size <= 65535 {
		f.Size = int(size)
	}
	for i, hub := range doc.Report.Hubs {
		h, err := hubHop(hub)
		if err == nil {
			err = f.add(h)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: hub %d: %v", ErrForeign, i+1, err)
		}
	}
	return f, nil
}

func hubHop(hub map[string]any) (ForeignHop, error) {
	ttl, ok := jsonNumber(hub["count"])
	if !ok || ttl != math.Trunc(ttl) || ttl < 1 || ttl > maxByte {
		return ForeignHop{}, fmt.Errorf("count is %v", hub["count"])
	}
	h := ForeignHop{TTL: int(ttl)}
	fields := append(strings.Fields(Printable(jsonText(hub["ASN"]))), strings.Fields(Printable(jsonText(hub["host"])))...)
	if host, ok := parseHost(fields); ok {
		h.Hosts = []ForeignHost{host}
	}
	value := make(map[string]float64)
	for _, name := range mtrColumns {
		x, there := hub[name]
		if !there {
			continue
		}
		n, ok := jsonNumber(x)
		if !ok || n < 0 {
			return ForeignHop{}, fmt.Errorf("%s is %v", name, x)
		}
		value[name] = n
	}
	if err := h.counts(value); err != nil {
		return ForeignHop{}, err
	}
	return h, h.times(value)
}

func jsonText(x any) string {
	s, _ := x.(string)
	return s
}

func jsonNumber(x any) (float64, bool) {
	switch x := x.(type) {
	case float64:
		return x, true
	case string:
		n, err := strconv.ParseFloat(strings.TrimSpace(x), 64)
		return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0)
	}
	return 0, false
}
