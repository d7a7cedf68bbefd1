package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/web/fixture"
	"github.com/mtrq/mtrq/spool"
)

// BenchmarkPages makes the pages that people read most, each for the first
// time, with the archive and the spool of the fixture.
func BenchmarkPages(b *testing.B) {
	dir := b.TempDir()
	f, err := fixture.Write(dir, time.Now())
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	sp, err := spool.Open(f.Spool, spool.Options{})
	if err != nil {
		b.Fatal(err)
	}
	ar, err := archive.Open(f.Archive)
	if err != nil {
		b.Fatal(err)
	}
	defer ar.Close()
	s := newSite(&Server{Archive: ar, Spool: sp, Node: "hk1", Version: "0.1.0", Log: slog.New(slog.DiscardHandler), Now: time.Now})
	h := s.handler()
	for _, page := range []struct{ name, path string }{
		{"report", f.Reports["real-loss"].URL()},
		{"report-long", f.Reports["long"].URL()},
		{"day", "/" + f.Busy.Path() + "/"},
		{"day-filtered", "/" + f.Busy.Path() + "/?loss=5&sort=loss"},
		{"target", "/target/203.0.113.7"},
		{"target-year", "/target/203.0.113.7?range=360d"},
		{"incident", "/incident/" + f.Incidents["ten-seconds"].ID.String()},
		{"storm", "/incident/" + f.Incidents["storm"].ID.String()},
		{"home", "/"},
	} {
		req := httptest.NewRequest(http.MethodGet, page.path, nil)
		req.RemoteAddr = "127.0.0.1:1234"
		req.Header.Set("Accept", "text/html")
		req.Header.Set("Accept-Encoding", "gzip")
		for _, again := range []bool{false, true} {
			name := page.name + map[bool]string{true: "-again"}[again]
			b.Run(name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if !again {
						s.kept, s.brief.pages = newKept(keptBytes), nil
					}
					w := httptest.NewRecorder()
					h.ServeHTTP(w, req)
					if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
						b.Fatal(w.Code, w.Body.String())
					}
				}
			})
		}
	}
}
