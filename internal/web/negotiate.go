package web

import (
	"mime"
	"net/http"
	"strconv"
	"strings"
)

// format is a form in which an answer can be had.
type format string

const (
	formatText format = "text/plain"
	formatHTML format = "text/html"
	formatJSON format = "application/json"
	formatCSV  format = "text/csv"
	formatSVG  format = "image/svg+xml"
)

// offers, the one we like best first: what curl gets, who takes all.
var offers = []format{formatText, formatHTML, formatJSON}

// listOffers are those of a list.
var listOffers = append(offers[:len(offers):len(offers)], formatCSV)

// formatOf picks the form of an answer by the request's Accept (RFC
// 9110, section 12.5.1): the highest q, then the one named most
// exactly, then the one named first. A browser names text/html, a
// program application/json; curl's */* gets text. What accepts none of
// ours gets text too: that says more than 406 does.
func formatOf(r *http.Request) format { return formatAmong(r, offers) }

func formatAmong(r *http.Request, offers []format) format {
	type mark struct {
		q, exact float64
		place    int
	}
	var best mark
	chosen := formatText
	ranges := acceptRanges(strings.Join(r.Header.Values("Accept"), ","))
	for _, offer := range offers {
		var m mark
		for i, a := range ranges {
			exact := a.matches(offer)
			if exact > m.exact {
				m = mark{a.q, exact, -i}
			}
		}
		better := m.q > best.q || m.q == best.q && (m.exact > best.exact || m.exact == best.exact && m.exact > 1 && m.place > best.place)
		if m.q > 0 && better {
			best, chosen = m, offer
		}
	}
	return chosen
}

type acceptRange struct {
	media string
	q     float64
}

// matches gives 0 for no, then the more the more exactly it names f.
func (a acceptRange) matches(f format) float64 {
	major, _, _ := strings.Cut(string(f), "/")
	switch {
	case a.media == string(f), f == formatJSON && a.media == "application/problem+json":
		return 3
	case a.media == major+"/*":
		return 2
	case a.media == "*/*":
		return 1
	}
	return 0
}

// maxAcceptRanges bounds the work for a header made to be long;
// browsers send fewer than ten.
const maxAcceptRanges = 32

func acceptRanges(header string) []acceptRange {
	var out []acceptRange
	for i, part := range strings.Split(header, ",") {
		if i == maxAcceptRanges {
			break
		}
		media, params, err := mime.ParseMediaType(part)
		if err != nil {
			continue
		}
		q := 1.0
		if s, ok := params["q"]; ok {
			q, err = strconv.ParseFloat(s, 64)
			if err != nil || !(q >= 0 && q <= 1) {
				continue
			}
		}
		out = append(out, acceptRange{media, q})
	}
	return out
}
