package web

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

// formExt takes .txt or .json off the end of a path: a form that is
// asked for by name wins over Accept.
func formExt(s string, r *http.Request) (name string, f format) {
	if name, ok := strings.CutSuffix(s, ".txt"); ok {
		return name, formatText
	}
	if name, ok := strings.CutSuffix(s, ".json"); ok {
		return name, formatJSON
	}
	return s, formatOf(r)
}

// parseID reads an ID in either case. Nothing else of a path ever
// reaches the archive or the spool.
func parseID(s string) (ulid.ULID, bool) {
	id, err := ulid.ParseStrict(s)
	return id, err == nil
}

// report answers /2026/11/23/ID, with .txt or .json for that form.
func (s *site) report(w http.ResponseWriter, r *http.Request) {
	name, form := formExt(r.PathValue("id"), r)
	day, isDay := dayOf(r)
	id, isID := parseID(name)
	if !isDay || !isID {
		s.notFound(w, r)
		return
	}
	e, err := s.Archive.Find(id.String())
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	if here := s.dayOfEntry(e); here != day {
		// A link written by hand, or in another zone: there is one place.
		http.Redirect(w, r, dayURL(here)+r.PathValue("id"), http.StatusMovedPermanently)
		return
	}
	s.sendReport(w, r, e, form)
}

// sendReport sends a finished report. It never changes, so it may be
// kept for ever.
func (s *site) sendReport(w http.ResponseWriter, r *http.Request, e archive.Entry, form format) {
	body, contentType, err := s.renderArchived(e, form)
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	s.sendCached(w, r, contentType, cacheForever, body)
}

// renderArchived gives the file itself as JSON; text and page are made
// anew, with the verdict of today's rules.
func (s *site) renderArchived(e archive.Entry, form format) ([]byte, string, error) {
	if form == formatJSON {
		body, err := s.Archive.JSON(e)
		return body, appJSON, err
	}
	rep, err := s.Archive.Load(e)
	if err != nil {
		return nil, "", err
	}
	if form == formatText {
		return []byte(report.Text(rep)), textPlain, nil
	}
	p := s.reportPage(rep)
	place := s.reportURL(e)
	p.Links = []link{{"text", place + ".txt"}, {"JSON", place + ".json"}, {"this day", dayURL(s.dayOfEntry(e))}}
	body, err := s.render("report.html", p)
	return body, textHTML, err
}

type reportPage struct {
	head
	Running                 bool
	Stalled                 string // why a running trace stands still; empty: it does not
	Target, Asked           string
	Sentence, Grade, Settle string
	LossClass               string
	Facts                   []fact
	Requests                []requestView
	Table, Below            string // the report as text: mtr's table, and what we say below it
	Links                   []link
}

// longTime is a time as people read it: in the report's own zone, as in
// its text, and never without the offset.
const longTime = "2006-01-02 15:04:05 -07:00"

type fact struct{ Name, Value string }
type link struct{ Name, URL string }

type requestView struct {
	When  string
	Facts []fact
}

// reportPage is a report as a page shows it, all of it clean.
func (s *site) reportPage(rep *report.Report) reportPage {
	ev := &rep.Evidence
	verdict := report.Judge(ev)
	target, asked := ev.Target.Asked, ""
	if a := ev.Target.Address; a.IsValid() && a.String() != ev.Target.Asked {
		target, asked = a.String(), ev.Target.Asked
	}
	p := reportPage{
		head:     s.head(target + " " + ev.Times.Accepted.Format("2006-01-02 15:04:05")),
		Running:  ev.Ended == report.EndedRunning,
		Target:   clean(target),
		Asked:    clean(asked),
		Sentence: clean(verdict.Sentence), Grade: clean(string(verdict.Grade)), Settle: clean(verdict.Settle),
		LossClass: classOf(verdict.Class),
	}
	// The table is as wide as its addresses and scrolls; the sentences
	// below it wrap.
	p.Table, p.Below, _ = strings.Cut(string(report.AppendText(nil, rep, report.TextOptions{Unwrapped: true})), "\n\n")
	p.Facts = facts(
		"Node", ev.Node.Name+optional(", %s", ev.Node.Place),
		"From", addrWords(ev.Node.Source.IsValid(), ev.Node.Source.String()),
		"Probes", protocolWords(ev.Target),
		"Started", ev.Times.Started.Format(longTime),
		"Lasted", lasted(ev.Times),
		"Ended", endedWords(ev),
	)
	for _, q := range ev.Requests {
		first := ""
		if ms := q.AskedToFirstProbe; ms != nil {
			first = millis(*ms)
		}
		v := requestView{When: q.Accepted.Format(longTime), Facts: facts(
			"Freshness", string(q.Freshness),
			"Asked to first probe", first,
			"By", q.Source+optional(", %s", q.By),
			"Reason", q.Reason,
			"Event", q.Event,
			"Request", q.ID.String(),
		)}
		for _, k := range sortedKeys(q.Tags) {
			v.Facts = append(v.Facts, facts(k, q.Tags[k])...)
		}
		p.Requests = append(p.Requests, v)
	}
	return p
}

// facts pairs names with values; what is unknown is left out.
func facts(pairs ...string) []fact {
	var out []fact
	for i := 0; i+1 < len(pairs); i += 2 {
		if v := clean(pairs[i+1]); v != "" {
			out = append(out, fact{clean(pairs[i]), v})
		}
	}
	return out
}

func optional(format, s string) string {
	if s == "" {
		return ""
	}
	return fmt.Sprintf(format, s)
}

func addrWords(known bool, addr string) string {
	if !known {
		return ""
	}
	return addr
}

func protocolWords(t report.Target) string {
	s := strings.ToUpper(t.Protocol)
	if t.Port != 0 {
		s += " port " + strconv.Itoa(t.Port)
	}
	s += fmt.Sprintf(", %d bytes", t.Size)
	if t.TOS != 0 {
		s += fmt.Sprintf(", TOS %d", t.TOS)
	}
	return s
}

func lasted(t report.Times) string {
	if t.Ended == nil || t.Started.IsZero() {
		return ""
	}
	return t.Ended.Sub(t.Started).Round(100 * time.Millisecond).String()
}

func endedWords(ev *report.Evidence) string {
	s := strings.ReplaceAll(string(ev.Ended), "-", " ")
	return s + optional(": %s", ev.Error)
}

// archiveProblem turns a failure to read the archive, or the spool, into
// an answer.
func archiveProblem(err error) *problem {
	if errors.Is(err, archive.ErrNotFound) {
		return &problem{status: http.StatusNotFound, code: codeNotFound,
			detail: "no report has this ID", hint: "the list of its day has all IDs; reports older than [archive] keep are gone"}
	}
	return &problem{status: http.StatusServiceUnavailable, code: codeUnavailable, err: err,
		detail: "the spool or the archive of this node cannot be read", hint: "look at the log of mtrq serve, and run mtrq check on the node"}
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
