package web

import "net/http"

type helpPage struct {
	head
	Base string
}

// help says which keys there are, and how to ask with curl.
func (s *site) help(w http.ResponseWriter, r *http.Request) {
	h := s.head(r, langOf(r).Say("help.title"))
	h.Narrow = true
	p := helpPage{h, plainURL(baseURL(r, s.PublicURL))}
	if formatOf(r) == formatHTML {
		s.pageCached(w, r, "help.html", p)
		return
	}
	s.send(w, r, http.StatusOK, textPlain, []byte(helpText(p.Base)))
}

func helpText(base string) string {
	return `curl ` + base + `/                                    what is wrong now
curl ` + base + `/2026/11/23/                         the reports of a day
curl '` + base + `/2026/11/23.csv?loss=5'             those that lost more than 5 %, as CSV (.txt, .json)
curl '` + base + `/2026/11/23/?target=203.0.113.7'    those of a target
curl '` + base + `/search?q=203.0.113.7'              what is known of an address, a name, an ID or a tag
curl ` + base + `/incidents                           losses that began together
curl '` + base + `/api/mtr?ip=203.0.113.7'            trace it now
`
}
