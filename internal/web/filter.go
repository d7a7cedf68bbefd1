package web

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/report"
)

// The parameters of a list. Each may stand in a form, where it is empty
// when nobody filled it in.
//
//	target=203.0.113.7  prefix=203.0.113.0/24  node=hk1  source=watchdog
//	loss=5              more than 5 % lost
//	reason=zabbix       part of reason or event
//	verdict=real-loss   freshness=in-event      may be repeated
//	tag=circuit=GZ-2231 or tag=circuit          may be repeated; all must match
//	from=13:00 to=14:30 time of day, or RFC 3339
//	sort=loss dir=asc   limit=500 offset=500 before=ID (a page has 200, other forms 500)
var listParams = []string{"target", "prefix", "node", "source", "loss", "reason", "verdict", "freshness", "tag",
	"from", "to", "sort", "dir", "limit", "offset", "before"}

const (
	pageRows     = 200  // of one page: a busy day has 27,777 lines
	maxRows      = 500  // of one answer in another form
	maxLimit     = 5000 // that may be asked for
	maxTags      = 8
	maxFilter    = 300 // bytes of a value
	maxClasses   = 12
	maxDayOffset = 10_000_000
)

// Words that a filter may ask for, in the order in which a form offers
// them.
var (
	filterVerdicts = []report.Class{report.RealLoss, report.UplinkCut, report.OwnNetwork, report.RoutingLoop, report.Latency, report.PathChanged,
		report.TargetFilters, report.Recovered, report.NotProven, report.RateLimitOnly, report.MeasurementFault, report.Clean}
	filterFresh   = []report.Freshness{report.InEvent, report.Tail, report.Later, report.After, report.FreshnessUnknown}
	filterSources = []string{"watchdog", "http", "cli", "drop", "node"}
	filterSorts   = []archive.SortKey{archive.SortTime, archive.SortLoss, archive.SortTarget, archive.SortVerdict, archive.SortNode}
)

// readView reads what a list is asked to show. day is where times of day
// lie. Every fault names its parameter and says what would do.
func readView(q url.Values, day archive.Date, loc *time.Location) (archive.View, *problem) {
	r := listReader{q: q, day: day, loc: loc}
	for name := range q {
		if !slices.Contains(listParams, name) {
			r.fault(name, "there is no parameter "+short(name), "use "+strings.Join(listParams, ", "))
		}
	}
	v := archive.View{Filter: r.filter(), Limit: maxRows}
	v.Sort = archive.SortKey(r.oneOf("sort", wordsOf(filterSorts)))
	switch r.oneOf("dir", []string{"asc", "desc"}) {
	case "asc":
		v.Ascending = true
	case "":
		// A name is looked for from A on, a loss from the worst.
		v.Ascending = v.Sort == archive.SortTarget || v.Sort == archive.SortNode || v.Sort == archive.SortVerdict
	}
	v.Limit = r.number("limit", 1, maxLimit, maxRows)
	v.Offset = r.number("offset", 0, maxDayOffset, 0)
	if s := r.one("before"); s != "" {
		id, ok := parseID(s)
		if !ok {
			r.fault("before", short(s)+" is no ID", "leave it out to begin with the newest report")
		} else if v.Sort != "" && v.Sort != archive.SortTime {
			r.fault("before", "it goes on in the order of time", "use offset with sort="+string(v.Sort))
		}
		v.Before = id
	}
	return v, r.problem
}

type listReader struct {
	q       url.Values
	day     archive.Date
	loc     *time.Location
	problem *problem // the first fault
}

func (r *listReader) fault(name, detail, hint string) {
	if r.problem == nil {
		r.problem = &problem{status: http.StatusBadRequest, code: codeParameter, detail: "parameter " + short(name) + ": " + detail, hint: hint}
	}
}

// one is a parameter that may stand once.
func (r *listReader) one(name string) string {
	all := r.all(name, 1)
	if len(all) == 0 {
		return ""
	}
	return all[0]
}

// all are the values of a parameter, without empty ones.
func (r *listReader) all(name string, most int) []string {
	var out []string
	for _, s := range r.q[name] {
		if s = strings.TrimSpace(s); s == "" {
			continue
		}
		if len(s) > maxFilter {
			r.fault(name, fmt.Sprintf("it is longer than %d bytes", maxFilter), "shorten it")
			continue
		}
		out = append(out, s)
	}
	if len(out) > most {
		r.fault(name, fmt.Sprintf("it stands %d times", len(out)), fmt.Sprintf("give it at most %d times", most))
		out = out[:most]
	}
	return out
}

func (r *listReader) oneOf(name string, allowed []string) string {
	s := r.one(name)
	if s != "" && !slices.Contains(allowed, s) {
		r.fault(name, short(s)+" is none of its values", "use one of "+strings.Join(allowed, ", "))
		return ""
	}
	return s
}

func (r *listReader) number(name string, low, high, absent int) int {
	s := r.one(name)
	if s == "" {
		return absent
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high {
		r.fault(name, short(s)+" is out of range", fmt.Sprintf("use a number from %d to %d", low, high))
		return absent
	}
	return n
}

func (r *listReader) filter() archive.Filter {
	f := archive.Filter{Target: r.one("target"), Node: r.one("node"), Source: r.oneOf("source", filterSources), Reason: r.one("reason")}
	if s := r.one("prefix"); s != "" {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			r.fault("prefix", short(s)+" is no prefix", "write it as 203.0.113.0/24 or 2001:db8::/32; use target for one address")
		}
		f.Prefix = p.Masked()
	}
	if s := strings.TrimPrefix(r.one("loss"), ">"); s != "" {
		l, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(s, "%")), 64)
		if err != nil || !(l >= 0 && l <= 100) {
			r.fault("loss", short(s)+" is no percentage", "use a number from 0 to 100: loss=5 lists what lost more than 5 %")
		}
		f.LossAbove = &l
	}
	for _, s := range r.list("verdict", wordsOf(filterVerdicts)) {
		f.Verdicts = append(f.Verdicts, report.Class(s))
	}
	for _, s := range r.list("freshness", wordsOf(filterFresh)) {
		f.Freshness = append(f.Freshness, report.Freshness(s))
	}
	for _, s := range r.all("tag", maxTags) {
		k, v, _ := strings.Cut(s, "=")
		if k == "" {
			r.fault("tag", short(s)+" has no key", "write it as circuit=GZ-2231, or circuit for any value")
		}
		if f.Tags == nil {
			f.Tags = map[string]string{}
		}
		f.Tags[k] = v
	}
	f.From, f.To = r.moment("from"), r.moment("to")
	if !f.From.IsZero() && !f.To.IsZero() && !f.From.Before(f.To) {
		r.fault("to", "it is not after from", "give a from that comes before to")
	}
	return f
}

// list is a parameter that may stand several times, or once with commas.
func (r *listReader) list(name string, allowed []string) []string {
	var out []string
	for _, s := range r.all(name, maxClasses) {
		for _, one := range strings.Split(s, ",") {
			if !slices.Contains(allowed, one) {
				r.fault(name, short(one)+" is none of its values", "use one or more of "+strings.Join(allowed, ", "))
				return nil
			}
			if !slices.Contains(out, one) {
				out = append(out, one)
			}
		}
	}
	return out
}

// moment reads "13:00", "24:00" or RFC 3339.
func (r *listReader) moment(name string) time.Time {
	s := r.one(name)
	if s == "" {
		return time.Time{}
	}
	if t, ok := clockTime(s, r.day, r.loc); ok {
		return t
	}
	// A "+" that nobody encoded arrives as a space.
	if t, err := time.Parse(time.RFC3339Nano, strings.ReplaceAll(s, " ", "+")); err == nil {
		return t
	}
	r.fault(name, short(s)+" is no time", "write it as 13:00, 13:00:05 or 2026-11-23T13:00:00+08:00")
	return time.Time{}
}

// clockTime is a time of day on a day; where a clock that is set back
// shows it twice, the first.
func clockTime(s string, day archive.Date, loc *time.Location) (time.Time, bool) {
	if s == "24:00" {
		return day.Add(1).Start(loc), true
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return time.Date(day.Year, day.Month, day.Day, t.Hour(), t.Minute(), t.Second(), 0, loc), true
		}
	}
	return time.Time{}, false
}

// wordsOf are the values of a list of named strings.
func wordsOf[T ~string](in []T) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = string(s)
	}
	return out
}

// without gives a query without some parameters, and with others set;
// "" takes one out.
func without(q url.Values, set ...string) string {
	out := url.Values{}
	for k, vs := range q {
		for _, v := range vs {
			if strings.TrimSpace(v) != "" {
				out.Add(k, v)
			}
		}
	}
	for i := 0; i+1 < len(set); i += 2 {
		out.Del(set[i])
		if set[i+1] != "" {
			out.Set(set[i], set[i+1])
		}
	}
	if len(out) == 0 {
		return ""
	}
	return "?" + out.Encode()
}

// untidy says that a query has parameters without a value, as a form
// sends them.
func untidy(q url.Values) bool {
	for _, vs := range q {
		for _, v := range vs {
			if strings.TrimSpace(v) == "" {
				return true
			}
		}
	}
	return false
}

// lastID is where the next page begins.
func lastID(entries []archive.Entry) ulid.ULID {
	if len(entries) == 0 {
		return ulid.ULID{}
	}
	return entries[len(entries)-1].ID
}
