package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"html/template"
	"net/http"
)

//go:embed pages
var pageFiles embed.FS

// pages are the templates and the style sheet, read once.
type pages struct {
	templates *template.Template
	style     []byte
	styleTag  string // names this version of the style sheet in its URL
}

// parsePages panics where an embedded file is broken: no test would have passed.
func parsePages() *pages {
	style, err := pageFiles.ReadFile("pages/style.css")
	if err != nil {
		panic(err)
	}
	sum := sha256.Sum256(style)
	return &pages{
		templates: template.Must(template.ParseFS(pageFiles, "pages/*.html")),
		style:     style,
		styleTag:  hex.EncodeToString(sum[:6]),
	}
}

// head is what every page begins with.
type head struct {
	Title    string
	Node     string
	Version  string
	StyleTag string
	Refresh  int // seconds until the browser asks again; 0: it does not
}

func (s *site) head(title string) head {
	return head{Title: clean(title), Node: clean(s.Node), Version: s.Version, StyleTag: s.pages.styleTag}
}

// render gives a whole page or an error, never half of one.
func (s *site) render(name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := s.pages.templates.ExecuteTemplate(&b, name, data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// page answers with a page that is not kept.
func (s *site) page(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	body, err := s.render(name, data)
	if err != nil {
		s.Log.ErrorContext(r.Context(), "page cannot be made", "path", r.URL.Path, "err", err)
		s.send(w, r, http.StatusInternalServerError, textPlain, []byte("mtrq: "+codeInternal+": the page cannot be made\n"))
		return
	}
	s.send(w, r, status, textHTML, body)
}

// style serves the style sheet. Its URL changes with its content.
func (s *site) style(w http.ResponseWriter, r *http.Request) {
	s.sendCached(w, r, "text/css; charset=utf-8", cacheForever, s.pages.style)
}

const (
	cacheForever = "max-age=31536000, immutable"
	cacheAsk     = "no-cache" // keep it, and ask with If-None-Match before each use
)
