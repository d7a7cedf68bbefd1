package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

// maxHits bounds a search; more is found by more exact words.
const maxHits = 100

type searchPage struct {
	head
	Asked  string
	Hits   []hitRow
	More   bool
	target string // of the only hit
	AS     bool   // it was asked for an AS number, and no database is set up
	Router string // nothing was found for this, which may be a router: as mtrq find takes it
}

type hitRow struct {
	Kind, Text, Detail, URL, Day string
	State, Mark                  string // of a target that is watched
}

// asNumber is what people type for an AS.
var asNumber = regexp.MustCompile(`^(?i)as ?[0-9]{1,10}$`)

// search answers /search?q=: an address, a prefix, a name or a part of it, an
// ID or its beginning, a tag. A single hit is gone to.
func (s *site) search(w http.ResponseWriter, r *http.Request) {
	q := strings.TrimSpace(r.URL.Query().Get("q"))
	if len(q) > maxFilter {
		s.fail(w, r, &problem{status: http.StatusBadRequest, code: codeParameter,
			detail: fmt.Sprintf(`parameter "q": it is longer than %d bytes`, maxFilter), hint: "a part of a name, or the beginning of an ID, is enough"})
		return
	}
	p := searchPage{head: s.head(r, ""), Asked: clean(q), AS: asNumber.MatchString(q) && s.AS == nil}
	p.Title, p.Query = p.T("find.title"), clean(q)
	if q != "" && !p.AS {
		var hits []archive.Hit
		err := s.bounded(r, func() (err error) {
			hits, err = s.find(q)
			return err
		})
		if err != nil {
			s.fail(w, r, archiveProblem(err))
			return
		}
		if p.More = len(hits) > maxHits; p.More {
			hits = hits[:maxHits]
		}
		hits = s.openHits(r, q, hits)
		for _, h := range hits {
			p.Hits = append(p.Hits, s.hitRow(p.head, h))
		}
		if len(hits) == 0 {
			p.Router = routerOf(q)
		}
		if len(hits) == 1 && hits[0].Kind == archive.HitTarget {
			p.target = hits[0].Target
		}
	}
	switch formatOf(r) {
	case formatHTML:
		if len(p.Hits) == 1 && !p.More {
			w.Header().Set("Cache-Control", "no-store")
			http.Redirect(w, r, p.Hits[0].URL, http.StatusSeeOther)
			return
		}
		s.page(w, r, http.StatusOK, "search.html", p)
	case formatJSON:
		out := struct {
			Query string   `json:"query"`
			Hits  []hitRow `json:"hits"`
			Note  string   `json:"note,omitempty"`
		}{p.Asked, p.Hits, ""}
		if out.Hits == nil {
			out.Hits = []hitRow{}
		}
		switch {
		case p.AS:
			out.Note = noASNumbers
		case p.Router != "":
			out.Note = findRouter + p.Router
		}
		body, err := json.Marshal(out)
		if err != nil {
			s.fail(w, r, archiveProblem(err))
			return
		}
		s.send(w, r, http.StatusOK, appJSON, append(body, '\n'))
	default:
		s.send(w, r, http.StatusOK, textPlain, s.searchText(r, p))
	}
}

// find asks the archive; of an AS, for the targets in it.
func (s *site) find(q string) ([]archive.Hit, error) {
	if !asNumber.MatchString(q) {
		return s.Archive.Search(q, maxHits+1)
	}
	number, err := strconv.ParseUint(strings.TrimSpace(q[len("AS"):]), 10, 32)
	if err != nil {
		return nil, nil // greater than any
	}
	return s.Archive.SearchWhere(func(a netip.Addr) (string, bool) {
		n, ok := s.AS(a)
		return n.Org, ok && uint64(n.AS) == number
	}, maxHits+1)
}

// routerOf is an address, a prefix or an AS as mtrq find takes it; "": what was
// asked for can be no router.
func routerOf(q string) string {
	if a, err := netip.ParseAddr(q); err == nil {
		return a.WithZone("").Unmap().String()
	}
	if p, err := netip.ParsePrefix(q); err == nil {
		return p.Masked().String()
	}
	if asNumber.MatchString(q) {
		return "AS" + strings.TrimSpace(q[len("AS"):])
	}
	return ""
}

// findRouter leads to the command, which reads reports one by one: no page does.
const findRouter = "only targets are looked for here; the traces of the last 7 days in which a router answered are listed on the node by: mtrq find "

// MarshalJSON names the fields as programs read them.
func (h hitRow) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Kind   string `json:"kind"`
		Text   string `json:"text"`
		Detail string `json:"detail,omitempty"`
		URL    string `json:"url"`
		Day    string `json:"day,omitempty"`
	}{h.Kind, h.Text, h.Detail, h.URL, h.Day})
}

const noASNumbers = "no AS database is set up on this node: set [asn] database in its configuration"

func (s *site) searchText(r *http.Request, p searchPage) []byte {
	var b bytes.Buffer
	base := plainURL(baseURL(r, s.PublicURL))
	switch {
	case p.AS:
		return []byte(noASNumbers + "\n")
	case p.Asked == "":
		return []byte("search with ?q=: an address, a prefix, a part of a name, the beginning of an ID, or a tag as key=value\n")
	case p.Router != "":
		return fmt.Appendf(nil, "nothing found for %s\n%s%s\n", short(p.Asked), findRouter, p.Router)
	case len(p.Hits) == 0:
		return fmt.Appendf(nil, "nothing found for %s\n", short(p.Asked))
	}
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, h := range p.Hits {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s%s\n", h.Kind, h.Text, h.Detail, base, plainURL(h.URL))
	}
	_ = t.Flush() // into memory: cannot fail
	if len(p.Hits) == 1 && p.target != "" {
		s.incidentsOfYear(&b, targetQuery{target: p.target})
	}
	if p.More {
		fmt.Fprintf(&b, "# more than %d hits: be more exact\n", maxHits)
	}
	return b.Bytes()
}

// openHits adds what only the spool knows: incidents that are open, targets
// that are watched and have no report yet, and jobs under way.
func (s *site) openHits(r *http.Request, q string, hits []archive.Hit) []archive.Hit {
	has := func(kind archive.HitKind, text string) bool {
		for _, h := range hits {
			if h.Kind == kind && (h.Text == text || h.Target == text) {
				return true
			}
		}
		return false
	}
	upper := strings.ToUpper(q)
	open, err := s.openIncidents()
	if err != nil {
		open = nil // the log has it; other pages say it
	}
	for _, e := range open {
		if id := e.ID.String(); len(q) >= 4 && strings.HasPrefix(id, upper) && !has(archive.HitIncident, id) {
			hits = append(hits, archive.Hit{Kind: archive.HitIncident, Text: id, Detail: e.Sentence, ID: e.ID})
		}
	}
	if id, ok := parseID(q); ok && !has(archive.HitReport, id.String()) && !has(archive.HitIncident, id.String()) {
		if st, err := s.standing(r, id); err == nil && st.state != jobUnknown {
			hits = append(hits, archive.Hit{Kind: archive.HitReport, Text: id.String(), Detail: string(st.state), ID: id})
		}
	}
	st, _ := s.watchState()
	if st == nil || len(q) < 2 {
		return hits
	}
	lower := strings.ToLower(q)
	for i := range st.Targets {
		t := &st.Targets[i]
		if len(hits) > maxHits {
			break
		}
		name, target := strings.ToLower(t.Target), t.Target
		if t.Address.IsValid() {
			target = t.Address.String()
		}
		if (strings.Contains(name, lower) || target == lower) && !has(archive.HitTarget, target) {
			hits = append(hits, archive.Hit{Kind: archive.HitTarget, Text: target, Detail: t.Target, Target: target})
		}
	}
	return hits
}

func (s *site) hitRow(h head, hit archive.Hit) hitRow {
	row := hitRow{Kind: h.wordOf("find.kind", string(hit.Kind)), Text: clean(hit.Text), Detail: clean(hit.Detail)}
	day := hit.Day != archive.Date{}
	if day {
		row.Day = hit.Day.String()
	}
	switch hit.Kind {
	case archive.HitTarget:
		row.URL = targetURL(hit.Target)
		if t, fresh := s.watched(hit.Target); t != nil && fresh {
			row.State, row.Mark = h.wordOf("tstate", string(t.State)), markOfState(t.State)
		}
		if row.Detail == row.Text {
			row.Detail = ""
		}
	case archive.HitIncident:
		row.URL = incidentURL(hit.ID)
		row.Detail = clean(report.SentenceIn(hit.Detail, s.Archive.Location()))
	case archive.HitReport:
		row.URL = "/r/" + hit.ID.String()
	case archive.HitNode:
		row.URL = nodeURL(hit.Text)
		if day && hit.Text != s.Node {
			row.URL = dayURL(hit.Day) + without(nil, "node", hit.Text)
		}
	case archive.HitTag:
		row.URL = "/"
		if day {
			row.URL = dayURL(hit.Day) + without(nil, "tag", hit.Text)
		}
	default:
		row.URL = "/"
	}
	return row
}
