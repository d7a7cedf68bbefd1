package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/web/words"
)

var tableRows = regexp.MustCompile(`(?s)<tr role="row".*?</tr>`)

// fullYear is an archive in which each day has the most to say.
type fullYear struct{ Archive }

func (f fullYear) Days() ([]archive.Date, error) {
	var out []archive.Date
	for d := (archive.Date{Year: 2026, Month: 12, Day: 31}); d.Year == 2026; d = d.Add(-1) {
		out = append(out, d)
	}
	return out, nil
}

func (f fullYear) Calendar(from, to archive.Date) ([]archive.DayCount, error) {
	var out []archive.DayCount
	for d := from; d.Compare(to) <= 0; d = d.Add(1) {
		c := archive.DayCount{Day: d, Known: true, Reports: 27777, Lossy: 400, RealLoss: 120}
		if d.Day == 1 {
			c.Incidents = 3
		}
		out = append(out, c)
	}
	return out, nil
}

// TestFirstPageIsSmall: 30 kB before compression, beyond its rows, on the
// last day of a year without a quiet day.
func TestFirstPageIsSmall(t *testing.T) {
	n := newNode(t)
	n.archived(sample(newID(noon), noon))
	s := newSite(&Server{Archive: fullYear{n.Archive}, Spool: n.spool, Node: "hk1", Version: "0.1.0", Log: n.Log,
		Now: func() time.Time { return time.Date(2026, 12, 31, 15, 0, 0, 0, time.UTC) }})
	n.http.Config.Handler = s.handler()
	for _, l := range words.All {
		a := n.get("/", asBrowser, "Accept-Language: "+string(l))
		a.want(t, 200)
		if size := len(tableRows.ReplaceAllString(a.body, "")); size > 30_000 {
			t.Errorf("%s: %d bytes beyond the rows, want at most 30,000", l, size)
		}
	}
}

// BenchmarkReportPage is reading one report after the other: from the
// files, from what is kept, and by who has it.
func BenchmarkReportPage(b *testing.B) {
	dir := b.TempDir()
	w, err := archive.OpenWriter(dir, "Asia/Hong_Kong")
	if err != nil {
		b.Fatal(err)
	}
	var places []string
	for i := range 20 {
		at := noon.Add(time.Duration(i) * time.Second)
		id := newID(at)
		if err := w.Write(sample(id, at)); err != nil {
			b.Fatal(err)
		}
		places = append(places, "/2026/11/23/"+id.String())
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	ar, err := archive.Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer ar.Close()
	s := newSite(&Server{Archive: ar, Node: "hk1", Log: slog.New(slog.DiscardHandler), Now: time.Now})
	h := s.handler()
	ask := func(b *testing.B, i int, tag string, want int) string {
		r := httptest.NewRequest(http.MethodGet, places[i%len(places)], nil)
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Accept-Encoding", "gzip")
		r.Header.Set("If-None-Match", tag)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != want {
			b.Fatalf("status %d, want %d", w.Code, want)
		}
		return w.Header().Get("Etag")
	}
	b.Run("made", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			s.shelf = newShelf()
			ask(b, i, "", 200)
		}
	})
	b.Run("kept", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			ask(b, i, "", 200)
		}
	})
	b.Run("known", func(b *testing.B) {
		tag := ask(b, 0, "", 200)
		for b.Loop() {
			ask(b, 0, tag, 304)
		}
	})
}
