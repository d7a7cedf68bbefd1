package web

import (
	"errors"
	"maps"
	"net/http"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

// appSVG is what a picture is sent as.
const appSVG = "image/svg+xml"

// formExt takes .txt, .json or .svg off the end of a path: a form that is
// asked for by name wins over Accept.
func formExt(s string, r *http.Request) (name string, f format) {
	switch path.Ext(s) {
	case ".txt":
		return strings.TrimSuffix(s, ".txt"), formatText
	case ".json":
		return strings.TrimSuffix(s, ".json"), formatJSON
	case ".svg":
		return strings.TrimSuffix(s, ".svg"), formatSVG
	}
	return s, formatOf(r)
}

// parseID reads an ID in either case. Nothing else of a path ever
// reaches the archive or the spool.
func parseID(s string) (ulid.ULID, bool) {
	id, err := ulid.ParseStrict(s)
	return id, err == nil
}

// report answers /2026/11/23/ID, with .txt, .json or .svg for that form.
func (s *site) report(w http.ResponseWriter, r *http.Request) {
	name, form := formExt(r.PathValue("id"), r)
	day, isDay := dayOf(r)
	id, isID := parseID(name)
	if !isDay || !isID {
		s.notFound(w, r)
		return
	}
	e, err := s.found.find(s, id)
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

// besideReport answers /2026/11/23/ID/older and /newer: it leads to the
// report of the same target before or after this one, and where there is
// none to the target. The page of a report so never changes, however many
// come after it.
func (s *site) besideReport(w http.ResponseWriter, r *http.Request) {
	id, isID := parseID(r.PathValue("id"))
	which := r.PathValue("which")
	if !isID || which != "older" && which != "newer" {
		s.notFound(w, r)
		return
	}
	e, err := s.found.find(s, id)
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	target := e.Asked
	if e.Target.IsValid() {
		target = e.Target.String()
	}
	v := archive.View{Limit: 2, Before: e.ID}
	if which == "newer" {
		v.Ascending = true
	}
	tv, err := s.Archive.ViewTarget(target, time.Time{}, time.Time{}, 0, v)
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	to := targetURL(target)
	for _, other := range tv.Entries {
		// Requests that share a report have the same page, but for who asked.
		if other.ID != e.ID && other.File != e.File {
			to = s.reportURL(other)
			break
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusFound)
}

// sendReport sends a finished report. Its JSON never changes, so it may
// be kept for ever; text and page have the verdict of the rules of today
// and are asked about before each use, which costs no more than their tag.
func (s *site) sendReport(w http.ResponseWriter, r *http.Request, e archive.Entry, form format) {
	cache := cacheAsk
	if form == formatJSON {
		cache = cacheForever
	}
	tag := s.tagOf(r, "report", e.ID.String(), e.File, string(form), strconv.Itoa(report.RulesVersion))
	s.keptBody(w, r, typeOf(form), cache, tag, func() ([]byte, error) { return s.renderArchived(r, e, form) })
}

func typeOf(form format) string {
	switch form {
	case formatJSON:
		return appJSON
	case formatSVG:
		return appSVG
	case formatHTML:
		return textHTML
	}
	return textPlain
}

// renderArchived gives the file itself as JSON; text, page and picture are
// made anew, with the verdict of today's rules.
func (s *site) renderArchived(r *http.Request, e archive.Entry, form format) ([]byte, error) {
	if form == formatJSON {
		return s.Archive.JSON(e)
	}
	rep, err := s.Archive.Load(e)
	if err != nil {
		return nil, err
	}
	switch form {
	case formatText:
		return []byte(report.Text(s.inZone(rep))), nil
	case formatSVG:
		return report.SVG(s.inZone(rep)), nil
	}
	p := s.reportPage(r, rep)
	place, day := s.reportURL(e), s.dayOfEntry(e)
	p.Links = []link{{"txt", place + ".txt"}, {"json", place + ".json"}, {"svg", place + ".svg"}}
	p.Day, p.Place = &dayLink{day.String(), dayURL(day)}, place
	p.ID = e.ID.String()
	return s.render(p.Lang, "report.html", p)
}

// archiveProblem turns a failure to read the archive, or the spool, into
// an answer.
func archiveProblem(err error) *problem {
	switch {
	case errors.Is(err, archive.ErrNotFound):
		return &problem{status: http.StatusNotFound, code: codeNotFound,
			detail: "no report has this ID", hint: "the list of its day has all IDs; reports older than [archive] keep are gone"}
	case errors.Is(err, archive.ErrNewer):
		return &problem{status: http.StatusServiceUnavailable, code: codeNewer, err: err,
			detail: "this was written by a newer mtrq than the one that shows it", hint: "update mtrq on this node"}
	}
	return &problem{status: http.StatusServiceUnavailable, code: codeUnavailable, err: err,
		detail: "the spool or the archive of this node cannot be read", hint: "look at the log of mtrq serve, and run mtrq check on the node"}
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
