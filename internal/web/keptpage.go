package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"strconv"
	"time"
)

// tagOf names a version of an answer: by what of the archive it shows,
// and by everything else that it depends on. Two answers with the same
// tag are the same bytes.
func (s *site) tagOf(r *http.Request, of ...string) string {
	h := sha256.New()
	for _, part := range append(of, string(langOf(r)), s.pages.tag, s.Version, s.Node, baseURL(r, s.PublicURL), r.URL.RequestURI()) {
		_, _ = io.WriteString(h, part) // a hash cannot fail
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// keptBody answers with a body whose tag is known before it is made: 304
// to who has it, else the one kept from last time, else a new one.
// What packs well is kept packed, a fifth as long; the few who do not take it
// so get it unpacked. What render says in the header of the answer, of
// keptHeader, is kept, too.
func (s *site) keptBody(w http.ResponseWriter, r *http.Request, contentType, cache, tag string, render func() ([]byte, error)) {
	if s.notModified(w, r, contentType, cache, tag) || s.sendKept(w, r, contentType, cache, tag) {
		return
	}
	body, err := s.makeOnce(w, r, contentType, tag, render)
	if err == nil && body == nil {
		if s.sendKept(w, r, contentType, cache, tag) {
			return
		}
		body, err = s.made(r, render) // others pushed it out just now
	}
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	s.sendTagged(w, r, contentType, cache, tag, body)
}

// keptHeader is what a list says in its header beside its body.
var keptHeader = []string{"Mtrq-Total", "Mtrq-Matching", "Link"}

// keep keeps a body for sendKept.
func (s *site) keep(h http.Header, contentType, tag string, body []byte) {
	var head []string
	for _, name := range keptHeader {
		if v := h.Get(name); v != "" {
			head = append(head, name, v)
		}
	}
	if len(body) >= minZip && packable(contentType) {
		s.kept.put(tag+zipped, s.zip.pack(body), head...)
	} else {
		s.kept.put(tag, body, head...)
	}
}

func (s *site) isKept(tag string) bool {
	if _, ok := s.kept.get(tag + zipped); ok {
		return true
	}
	_, ok := s.kept.get(tag)
	return ok
}

// sendKept answers with the body of a tag, if it is kept.
func (s *site) sendKept(w http.ResponseWriter, r *http.Request, contentType, cache, tag string) bool {
	b, packed := s.kept.whole(tag + zipped)
	if !packed {
		var ok bool
		if b, ok = s.kept.whole(tag); !ok {
			return false
		}
	}
	for i := 0; i+1 < len(b.head); i += 2 {
		w.Header().Set(b.head[i], b.head[i+1])
	}
	if packed && wantsGzip(r, contentType, minZip) {
		s.sendPacked(w, r, contentType, cache, tag, b.body)
		return true
	}
	if packed {
		var err error
		if b.body, err = unpack(b.body); err != nil {
			return false
		}
	}
	s.sendTagged(w, r, contentType, cache, tag, b.body)
	return true
}

// sendPacked is sendTagged for a body that is packed already.
func (s *site) sendPacked(w http.ResponseWriter, r *http.Request, contentType, cache, tag string, packed []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", cache)
	h.Set("Content-Encoding", "gzip")
	h.Set("Content-Length", strconv.Itoa(len(packed)))
	h.Set("Etag", `"`+tag+zipped+`"`)
	vary(h, contentType)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(packed))
}

func unpack(packed []byte) ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}
