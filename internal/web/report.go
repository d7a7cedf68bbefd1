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
	var to string
	err = s.bounded(r, func() (err error) {
		to, err = s.beside(e, target, which == "newer")
		return err
	})
	if err != nil {
		s.fail(w, r, archiveProblem(err))
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusFound)
}

// besideRows is how many reports are looked through at a time.
const besideRows = 20

// beside is the URL of the report before or after one, or that of its target.
// Requests that share a report have the same page, but for who asked: they
// are passed over, however many there are.
func (s *site) beside(e archive.Entry, target string, newer bool) (string, error) {
	v := archive.View{Limit: besideRows, Before: e.ID, Ascending: newer}
	for {
		tv, err := s.Archive.ViewTarget(target, time.Time{}, time.Time{}, 0, v)
		if err != nil {
			return "", err
		}
		for _, other := range tv.Entries {
			if other.ID != e.ID && other.File != e.File {
				return s.reportURL(other), nil
			}
		}
		n := len(tv.Entries)
		if n < v.Limit || tv.Entries[n-1].ID == v.Before {
			return targetURL(target), nil
		}
		v.Before = tv.Entries[n-1].ID
	}
}

// sendReport sends a finished report. Its JSON never changes, so it may
// be kept for ever; text and page have the verdict of the rules of today
// and are asked about before each use, which costs no more than their tag.
func (s *site) sendReport(w http.ResponseWriter, r *http.Request, e archive.Entry, form format) {
	cache := cacheAsk
	if form == formatJSON {
		cache = cacheForever
	}
	if form == formatHTML {
		s.sendReportPage(w, r, e)
		return
	}
	tag := s.reportTag(r, e, form, "")
	s.keptBody(w, r, typeOf(form), cache, tag, func() ([]byte, error) { return s.renderArchived(e, form) })
}

// sendReportPage sends the page of a report. It has names and AS numbers as
// they are known now, so they are part of its tag.
func (s *site) sendReportPage(w http.ResponseWriter, r *http.Request, e archive.Entry) {
	known := func() (string, bool) {
		names, ok := s.namesKept(e.ID)
		return s.reportTag(r, e, formatHTML, names), ok
	}
	s.pageTogether(w, r, known, func() (shown, error) {
		rep, err := s.Archive.Load(e)
		if err != nil {
			return shown{}, pageProblem{archiveProblem(err)}
		}
		n, names := s.namesMade(e.ID, addressesOf(rep))
		tag := s.reportTag(r, e, formatHTML, names)
		if s.isKept(tag) {
			return shown{tag: tag, cache: cacheAsk}, nil
		}
		body, err := s.archivedPage(r, e, rep, n)
		return shown{tag, cacheAsk, body}, err
	})
}

// reportTag is the tag of a report in one of its forms.
func (s *site) reportTag(r *http.Request, e archive.Entry, form format, names string) string {
	return s.tagOf(r, "report", e.ID.String(), e.File, string(form), strconv.Itoa(report.RulesVersion), names)
}

// archivedPage is the page of a report at its own place.
func (s *site) archivedPage(r *http.Request, e archive.Entry, rep *report.Report, n report.Names) ([]byte, error) {
	p := s.reportPage(r, rep, n)
	place, day := s.reportURL(e), s.dayOfEntry(e)
	p.Links = []link{{"txt", place + ".txt"}, {"json", place + ".json"}, {"svg", place + ".svg"}}
	p.Day, p.Place = &dayLink{day.String(), dayURL(day)}, place
	p.ID = e.ID.String()
	return s.render(p.Lang, "report.html", p)
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

// renderArchived gives the file itself as JSON; text and picture are made
// anew, with the verdict of today's rules.
func (s *site) renderArchived(e archive.Entry, form format) ([]byte, error) {
	if form == formatJSON {
		return s.Archive.JSON(e)
	}
	rep, err := s.Archive.Load(e)
	if err != nil {
		return nil, err
	}
	if form == formatSVG {
		return report.SVG(rep.In(s.Archive.Location())), nil
	}
	return []byte(report.Text(rep.In(s.Archive.Location()))), nil
}

// archiveProblem turns a failure to read the archive, or the spool, into
// an answer.
func archiveProblem(err error) *problem {
	switch {
	case errors.Is(err, errBusy):
		return &problem{status: http.StatusServiceUnavailable, code: codeBusy, retry: time.Second,
			detail: err.Error(), hint: "ask again; narrow long lists down with filters and limit"}
	case errors.Is(err, archive.ErrNotFound):
		return &problem{status: http.StatusNotFound, code: codeNotFound,
			detail: "no report has this ID", hint: "the list of its day has all IDs; reports older than [archive] keep are gone"}
	case errors.Is(err, archive.ErrNewer), errors.Is(err, report.ErrNewerSchema):
		return &problem{status: http.StatusServiceUnavailable, code: codeNewer, err: err,
			detail: "this was written by a newer mtrq than the one that shows it", hint: "update mtrq on this node"}
	}
	return &problem{status: http.StatusServiceUnavailable, code: codeUnavailable, err: err,
		detail: "the spool or the archive of this node cannot be read", hint: "look at the log of mtrq serve, and run mtrq check on the node"}
}

func sortedKeys(m map[string]string) []string { return slices.Sorted(maps.Keys(m)) }
