package web

import (
	"net/http"
	"strings"

	"github.com/mtrq/mtrq/internal/web/words"
)

// head is what every page has around its content. A page embeds it and
// may set the fields below Title.
//
//	type dayPage struct {
//		head
//		Date string
//	}
//	p := dayPage{head: s.head(r, "2026-11-23"), …}
//	s.pageCached(w, r, "day.html", p)
type head struct {
	Title   string
	Section string // "start", "incidents", "node": which of the menu's entries this page is
	Query   string // what stands in the search box
	Refresh int    // seconds until a browser without scripts asks again; 0: it does not
	Live    string // what of /events this page follows: "home", "incident=ID", "report=ID"; empty: nothing
	Links   []link // the same in other forms, beside the curl line
	Narrow  bool   // a page of few words: lines stay short

	Lang    words.Lang
	Node    string
	Version string
	Curl    string // the command that gets this page, as a shell takes it
	Here    string // path and query of this page, for coming back to it
}

func (s *site) head(r *http.Request, title string) head {
	here := plainURL(r.URL.RequestURI())
	return head{
		Title: clean(title), Lang: langOf(r), Node: clean(s.Node), Version: s.Version, Here: here,
		Curl: "curl '" + plainURL(baseURL(r, s.PublicURL)) + here + "'",
	}
}

// T says a sentence in the language of the page.
func (h head) T(key string, args ...any) string { return h.Lang.Say(key, args...) }

// Languages are the switch: each language with its name in itself.
func (h head) Languages() []langLink {
	out := make([]langLink, len(words.All))
	for i, l := range words.All {
		out[i] = langLink{Name: l.Say("lang.name"), Tag: l.HTMLTag(), URL: "/lang/" + string(l), Here: l == h.Lang}
	}
	return out
}

type langLink struct {
	Name, Tag, URL string
	Here           bool
}

// plainURL percent-encodes what a URL may hold and a shell's quotes, a
// terminal or a line of text would stumble over.
func plainURL(u string) string {
	plain := func(c byte) bool { return c > ' ' && c < 0x7f && strings.IndexByte("'\"<>\\`{}|^", c) < 0 }
	var b strings.Builder
	for i := range len(u) {
		if c := u[i]; plain(c) {
			b.WriteByte(c)
		} else {
			const hex = "0123456789ABCDEF"
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		}
	}
	return b.String()
}
