package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// slowArchive holds up whoever reads a day, a report or an incident until it is let go.
type slowArchive struct {
	Archive
	entered, letGo chan struct{}
	read           atomic.Int64 // how often something was read
}

func (a *slowArchive) hold() {
	a.read.Add(1)
	a.entered <- struct{}{}
	<-a.letGo
}

func (a *slowArchive) ViewDay(d archive.Date, v archive.View) (*archive.DayView, error) {
	a.hold()
	return a.Archive.ViewDay(d, v)
}

func (a *slowArchive) Load(e archive.Entry) (*report.Report, error) {
	a.hold()
	return a.Archive.Load(e)
}

func (a *slowArchive) Incident(ref string) (*report.Incident, error) {
	a.hold()
	return a.Archive.Incident(ref)
}

// asking is a site that is asked without a connection between.
type asking struct {
	*site
	handler            http.Handler
	report, over, open string // where a report is, and an incident that is over, and one that is open
}

// slowNode is a site whose archive is read slowly, by at most so many at a time.
func slowNode(t *testing.T, slots int) (*asking, *slowArchive) {
	t.Helper()
	n := newNode(t)
	n.Now = func() time.Time { return noon }
	id, over, open := newID(noon), lossy(noon.Add(-48*time.Hour), 1), lossy(noon.Add(-time.Minute), 1)
	n.archived(sample(id, noon))
	n.happened(over)
	n.opens(open)
	slow := &slowArchive{Archive: n.Archive, entered: make(chan struct{}, 100), letGo: make(chan struct{})}
	n.Archive = slow
	s := newSite(n.Server)
	s.making.slots = make(chan struct{}, slots)
	return &asking{s, s.handler(), "/2026/11/23/" + id.String(), incidentURL(over.ID), incidentURL(open.ID)}, slow
}

// asks sends a browser's request.
func (s *asking) asks(ctx context.Context, w http.ResponseWriter, path string) {
	r := httptest.NewRequest(http.MethodGet, path, nil).WithContext(ctx)
	r.RemoteAddr, r.Host = "127.0.0.1:1234", "127.0.0.1"
	r.Header.Set("Accept", "text/html")
	s.handler.ServeHTTP(w, r)
}

// waits until so many have asked and have no answer yet.
func (s *asking) waits(enough func(waiting int) bool) {
	for waiting := 0; !enough(waiting); time.Sleep(time.Millisecond) {
		s.making.mu.Lock()
		waiting = 0
		for _, t := range s.making.turns {
			waiting += t.asking
		}
		s.making.mu.Unlock()
	}
}

// TestPagesAreMadeByTurns: however many ask for long lists, few are made at a
// time; all get theirs in the end.
func TestPagesAreMadeByTurns(t *testing.T) {
	const slots, askers = 2, 8
	s, slow := slowNode(t, slots)
	var all sync.WaitGroup
	var got [askers]*httptest.ResponseRecorder
	for i := range askers {
		got[i] = httptest.NewRecorder()
		all.Go(func() { s.asks(t.Context(), got[i], "/2026/11/23/?limit="+strconv.Itoa(100+i)) })
	}
	for range slots {
		<-slow.entered
	}
	select {
	case <-slow.entered:
		t.Errorf("more than %d pages are made at a time", slots)
	case <-time.After(100 * time.Millisecond): // nobody more comes, however long one waits
	}
	close(slow.letGo)
	all.Wait()
	for i, w := range got {
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "203.0.113.7") {
			t.Errorf("%d: status %d", i, w.Code)
		}
	}
}

// TestBusyMaking: who waits too long is told so and when to come again, and
// who has gone no longer waits. Nothing is made for either; what is kept is
// given without waiting.
func TestBusyMaking(t *testing.T) {
	s, slow := slowNode(t, 1)
	const kept, nobody = "/2026/11/23/?limit=7", "01KAR1ABTB5H2ZJ0Q4V7W8X9YZ"
	job, err := s.Spool.Submit(t.Context(), spool.Job{Target: "203.0.113.7"})
	if err != nil {
		t.Fatal(err)
	}
	close(slow.letGo)
	s.asks(t.Context(), httptest.NewRecorder(), kept)
	made := slow.read.Load()
	s.making.slots <- struct{}{} // somebody makes a page, and does not end
	s.making.patience = time.Millisecond
	for _, path := range []string{"/2026/11/23/", "/2026/11/23.csv", "/2026/11/20/", "/", "/target/203.0.113.7", "/target/203.0.113.7.json", "/incidents", "/incidents.atom", "/search?q=203.0.113.7",
		"/api/v1/incidents", "/incident/" + nobody, s.open + ".json", "/r/" + nobody, "/api/v1/jobs/" + nobody} {
		w := httptest.NewRecorder()
		s.asks(t.Context(), w, path)
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), codeBusy) {
			t.Errorf("%s: status %d, Retry-After %q", path, w.Code, w.Header().Get("Retry-After"))
		}
	}
	for _, path := range []string{kept, "/r/" + job.String()} {
		w := httptest.NewRecorder()
		if s.asks(t.Context(), w, path); w.Code != http.StatusOK {
			t.Errorf("%s, which costs nothing: status %d", path, w.Code)
		}
	}
	s.making.patience = time.Hour
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	s.asks(gone, httptest.NewRecorder(), "/2026/11/23/") // ends
	if n := slow.read.Load(); n != made {
		t.Errorf("%d pages were made for who is not there", n-made)
	}
	if len(s.making.turns) != 0 {
		t.Errorf("%d pages are still waited for", len(s.making.turns))
	}
}

// TestPageIsMadeOnce: a page that many ask for at once is made once, and what
// it is made of is read once.
func TestPageIsMadeOnce(t *testing.T) {
	for _, tt := range []struct {
		name  string
		path  func(*asking) string
		reads int64
	}{
		{"day", func(*asking) string { return "/2026/11/23/" }, 1},
		{"report", func(s *asking) string { return s.report }, 1},
		{"incident", func(s *asking) string { return s.over }, 1},
		{"incident, whole", func(s *asking) string { return s.over + "?members=all" }, 1},
		{"incident, open", func(s *asking) string { return s.open }, 2}, // who comes meanwhile has a newer one
	} {
		t.Run(tt.name, func(t *testing.T) {
			const askers = 8
			s, slow := slowNode(t, askers)
			var all sync.WaitGroup
			ask := func() {
				w := httptest.NewRecorder()
				if s.asks(t.Context(), w, tt.path(s)); w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "203.0.113.7") {
					t.Errorf("status %d", w.Code)
				}
			}
			all.Go(ask)
			<-slow.entered
			for range askers - 1 {
				all.Go(ask)
			}
			s.waits(func(waiting int) bool { return waiting == askers || slow.read.Load() > 1 })
			close(slow.letGo)
			all.Wait()
			if n := slow.read.Load(); n != tt.reads {
				t.Errorf("read %d times for %d who asked together, want %d", n, askers, tt.reads)
			}
		})
	}
}

// slowSpool holds up whoever has looked through it until it is let go.
type slowSpool struct {
	Spool
	entered, letGo chan struct{}
	looks          atomic.Int64
}

func (s *slowSpool) Batches() (spool.Batches, error) {
	b, err := s.Spool.Batches()
	s.looks.Add(1)
	s.entered <- struct{}{}
	<-s.letGo
	return b, err
}

// TestLooksAreShared: however many ask for IDs that nobody knows, the spool is
// looked through once for all of them; what was accepted while somebody looked is found.
func TestLooksAreShared(t *testing.T) {
	const askers = 8
	s, _ := slowNode(t, askers)
	slow := &slowSpool{Spool: s.Spool, entered: make(chan struct{}, 100), letGo: make(chan struct{})}
	s.Spool = slow
	var all sync.WaitGroup
	ask := func(id ulid.ULID, want int) {
		w := httptest.NewRecorder()
		if s.asks(t.Context(), w, "/r/"+id.String()); w.Code != want {
			t.Errorf("%s: status %d, want %d", id, w.Code, want)
		}
	}
	all.Go(func() { ask(newID(noon), http.StatusNotFound) })
	<-slow.entered
	ids, err := s.Spool.SubmitBatch(t.Context(), spool.Job{}, []string{"203.0.113.7", "203.0.113.8"})
	if err != nil {
		t.Fatal(err)
	}
	all.Go(func() { ask(ids[1], http.StatusOK) })
	for range askers - 2 {
		all.Go(func() { ask(newID(noon), http.StatusNotFound) })
	}
	s.waits(func(waiting int) bool { return waiting == askers || slow.looks.Load() > 1 })
	close(slow.letGo)
	all.Wait()
	if n := slow.looks.Load(); n != 2 {
		t.Errorf("looked %d times for one, and %d who came meanwhile", n, askers-1)
	}
}

// deaf is a connection whose reader takes nothing until it ends.
type deaf struct {
	*httptest.ResponseRecorder
	writing, end chan struct{}
}

func (d *deaf) Write(b []byte) (int, error) {
	d.writing <- struct{}{}
	<-d.end
	return d.ResponseRecorder.Write(b)
}

// TestSlowReaderHoldsUpNobody: a page is made while another is being sent.
func TestSlowReaderHoldsUpNobody(t *testing.T) {
	s, slow := slowNode(t, 1)
	close(slow.letGo)
	d := &deaf{httptest.NewRecorder(), make(chan struct{}, 100), make(chan struct{})}
	var first sync.WaitGroup
	first.Go(func() { s.asks(t.Context(), d, "/2026/11/23/") })
	<-d.writing
	w := httptest.NewRecorder()
	if s.asks(t.Context(), w, "/2026/11/23/?limit=7"); w.Code != http.StatusOK {
		t.Errorf("status %d", w.Code)
	}
	close(d.end)
	first.Wait()
}
