package web

import (
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
)

// eventsBeat is how often a quiet stream gives a sign: proxies close what
// says nothing, and a reader that is gone is noticed by writing to it.
const eventsBeat = 15 * time.Second

// events tells a page that stays open when what it shows has changed, as
// server-sent events (HTML standard, section 9.2). It says nothing but
// "changed": the page then asks for itself again and takes over what is
// new.
//
//	GET /events               the start page
//	GET /events?incident=ID   an incident that is open
//	GET /events?report=ID     a trace that runs
func (s *site) events(w http.ResponseWriter, r *http.Request) {
	name, tag, p := s.topicOf(r)
	if p != nil {
		s.fail(w, r, p)
		return
	}
	changed, leave, ok := s.hub.listen(name, tag)
	if !ok {
		s.fail(w, r, &problem{status: http.StatusServiceUnavailable, code: codeBusy,
			detail: fmt.Sprintf("%d pages are told of changes already", maxListeners), hint: "the page asks again by itself"})
		return
	}
	defer leave()
	out := http.NewResponseController(w)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would collect what we send
	say := func(text string) bool {
		_ = out.SetWriteDeadline(time.Now().Add(writeTimeout)) // a connection without deadlines is a test's
		_, err := io.WriteString(w, text)
		return err == nil && out.Flush() == nil
	}
	// What changed between the page and this moment is told at once.
	if r.Method == http.MethodHead || !say("retry: 3000\nevent: changed\ndata:\n\n") {
		return
	}
	beat := time.NewTicker(eventsBeat)
	defer beat.Stop()
	for {
		text := ":\n\n"
		select {
		case <-r.Context().Done():
			return
		case <-s.stopping:
			return
		case <-beat.C:
		case <-changed:
			text = "event: changed\ndata:\n\n"
		}
		if !say(text) {
			return
		}
	}
}

// topicOf is what a stream is about, and how its state is told.
func (s *site) topicOf(r *http.Request) (name string, tag func() string, p *problem) {
	q := r.URL.Query()
	for _, kind := range []string{"incident", "report"} {
		if !q.Has(kind) {
			continue
		}
		id, ok := parseID(q.Get(kind))
		if !ok {
			return "", nil, &problem{status: http.StatusBadRequest, code: codeParameter,
				detail: "parameter " + kind + ": " + short(q.Get(kind)) + " is no ID", hint: "use the ID that the page has"}
		}
		if kind == "incident" {
			return "incident " + id.String(), func() string { return s.incidentTag(id) }, nil
		}
		return "report " + id.String(), func() string { return s.jobTag(id) }, nil
	}
	return homeTopic, s.homeTag, nil
}

// homeTag changes with what is wrong now and with each new report.
func (s *site) homeTag() string {
	var b strings.Builder
	st, tracing, why := s.Spool.RunState(s.Now())
	fmt.Fprintln(&b, tracing, why, st.Jobs.LongLook > 0, isLate(st), st.Counters.Reported, st.Health)
	if ws, _ := s.watchState(); ws != nil {
		t := ws.Totals
		fmt.Fprintln(&b, t.Targets, t.OK, t.Lossy, t.Slow, t.Suspect, t.Silent, t.Paused, t.Unresolved)
	}
	open, err := s.openIncidents()
	b.WriteString(incidentsTag(open) + faultText(err) + faultText(s.watchFault()))
	now := archive.DateOf(s.Now(), s.Archive.Location())
	if counts, err := s.Archive.Calendar(archive.Date{Year: now.Year, Month: time.January, Day: 1}, now); err == nil {
		known := 0
		for _, c := range counts {
			if c.Known {
				known++
			}
		}
		// Days are counted by the hundred when a server starts; a page need
		// not follow each.
		fmt.Fprintln(&b, len(counts), len(counts)-known == 0)
	}
	return b.String()
}

// incidentTag changes each time an open incident is written anew, and
// when it closes.
func (s *site) incidentTag(id ulid.ULID) string {
	inc, err := s.openIncident(id)
	if err != nil {
		return "closed"
	}
	return inc.At.Format(time.RFC3339Nano)
}

// jobTag changes when a trace has seen more, and when it ends.
func (s *site) jobTag(id ulid.ULID) string {
	p, err := s.Spool.WhereNamed(id)
	if err != nil || p.Events == "" {
		return string(p.State)
	}
	st, err := os.Lstat(p.Events)
	if err != nil || st.Mode().Type()&fs.ModeType != 0 {
		return string(p.State)
	}
	return strconv.FormatInt(st.Size(), 10)
}
