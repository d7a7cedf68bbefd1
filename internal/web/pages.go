package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"html/template"
	"net/http"
	"path"

	"github.com/mtrq/mtrq/internal/web/words"
)

//go:embed pages
var pageFiles embed.FS

// pages are the templates in each language and the files that they load,
// read once.
type pages struct {
	templates map[words.Lang]*template.Template
	assets    map[string]asset // by name: "style.css"
	tag       string           // of all of them: changes when any page would look different
}

// An asset is a file that a page loads. Its URL has its tag, so that it
// may be kept for ever.
type asset struct {
	body      []byte
	mediaType string
	tag       string
}

// assetTypes are the files that are served, by their ending.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// parsePages panics where an embedded file is broken: no test would have passed.
func parsePages() *pages {
	p := &pages{templates: map[words.Lang]*template.Template{}, assets: map[string]asset{}}
	entries, err := pageFiles.ReadDir("pages")
	if err != nil {
		panic(err)
	}
	all := sha256.New()
	for _, e := range entries {
		body, err := pageFiles.ReadFile("pages/" + e.Name())
		if err != nil {
			panic(err)
		}
		all.Write(body)
		if mediaType := assetTypes[path.Ext(e.Name())]; mediaType != "" {
			sum := sha256.Sum256(body)
			p.assets[e.Name()] = asset{body, mediaType, hex.EncodeToString(sum[:6])}
		}
	}
	for _, l := range words.All {
		funcs := template.FuncMap{
			"t":     l.Say,
			"asset": func(name string) string { return "/assets/" + name + "?v=" + p.assets[name].tag },
		}
		p.templates[l] = template.Must(template.New("").Funcs(funcs).ParseFS(pageFiles, "pages/*.html"))
		for _, k := range l.Keys() {
			all.Write([]byte(l.Say(k)))
		}
	}
	p.tag = hex.EncodeToString(all.Sum(nil)[:6])
	return p
}

// render gives a whole page or an error, never half of one.
func (s *site) render(l words.Lang, name string, data any) ([]byte, error) {
	var b bytes.Buffer
	if err := s.pages.templates[l].ExecuteTemplate(&b, name, data); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// page answers with a page that is not kept.
func (s *site) page(w http.ResponseWriter, r *http.Request, status int, name string, data any) {
	body, err := s.render(langOf(r), name, data)
	if err != nil {
		s.pageFault(w, r, err)
		return
	}
	s.send(w, r, status, textHTML, body)
}

// pageCached answers with a page that the browser keeps and asks about
// before each use.
func (s *site) pageCached(w http.ResponseWriter, r *http.Request, name string, data any) {
	body, err := s.render(langOf(r), name, data)
	if err != nil {
		s.pageFault(w, r, err)
		return
	}
	s.sendCached(w, r, textHTML, cacheAsk, body)
}

func (s *site) pageFault(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, errBusy) {
		s.fail(w, r, archiveProblem(err))
		return
	}
	s.Log.ErrorContext(r.Context(), "page cannot be made", "path", r.URL.Path, "err", err)
	s.send(w, r, http.StatusInternalServerError, textPlain, []byte("mtrq: "+codeInternal+": the page cannot be made\n"))
}

// assetFile serves what pages load.
func (s *site) assetFile(w http.ResponseWriter, r *http.Request) {
	a, ok := s.pages.assets[r.PathValue("name")]
	if !ok {
		s.notFound(w, r)
		return
	}
	s.sendCached(w, r, a.mediaType, cacheForever, a.body)
}

const (
	// private: who may read is known here alone; a shared cache would hand on
	// to everybody what one with a token was given.
	cacheForever = "private, max-age=31536000, immutable"
	cacheAsk     = "no-cache" // keep it, and ask with If-None-Match before each use
)
