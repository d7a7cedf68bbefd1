package web

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestKeptIsBounded(t *testing.T) {
	k := newKept(10 << 10)
	for i := range 100 {
		k.put(fmt.Sprint(i), make([]byte, 900))
		k.get("0") // asked for again and again: stays
	}
	if _, ok := k.get("0"); !ok {
		t.Error("what is asked for most is forgotten")
	}
	if _, ok := k.get("1"); ok {
		t.Error("what nobody asks for is kept")
	}
	if k.bytes > k.most || len(k.named) != k.byAge.Len() || len(k.named) < 5 {
		t.Errorf("%d bytes of %d in %d and %d entries", k.bytes, k.most, len(k.named), k.byAge.Len())
	}
	k.put("large", make([]byte, 5<<10))
	if _, ok := k.get("large"); ok {
		t.Error("a body that pushes half of the others out is kept")
	}
}

// TestPacked: whoever takes gzip gets it, with a tag of its own, and the
// same bytes; whoever does not, or asks for a range, gets them as they are.
func TestPacked(t *testing.T) {
	n := newNode(t)
	id := newID(noon)
	n.archived(sample(id, noon))
	place := "/2026/11/23/" + id.String()
	client := &http.Transport{DisableCompression: true}
	ask := func(path string, header ...string) (*http.Response, []byte) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), "GET", n.http.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range header {
			name, value, _ := strings.Cut(h, ": ")
			req.Header.Add(name, value)
		}
		resp, err := client.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, b
	}
	for _, path := range []string{place, place + ".json", place + ".svg", "/", "/2026/11/23/", "/assets/style.css"} {
		plain, body := ask(path, asBrowser)
		packed, small := ask(path, asBrowser, "Accept-Encoding: br, gzip;q=0.5")
		if plain.Header.Get("Content-Encoding") != "" || packed.Header.Get("Content-Encoding") != "gzip" || len(small) >= len(body) {
			t.Fatalf("%s: %q %d bytes, %q %d bytes", path, plain.Header.Get("Content-Encoding"), len(body), packed.Header.Get("Content-Encoding"), len(small))
		}
		if packed.ContentLength != int64(len(small)) {
			t.Errorf("%s: Content-Length %d of %d bytes", path, packed.ContentLength, len(small))
		}
		z, err := gzip.NewReader(bytes.NewReader(small))
		if err != nil {
			t.Fatal(err)
		}
		if back, err := io.ReadAll(z); err != nil || !bytes.Equal(back, body) {
			t.Errorf("%s: unpacked it is another body (%v)", path, err)
		}
		a, b := plain.Header.Get("Etag"), packed.Header.Get("Etag")
		if a == "" || a == b {
			t.Errorf("%s: tags %q and %q", path, a, b)
		}
		for _, tag := range []string{a, b} {
			if again, rest := ask(path, asBrowser, "Accept-Encoding: gzip", "If-None-Match: "+tag); path != "/" && (again.StatusCode != 304 && tag == b || len(rest) > 0 && again.StatusCode == 304) {
				t.Errorf("%s: asked again with %s: %s", path, tag, again.Status)
			}
		}
		if none, _ := ask(path, asBrowser, "Accept-Encoding: gzip;q=0"); none.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s: packed for who refuses it", path)
		}
	}
	part, some := ask(place+".json", "Range: bytes=2-9", "Accept-Encoding: gzip")
	if part.StatusCode != 206 || len(some) != 8 || part.Header.Get("Content-Encoding") != "" {
		t.Errorf("range: %s, %d bytes, %q", part.Status, len(some), part.Header.Get("Content-Encoding"))
	}
}
