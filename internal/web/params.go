package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtrq/mtrq/spool"
)

const (
	// maxForm bounds the body of a form; a job file has the same bound.
	maxForm = spool.MaxJobBytes
	// maxWait is the longest that a request may wait for its report.
	maxWait = 60 * time.Second
)

// ask is one request to trace, as /api/mtr takes it.
type ask struct {
	job  spool.Job
	wait time.Duration // how long to wait for the report; 0 is not at all
}

// optionParams are the parameters beside the target. All but tag stand once.
const optionParams = "reason event protocol port size tos family interval rounds max_ttl coalesce tag wait"

// askOf reads parameters of which the one with this name is the target. A
// name that it does not know and a parameter given twice are errors: what is
// ignored in silence is found out when the evidence is missing. The error
// lists all faults.
func askOf(v url.Values, name string) (ask, *problem) {
	var a ask
	p := paramReader{values: v, name: name, known: append([]string{name}, strings.Fields(optionParams)...)}
	p.unknown()
	a.job.Target = p.target()
	a.job.Reason = p.text("reason")
	a.job.Event = p.text("event")
	a.job.Protocol = p.word("protocol")
	a.job.Port = p.number("port", 1, 65535)
	a.job.Size = p.number("size", 28, 9000)
	a.job.TOS = p.number("tos", 0, 255)
	a.job.Family = p.word("family")
	a.job.Interval = p.duration("interval")
	a.job.Rounds = p.number("rounds", 1, 10000)
	a.job.MaxTTL = p.number("max_ttl", 1, 64)
	a.job.NoCoalesce = p.no("coalesce")
	a.job.Tags = p.tags()
	a.wait = time.Duration(p.number("wait", 0, int(maxWait/time.Second))) * time.Second
	if p.problem != nil {
		return ask{}, p.problem
	}
	if pr := jobProblem(a.job.Validate()); pr != nil {
		return ask{}, pr
	}
	return a, nil
}

// no is true of a parameter that says no; where it is absent, or says yes, it
// is false.
func (p *paramReader) no(name string) bool {
	switch s := p.word(name); s {
	case "", "true", "1":
		return false
	case "false", "0":
		return true
	default:
		p.fault(codeParameter, "write coalesce=false for a trace of its own, or leave it out", "%s %s is neither true nor false", name, short(s))
		return false
	}
}

// paramReader takes parameters one by one and keeps the first fault's
// code, and every fault's words.
type paramReader struct {
	values  url.Values
	name    string   // of the target
	known   []string // all that there are
	problem *problem
}

func (p *paramReader) fault(code, hint, format string, args ...any) {
	said := fmt.Sprintf(format, args...)
	if p.problem == nil {
		p.problem = &problem{status: http.StatusBadRequest, code: code, detail: said, hint: hint}
		return
	}
	p.problem.detail += "; " + said
}

func (p *paramReader) unknown() {
	var names []string
	for name := range p.values {
		if !slices.Contains(p.known, name) {
			names = append(names, short(name))
		}
	}
	slices.Sort(names)
	for _, name := range names {
		p.fault(codeParameter, "known are "+strings.Join(p.known, ", "), "parameter %s is unknown", name)
	}
}

// one gives the value of a parameter that may stand once.
func (p *paramReader) one(name string) (string, bool) {
	v, ok := p.values[name]
	if len(v) > 1 {
		p.fault(codeParameter, "give each parameter once, in the query or in the body", "parameter %s stands %d times", name, len(v))
		return "", false
	}
	if !ok {
		return "", false
	}
	return v[0], true
}

func (p *paramReader) text(name string) string {
	s, _ := p.one(name)
	return s
}

// word is a text that may be absent and not empty: "protocol=" is a
// macro or variable that was not filled in.
func (p *paramReader) word(name string) string {
	s, ok := p.one(name)
	if ok && s == "" {
		p.fault(codeParameter, "give it a value or leave it out", "parameter %s is empty", name)
	}
	return s
}

func (p *paramReader) target() string {
	s, ok := p.one(p.name)
	switch {
	case !ok && len(p.values[p.name]) > 1:
		return ""
	case !ok:
		p.fault(codeTarget, "ask for /api/mtr?ip=203.0.113.7", "parameter %s is missing", p.name)
		return ""
	case s == "":
		p.fault(codeTarget, "in a Zabbix command use {HOST.CONN}: {HOST.IP} is empty for an interface that has only a DNS name", "parameter %s is empty", p.name)
		return ""
	case strings.HasPrefix(s, `{"`):
		p.fault(codeTarget, "send JSON to /api/v1/jobs, with Content-Type: application/json", "%s %s is JSON", p.name, short(s))
		return ""
	case strings.ContainsAny(s, "{}"):
		p.fault(codeTarget, "the sender did not put a value in its place: in Zabbix, {HOST.CONN} is filled in where the command belongs to an action or a script on a host", "%s %s is a macro", p.name, short(s))
		return ""
	}
	canonical, err := spool.ParseTarget(s)
	if err != nil {
		p.fault(codeTarget, "give one IPv4 address, IPv6 address or host name", "%s %s %s", p.name, short(s), err)
		return ""
	}
	return canonical
}

// number gives 0 for absent. A parameter that is there must hold a
// number: "port=" is a macro that did not expand.
func (p *paramReader) number(name string, low, high int) int {
	s, ok := p.one(name)
	if !ok {
		return 0
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < low || n > high || s[0] == '+' {
		p.fault(codeParameter, "", "%s %s is out of range: allowed is %d-%d", name, short(s), low, high)
		return 0
	}
	return n
}

func (p *paramReader) duration(name string) time.Duration {
	s, ok := p.one(name)
	if !ok {
		return 0
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 100*time.Millisecond || d > time.Minute {
		p.fault(codeParameter, `write a number with a unit, such as "200ms" or "1s"`, "%s %s is out of range: allowed is 100ms-60s", name, short(s))
		return 0
	}
	return d
}

func (p *paramReader) tags() map[string]string {
	var tags map[string]string
	for _, s := range p.values["tag"] {
		key, value, ok := strings.Cut(s, "=")
		if _, twice := tags[key]; !ok || twice {
			p.fault(codeParameter, "write tag=key=value, each key once", "tag %s is no key=value of its own", short(s))
			continue
		}
		if tags == nil {
			tags = map[string]string{}
		}
		tags[key] = value
	}
	return tags
}

// jobProblem turns what spool says of a job into an answer.
func jobProblem(err error) *problem {
	if err == nil {
		return nil
	}
	p := &problem{status: http.StatusBadRequest, code: codeJob, detail: err.Error()}
	var faults *spool.JobError
	if errors.As(err, &faults) && faults.Faults[0].Key == "target" {
		p.code = codeTarget
	}
	return p
}
