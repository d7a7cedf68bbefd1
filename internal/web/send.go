package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// send answers with a whole body.
func (s *site) send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	vary(h, contentType)
	if wantsGzip(r, contentType, len(body)) {
		h.Set("Content-Encoding", "gzip")
		body = s.zip.pack(body)
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the caller is gone: nobody is left to tell
	}
}

// sendCached answers 200 with a body that the caller may keep as
// Cache-Control says, and 304 to one that has it already.
func (s *site) sendCached(w http.ResponseWriter, r *http.Request, contentType, cache string, body []byte) {
	sum := sha256.Sum256(body)
	s.sendTagged(w, r, contentType, cache, hex.EncodeToString(sum[:12]), body)
}

// sendTagged is sendCached for a body whose tag is known. A range is one
// of the bytes as they are, so whoever asks for one gets them unpacked.
func (s *site) sendTagged(w http.ResponseWriter, r *http.Request, contentType, cache, tag string, body []byte) {
	if wantsGzip(r, contentType, len(body)) {
		packed, ok := s.kept.get(tag + zipped)
		if !ok {
			packed = s.zip.pack(body)
			s.kept.put(tag+zipped, packed)
		}
		s.sendPacked(w, r, contentType, cache, tag, packed)
		return
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", cache)
	h.Set("Etag", `"`+tag+`"`)
	vary(h, contentType)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// zipped is what the tag of a packed body ends in: a strong tag names
// the bytes that are sent.
const zipped = "-gz"

// notModified answers 304 to who has the body with this tag, before
// anybody has made it.
func (s *site) notModified(w http.ResponseWriter, r *http.Request, contentType, cache, tag string) bool {
	for _, have := range strings.Split(r.Header.Get("If-None-Match"), ",") {
		have = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(have), "W/"))
		if have != `"`+tag+`"` && have != `"`+tag+zipped+`"` {
			continue
		}
		h := w.Header()
		h.Set("Cache-Control", cache)
		h.Set("Etag", have)
		vary(h, contentType)
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	return false
}

// vary says on what an answer depends: all on the form and the packing,
// pages on the language too.
func vary(h http.Header, contentType string) {
	h.Add("Vary", "Accept")
	h.Add("Vary", "Accept-Encoding")
	if contentType == textHTML {
		h.Add("Vary", "Accept-Language")
		h.Add("Vary", "Cookie")
	}
}

// minZip is the size from which packing pays: below it an answer is one
// packet either way.
const minZip = 1 << 10

func wantsGzip(r *http.Request, contentType string, size int) bool {
	if size < minZip || r.Header.Get("Range") != "" || !packable(contentType) {
		return false
	}
	for i, part := range strings.Split(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		if i == maxAcceptRanges {
			break
		}
		name, params, _ := strings.Cut(part, ";")
		if strings.TrimSpace(name) != "gzip" {
			continue
		}
		q, err := strconv.ParseFloat(strings.TrimPrefix(strings.TrimSpace(params), "q="), 64)
		return err != nil || q > 0
	}
	return false
}

// packable is what we send but pictures of pixels; there are none.
func packable(contentType string) bool {
	media, _, _ := strings.Cut(contentType, ";")
	return strings.HasPrefix(media, "text/") || strings.HasSuffix(media, "json") || strings.HasSuffix(media, "xml")
}

// A packer packs with writers that it keeps: one takes 800 kB to make.
type packer struct{ writers sync.Pool }

// zipLevel costs a third of the default's time for pages that are 5 %
// longer.
const zipLevel = 4

func (p *packer) pack(body []byte) []byte {
	var b bytes.Buffer
	z, ok := p.writers.Get().(*gzip.Writer)
	if ok {
		z.Reset(&b)
	} else {
		z, _ = gzip.NewWriterLevel(&b, zipLevel) // fails for a level that does not exist
	}
	_, _ = z.Write(body) // into memory: cannot fail
	_ = z.Close()
	p.writers.Put(z)
	return b.Bytes()
}
