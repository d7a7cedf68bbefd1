package web

import (
	"fmt"
	"html/template"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/mtrq/mtrq/report"
)

type reportPage struct {
	head
	Running                 bool
	Stalled                 string // why a running trace stands still; empty: it does not
	ID                      string // of the request; empty while it runs
	Target, Asked           string
	TargetURL               string
	When                    stamp
	Verdict, Mark           string
	Sentence, Grade, Settle string
	Lost, Interval          string // "31 of 103", "95 %: 21.9 to 39.6 %"
	Percent                 string
	Bar                     int
	LossClass               string
	Late                    []lateness
	Hops                    []hopRow
	Limited                 bool // some hop limits its answers
	Names                   namesNote
	Picture, Small          template.HTML // drawn by us: hops over time, pings below; for a wide screen and for a narrow one; empty: nothing was sent
	Facts                   []fact
	Times                   []timeFact
	Requests                []requestView
	Text                    string // the whole report as text
	Day                     *dayLink
	Place                   string // of the report; empty while it runs
}

type fact struct{ Name, Value string }
type link struct{ Name, URL string }

type timeFact struct {
	Name string
	At   stamp
	Plus string // after the first request, "+2.9 ms"
}

// lateness is how fresh the report is for one request.
type lateness struct {
	Fresh, Class string
	First        string // asked to first probe; empty: no probe was sent
}

type requestView struct {
	ID    string
	At    stamp
	Fresh string
	First string
	Facts []fact
	Tags  []tagView
}

// reportPage is a report as a page shows it, all of it clean.
func (s *site) reportPage(r *http.Request, rep *report.Report, n report.Names) reportPage {
	in := s.Archive.Location()
	rep = rep.In(in)
	ev := &rep.Evidence
	target, asked := ev.Target.Asked, ""
	if a := ev.Target.Address; a.IsValid() && a.String() != ev.Target.Asked {
		target, asked = a.String(), ev.Target.Asked
	}
	h := s.head(r, target+" "+ev.Times.Accepted.In(in).Format("2006-01-02 15:04:05"))
	verdict := report.JudgeIn(ev, report.Lang(h.Lang)) // both name languages alike
	p := reportPage{
		head:    h,
		Running: ev.Ended == report.EndedRunning,
		Target:  clean(target), Asked: clean(asked), TargetURL: targetURL(target),
		When:     s.stamp(ev.Times.Accepted),
		Sentence: clean(verdict.Sentence), Settle: clean(verdict.Settle),
		Mark: classOf(verdict.Class),
		Text: report.Text(rep),
	}
	p.Verdict, p.Grade = p.head.Verdict(verdict.Class), p.head.Grade(verdict.Grade)
	p.lossOf(ev)
	p.Hops, p.Limited = s.hopRows(p.head, rep, n)
	p.Names = p.namesNote(n, addressesOf(rep))
	if p.Running || len(ev.Hops) > 0 || len(ev.Ping.Answer) > 0 { // else nothing was sent: a picture has nothing to show
		p.draw(rep, &verdict)
	}
	p.Facts = s.measuredFacts(p.head, ev)
	p.Times = s.timesOf(p.head, ev)
	for _, q := range ev.Requests {
		p.Requests = append(p.Requests, s.requestView(p.head, q))
		l := lateness{Fresh: p.Fresh(q.Freshness), Class: freshMark(q.Freshness)}
		if ms := q.AskedToFirstProbe; ms != nil {
			l.First = millis(*ms)
		}
		if len(p.Late) < 3 {
			p.Late = append(p.Late, l)
		}
	}
	return p
}

// draw fills in the pictures.
func (p *reportPage) draw(rep *report.Report, verdict *report.Verdict) {
	opts := p.pictureOptions()
	opts.Verdict = verdict
	p.Picture = template.HTML(report.SVGWith(rep, opts)) //nolint:gosec // our own drawing, which escapes what strangers named
	opts.Narrow = true
	p.Small = template.HTML(report.SVGWith(rep, opts)) //nolint:gosec // the same
}

// lossOf fills in what the target lost, with its confidence interval.
func (p *reportPage) lossOf(ev *report.Evidence) {
	st := ev.TargetStats()
	l := st.Interval()
	if l == nil {
		p.LossClass = "unknown"
		return
	}
	p.Lost = p.T("rows.lost_of", l.Lost, l.Sent)
	p.Percent = lossPercent(l.Lost, l.Sent)
	p.Interval = p.T("report.interval", oneDecimal(l.Low), oneDecimal(l.High))
	p.LossClass = lossClassOf(&l.Lost, &l.Sent)
	p.Bar = lossWidth(*st.Loss())
}

// freshMark is how a page marks a freshness: that packets were seen lost
// is what everyone hopes for.
func freshMark(f report.Freshness) string {
	switch f {
	case report.InEvent, report.Tail, report.Later:
		return "ok"
	}
	return ""
}

func (s *site) requestView(h head, q report.Request) requestView {
	v := requestView{ID: q.ID.String(), At: s.stamp(q.Accepted), Fresh: h.Fresh(q.Freshness)}
	if ms := q.AskedToFirstProbe; ms != nil {
		v.First = millis(*ms)
	}
	v.Facts = facts(
		h.T("request.by"), h.Source(q.Source)+optional(", %s", q.By),
		h.T("request.reason"), q.Reason,
		h.T("request.event"), q.Event,
		h.T("request.sent_as"), q.SentAs,
	)
	for _, k := range sortedKeys(q.Tags) {
		v.Tags = append(v.Tags, tagView{Key: clean(k), Value: clean(q.Tags[k])})
	}
	return v
}

// measuredFacts are the facts of how a trace was made.
func (s *site) measuredFacts(h head, ev *report.Evidence) []fact {
	ended := h.Ended(ev.Ended)
	if ev.Error != "" {
		ended += ": " + ev.Error
	}
	out := facts(
		h.T("fact.node"), ev.Node.Name+optional(", %s", ev.Node.Place),
		h.T("fact.from"), addrWords(ev.Node.Source),
		h.T("fact.public"), addrWords(ev.Node.Address),
		h.T("fact.probes"), protocolWords(h, ev.Target),
		h.T("fact.state"), h.State(ev.Target.State),
		h.T("fact.ended"), ended,
		h.T("fact.lasted"), lasted(h, ev.Times),
		h.T("fact.versions"), "mtrq "+ev.Versions.MTRQ+optional(", mtr-packet %s", ev.Versions.MTRPacket)+h.T("fact.rules", report.RulesVersion),
	)
	for _, o := range ev.Others {
		name := strings.ToUpper(clean(o.Protocol))
		if o.Port > 0 {
			name += " " + strconv.Itoa(o.Port)
		}
		answer := h.T("fact.silent")
		if o.Answered {
			answer = h.T("fact.answers")
		}
		out = append(out, fact{name, answer})
	}
	for _, sh := range ev.Shared {
		out = append(out, fact{h.T("fact.shared", sh.Addr.String()), h.T("fact.shared_says", sh.Answered, sh.Sent)})
	}
	for _, n := range ev.Notes {
		out = append(out, facts(h.T("fact.note"), n)...)
	}
	return out
}

// timesOf are the moments of a trace, each with its distance from the
// first request.
func (s *site) timesOf(h head, ev *report.Evidence) []timeFact {
	t := ev.Times
	var out []timeFact
	add := func(key string, at *time.Time) {
		if at == nil || at.IsZero() {
			return
		}
		f := timeFact{Name: h.T(key), At: s.stampAs(*at, "15:04:05.000")}
		if d := at.Sub(t.Accepted); len(out) > 0 {
			f.Plus = plusText(d)
		}
		out = append(out, f)
	}
	add("time.accepted", &t.Accepted)
	add("time.started", &t.Started)
	add("time.first_probe", t.FirstProbe)
	add("time.first_look", t.FirstLook)
	add("time.long_look", t.LongLook)
	add("time.ended", t.Ended)
	return out
}

func plusText(d time.Duration) string {
	sign := "+"
	if d < 0 {
		sign, d = "−", -d
	}
	return sign + millis(float64(d)/float64(time.Millisecond))
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

func addrWords(a netip.Addr) string {
	if !a.IsValid() {
		return ""
	}
	return a.String()
}

func protocolWords(h head, t report.Target) string {
	s := strings.ToUpper(t.Protocol)
	if t.Port != 0 {
		s += " " + strconv.Itoa(t.Port)
	}
	s += h.T("fact.bytes", t.Size)
	if t.TOS != 0 {
		s += fmt.Sprintf(", TOS %d", t.TOS)
	}
	if t.Interval > 0 {
		s += h.T("fact.every", millis(t.Interval))
	}
	return s
}

func lasted(h head, t report.Times) string {
	if t.Ended == nil || t.Started.IsZero() {
		return ""
	}
	return h.duration(t.Ended.Sub(t.Started))
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

func oneDecimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }
