package web

import (
	"bytes"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/spool"
)

// latestRows is how many reports the first page shows.
const latestRows = 20

type homePage struct {
	head
	Tracing  bool
	Why      string
	Lateness string
	LongLook, FirstLook, Queued, Waiting,
	Limit int
	Health      []healthLine
	LatestTitle string
	Rows        []row
	Months      []month
	Base        string
}

type healthLine struct{ What, Hint string }

type month struct {
	Name string // 2026-11
	Days []monthDay
}

type monthDay struct{ Date, Number, URL string }

// home says whether somebody traces, what came last, and which days
// there are.
func (s *site) home(w http.ResponseWriter, r *http.Request) {
	p, pr := s.homePage(r)
	if pr != nil {
		s.fail(w, r, pr)
		return
	}
	switch formatOf(r) {
	case formatHTML:
		s.page(w, r, http.StatusOK, "home.html", p)
	case formatJSON:
		s.sendJSON(w, r, http.StatusOK, homeJSON{Node: s.Node, Version: s.Version, Tracing: p.Tracing, Note: p.Why, Days: p.days()})
	default:
		s.send(w, r, http.StatusOK, textPlain, p.text())
	}
}

type homeJSON struct {
	Node    string   `json:"node"`
	Version string   `json:"version"`
	Tracing bool     `json:"tracing"`
	Note    string   `json:"note,omitempty"`
	Days    []string `json:"days"`
}

func (s *site) homePage(r *http.Request) (homePage, *problem) {
	p := homePage{head: s.head("reports"), Base: baseURL(r, s.PublicURL)}
	var st spool.RunState
	st, p.Tracing, p.Why = s.Spool.RunState(s.Now())
	p.LongLook, p.FirstLook, p.Queued, p.Waiting, p.Limit = st.Jobs.LongLook, st.Jobs.FirstLook, st.Jobs.Queued, st.Jobs.Waiting, st.Jobs.Limit
	if l := st.LatenessMS; l != nil {
		p.Lateness = fmt.Sprintf("median %s, 99 of 100 within %s", millis(l.P50), millis(l.P99))
	}
	if p.Tracing {
		for _, h := range st.Health {
			if !h.OK {
				p.Health = append(p.Health, healthLine{clean(h.What), clean(h.Hint)})
			}
		}
	}
	days, err := s.Archive.Days()
	if err != nil {
		return p, archiveProblem(err)
	}
	p.Months = monthsOf(days)
	if len(days) == 0 {
		p.LatestTitle = "Reports"
		return p, nil
	}
	latest := days[0]
	p.LatestTitle = "Latest, " + latest.String()
	entries, err := s.Archive.Day(latest)
	if err != nil {
		return p, archiveProblem(err)
	}
	for _, e := range entries[:min(len(entries), latestRows)] {
		p.Rows = append(p.Rows, s.rowOf(e))
	}
	return p, nil
}

// monthsOf groups days, which come newest first.
func monthsOf(days []archive.Date) []month {
	var out []month
	for _, d := range days {
		name := d.String()[:len("2026-11")]
		if len(out) == 0 || out[len(out)-1].Name != name {
			out = append(out, month{Name: name})
		}
		m := &out[len(out)-1]
		m.Days = append(m.Days, monthDay{d.String(), strconv.Itoa(d.Day), dayURL(d)})
	}
	return out
}

func (p homePage) days() []string {
	out := []string{}
	for _, m := range p.Months {
		for _, d := range m.Days {
			out = append(out, d.Date)
		}
	}
	return out
}

func (p homePage) text() []byte {
	var b bytes.Buffer
	if p.Tracing {
		fmt.Fprintf(&b, "%s: tracing, %d first looks, %d of %d long looks\n", p.Node, p.FirstLook, p.LongLook, p.Limit)
	} else {
		fmt.Fprintf(&b, "%s: nobody is tracing: %s\n", p.Node, p.Why)
	}
	for _, h := range p.Health {
		fmt.Fprintf(&b, "%s: %s\n", h.What, h.Hint)
	}
	for _, m := range p.Months {
		for _, d := range m.Days {
			fmt.Fprintf(&b, "%s%s\n", p.Base, d.URL)
		}
	}
	return b.Bytes()
}

// millis writes milliseconds as people read them: "2.9 ms", "812 ms", "1.2 s".
func millis(ms float64) string {
	d := time.Duration(ms * float64(time.Millisecond))
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= 100*time.Millisecond:
		return fmt.Sprintf("%.0f ms", ms)
	}
	return fmt.Sprintf("%.1f ms", ms)
}
