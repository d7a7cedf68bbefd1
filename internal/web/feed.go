package web

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"net/url"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
)

// feedEntries is how many incidents the feed has, the newest.
const feedEntries = 50

// atomFeed is RFC 4287, section 4.1.1.
type atomFeed struct {
	XMLName xml.Name    `xml:"http://www.w3.org/2005/Atom feed"`
	ID      string      `xml:"id"`
	Title   string      `xml:"title"`
	Updated string      `xml:"updated"`
	Author  atomAuthor  `xml:"author"`
	Links   []atomLink  `xml:"link"`
	Gen     atomGen     `xml:"generator"`
	Entries []atomEntry `xml:"entry"`
}

type atomAuthor struct {
	Name string `xml:"name"`
}

type atomGen struct {
	Version string `xml:"version,attr"`
	Name    string `xml:",chardata"`
}

type atomLink struct {
	Rel  string `xml:"rel,attr"`
	Type string `xml:"type,attr,omitempty"`
	Href string `xml:"href,attr"`
}

type atomEntry struct {
	ID        string         `xml:"id"`
	Title     string         `xml:"title"`
	Updated   string         `xml:"updated"`
	Published string         `xml:"published"`
	Links     []atomLink     `xml:"link"`
	Category  []atomCategory `xml:"category"`
	Summary   string         `xml:"summary"`
}

type atomCategory struct {
	Term string `xml:"term,attr"`
}

// feed answers /incidents.atom: the newest incidents, each with its verdict.
// One that was open and is over is the same entry, updated.
func (s *site) feed(w http.ResponseWriter, r *http.Request) {
	q, p := s.incidentsQuery(r)
	if p != nil {
		s.fail(w, r, p)
		return
	}
	q.Limit = min(q.Limit, feedEntries)
	var entries []archive.IncidentEntry
	err := s.bounded(r, func() (err error) {
		entries, _, err = s.listIncidents(q)
		return err
	})
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	base := plainURL(baseURL(r, s.PublicURL))
	f := atomFeed{ID: s.feedID("incidents"), Title: clean(s.Node) + ": incidents", Author: atomAuthor{Name: "mtrq on " + clean(s.Node)},
		Gen: atomGen{Version: clean(s.Version), Name: "mtrq"},
		Links: []atomLink{{Rel: "self", Type: "application/atom+xml", Href: base + plainURL(r.URL.RequestURI())},
			{Rel: "alternate", Type: "text/html", Href: base + "/incidents"}}}
	newest := time.Unix(0, 0) // of a feed that has nothing yet
	for _, e := range entries {
		a, at := s.feedEntry(base, e)
		f.Entries = append(f.Entries, a)
		if at.After(newest) {
			newest = at
		}
	}
	f.Updated = newest.UTC().Format(time.RFC3339)
	body, err := xml.MarshalIndent(f, "", " ")
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	s.sendCached(w, r, "application/atom+xml; charset=utf-8", cacheAsk, bytes.Join([][]byte{[]byte(xml.Header), body, []byte("\n")}, nil))
}

// feedID is a name that never changes, wherever the feed is read from (RFC
// 4151): by the node, not by a host name that it has now.
func (s *site) feedID(what string) string {
	return "tag:mtrq,2026:" + url.PathEscape(s.Node) + "/" + what
}

func (s *site) feedEntry(base string, e archive.IncidentEntry) (atomEntry, time.Time) {
	began, updated := e.Opened, e.Opened
	if e.Began != nil {
		began = *e.Began
	}
	if e.Closed != nil {
		updated = *e.Closed
	}
	title := string(e.State)
	if len(e.Targets) > 0 {
		title = clean(e.Targets[0])
	}
	if e.Affected > 1 {
		title += " and " + count(e.Affected-1) + " more"
	}
	if e.Verdict != "" {
		title += ": " + plainWord(string(e.Verdict))
	}
	summary := s.told(inEnglish, e)
	if e.Unreadable != "" {
		summary = "It cannot be read: " + clean(e.Unreadable)
	}
	a := atomEntry{ID: s.feedID("incident/" + e.ID.String()), Title: title, Updated: updated.UTC().Format(time.RFC3339), Published: began.UTC().Format(time.RFC3339),
		Links: []atomLink{{Rel: "alternate", Type: "text/html", Href: base + incidentURL(e.ID)}}, Summary: summary}
	for _, term := range []string{string(e.State), string(e.Verdict)} {
		if term != "" {
			a.Category = append(a.Category, atomCategory{clean(term)})
		}
	}
	return a, updated
}
