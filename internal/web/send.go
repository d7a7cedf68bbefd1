package web

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"
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
	s.sendTagged(w, r, contentType, cache, bodyTag(body), body)
}

// bodyTag is the tag of a body that has no other.
func bodyTag(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:12])
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
	have := theirTag(r, tag)
	if have == "" {
		return false
	}
	h := w.Header()
	h.Set("Cache-Control", cache)
	h.Set("Etag", have)
	vary(h, contentType)
	w.WriteHeader(http.StatusNotModified)
	return true
}

// hasTag says whether the asker has the body with this tag.
func hasTag(r *http.Request, tag string) bool { return theirTag(r, tag) != "" }

// theirTag is a tag as the asker has it, of the packed body or of the other.
func theirTag(r *http.Request, tag string) string {
	for _, have := range strings.Split(r.Header.Get("If-None-Match"), ",") {
		have = strings.TrimPrefix(strings.TrimSpace(have), "W/")
		if have == `"`+tag+`"` || have == `"`+tag+zipped+`"` {
			return have
		}
	}
	return ""
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

// A packer packs with writers that it keeps: one takes 800 kB to make, and
// more than a page to throw away again.
type packer struct{ free chan *gzip.Writer }

// packers is how many writers are kept; who packs beside them makes another.
const packers = 2

// zipLevel costs a third of the default's time for pages that are 5 %
// longer.
const zipLevel = 4

func newPacker() packer { return packer{make(chan *gzip.Writer, packers)} }

func (p packer) pack(body []byte) []byte {
	var b bytes.Buffer
	b.Grow(len(body)/6 + minZip)
	var z *gzip.Writer
	select {
	case z = <-p.free:
		z.Reset(&b)
	default:
		z, _ = gzip.NewWriterLevel(&b, zipLevel) // fails for a level that does not exist
	}
	_, _ = z.Write(body) // into memory: cannot fail
	_ = z.Close()
	select {
	case p.free <- z:
	default:
	}
	return b.Bytes()
}
