package drill

import (
	"net/netip"
	"strings"
	"time"

	"github.com/mtrq/mtrq/report"
)

// ResultSchema is the number of the JSON form of a Result. Within one
// number fields are only added.
const ResultSchema = 1

// A Result is what came of a drill.
type Result struct {
	Schema     int          `json:"schema"`
	Passed     bool         `json:"passed"`
	Failed     []string     `json:"failed"` // what was not as it should be, in words
	Targets    int          `json:"targets"`
	Loss       LossMade     `json:"loss"`
	Other      LossMade     `json:"other_loss"`
	Milestones []Milestone  `json:"milestones"` // of the loss, then of the other
	Incident   *IncidentWas `json:"incident,omitempty"`
	Checks     []Check      `json:"checks"` // of the machine itself

	beside   []string // of Failed, what is no milestone
	incident *report.Incident
	reports  []*report.Report // of its members
}

// LossMade is a loss that the drill made.
type LossMade struct {
	Percent float64      `json:"loss_percent"`
	From    netip.Addr   `json:"from"` // the ends of the link
	To      netip.Addr   `json:"to"`
	TTL     int          `json:"ttl"`     // of To
	Targets []netip.Addr `json:"targets"` // behind it
	Began   *time.Time   `json:"began,omitempty"`
	LastsMS *float64     `json:"lasted_ms,omitempty"`
}

// IncidentWas is what the incident says.
type IncidentWas struct {
	ID       string     `json:"id"`
	Class    string     `json:"class"`
	Grade    string     `json:"grade"`
	Sentence string     `json:"sentence"`
	From     netip.Addr `json:"from,omitzero"` // where it says the loss is; absent: it does not say, or next to this machine
	To       netip.Addr `json:"to,omitzero"`
}

// A Check is one finding about the machine.
type Check struct {
	What  string     `json:"what"`
	State CheckState `json:"state"`
	Text  string     `json:"text"`
	Do    string     `json:"do,omitempty"`
}

// CheckState is how a finding counts.
type CheckState string

// A warning is to be read; what failed keeps a node from working here.
const (
	CheckOK   CheckState = "ok"
	CheckWarn CheckState = "warn"
	CheckFail CheckState = "failed"
)

// AddChecks adds what was found of the machine. One that failed fails the
// drill: what works in a private network has to work outside.
func (r *Result) AddChecks(checks []Check) {
	r.Checks = append(r.Checks, checks...)
	for _, c := range checks {
		if c.State == CheckFail {
			r.fail("check of " + c.What + ": " + c.Text)
		}
	}
}

// fail adds what went wrong beside the milestones.
func (r *Result) fail(why string) {
	r.Passed = false
	r.Failed = append(r.Failed, why)
	r.beside = append(r.beside, why)
}

// result sums the drill up. trouble is what went wrong beside its
// milestones.
func (d *Drill) result(trouble error) *Result {
	p, s := d.plan, &d.seen
	loss, other := p.milestones(s)
	r := &Result{
		Schema: ResultSchema, Failed: []string{}, Targets: len(p.paths), Milestones: append(loss, other...), Checks: []Check{},
		Loss:  lossMade(p.percent, p.from, p.to, p.ttl, s.loss),
		Other: lossMade(p.otherPercent, p.paths[p.other][p.length(p.other)-2], p.target(p.other), p.length(p.other), s.other),
	}
	for _, i := range p.behind {
		r.Loss.Targets = append(r.Loss.Targets, p.target(i))
	}
	r.Other.Targets = []netip.Addr{p.target(p.other)}
	if trouble != nil {
		r.fail(strings.ReplaceAll(trouble.Error(), "\n", "; "))
	}
	for _, m := range r.Milestones {
		if m.State == Failed {
			r.Failed = append(r.Failed, string(m.Name)+": "+m.Text)
		}
	}
	r.Passed = len(r.Failed) == 0
	if r.incident = p.home(s); r.incident != nil {
		r.tellOf(s)
	}
	return r
}

func lossMade(percent float64, from, to netip.Addr, ttl int, when span) LossMade {
	l := LossMade{Percent: percent, From: from, To: to, TTL: ttl}
	if !when.from.IsZero() {
		at := when.from.Round(0)
		l.Began = &at
		if !when.to.IsZero() {
			ms := millis(when.to.Sub(when.from))
			l.LastsMS = &ms
		}
	}
	return l
}

// tellOf adds the incident, judged with its traces.
func (r *Result) tellOf(s *seen) {
	inc := r.incident
	of := map[string]bool{}
	for i := range inc.Members {
		for _, id := range inc.Members[i].Reports {
			of[id.String()] = true
		}
	}
	for _, rep := range s.reports {
		if of[rep.Evidence.ID.String()] {
			r.reports = append(r.reports, rep)
		}
	}
	v := report.JudgeIncident(inc, r.reports)
	r.Incident = &IncidentWas{ID: inc.ID.String(), Class: string(v.Class), Grade: string(v.Grade), Sentence: v.Sentence}
	if place, ok := named(inc); ok {
		r.Incident.From, r.Incident.To = place.from, place.to
	}
}

// millis is a time as JSON has it, to the microsecond.
func millis(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
