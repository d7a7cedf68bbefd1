package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestBriefPage: a page of what is so now is made once for all who ask within
// a moment, and anew after it, after a change, and where it is kept no longer.
func TestBriefPage(t *testing.T) {
	n := newNode(t)
	now := noon
	n.Now = func() time.Time { return now }
	s := newSite(n.Server)
	made, takes := 0, time.Duration(0)
	var fault error
	ask := func(version int, header ...string) *httptest.ResponseRecorder {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, "/target/203.0.113.7", nil)
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		w := httptest.NewRecorder()
		s.briefPage(w, r, time.Second, version, func() ([]byte, error) {
			made++
			now = now.Add(takes)
			w.Header().Set("Mtrq-Total", fmt.Sprint(made))
			return []byte(strings.Repeat("page ", 1000) + fmt.Sprint(made)), fault
		})
		return w
	}
	want := func(what string, w *httptest.ResponseRecorder, status, page int) {
		t.Helper()
		if w.Code != status || made != page || status == http.StatusOK && (!strings.HasSuffix(w.Body.String(), fmt.Sprint(page)) || w.Header().Get("Mtrq-Total") != fmt.Sprint(page)) {
			t.Errorf("%s: status %d, page %d of total %s, want %d and %d", what, w.Code, made, w.Header().Get("Mtrq-Total"), status, page)
		}
	}
	first := ask(1)
	want("first", first, http.StatusOK, 1)
	want("again", ask(1), http.StatusOK, 1)
	want("who has it", ask(1, "If-None-Match", first.Header().Get("Etag")), http.StatusNotModified, 1)
	want("after a change", ask(2), http.StatusOK, 2)
	now = now.Add(time.Second)
	want("later", ask(2), http.StatusOK, 3)
	now = now.Add(-time.Minute)
	want("after the clock was set back", ask(2), http.StatusOK, 4)
	s.kept = newKept(keptBytes)
	want("kept no longer", ask(2), http.StatusOK, 5)
	s.kept = newKept(1000) // too small for it
	want("never kept", ask(2), http.StatusOK, 6)
	want("never kept, again", ask(2), http.StatusOK, 7)
	now, fault = now.Add(time.Minute), pageProblem{archiveProblem(errors.New("no disk"))}
	want("a problem", ask(2), http.StatusServiceUnavailable, 8)
	fault = nil
	want("after it", ask(2), http.StatusOK, 9)
	s.kept = newKept(keptBytes)
	now, takes = now.Add(time.Minute), 2*time.Second
	want("longer in the making than it is shown", ask(2), http.StatusOK, 10)
	want("the next in turn", ask(2), http.StatusOK, 10)
	want("one who waits for it since before a change", ask(1), http.StatusOK, 10)
}
