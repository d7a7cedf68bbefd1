package web

import (
	"sync"

	"github.com/oklog/ulid/v2"

	"github.com/mtrq/mtrq/internal/archive"
	"github.com/mtrq/mtrq/internal/web/words"
	"github.com/mtrq/mtrq/report"
	"github.com/mtrq/mtrq/spool"
)

// toldMost is how many sentences are kept, of some hundred bytes each.
const toldMost = 2000

// toldList is what lists say of incidents that are settled, in languages other
// than English: to say it means to read one with its reports.
type toldList struct {
	mu   sync.Mutex
	said map[toldKey]string
}

type toldKey struct {
	id   ulid.ULID
	lang words.Lang
}

func (l *toldList) get(k toldKey) (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	said, ok := l.said[k]
	return said, ok
}

func (l *toldList) put(k toldKey, said string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.said == nil || len(l.said) >= toldMost {
		l.said = map[toldKey]string{}
	}
	l.said[k] = said
}

// told is the sentence of an incident as a list shows it: in the language of
// the page, with times in the archive's zone. English is as it was written;
// another language is judged from the incident, as its page does. What the
// rules of today judge otherwise than the list has it, or cannot read, is
// shown in English.
func (s *site) told(h head, e archive.IncidentEntry) string {
	english := clean(report.SentenceIn(e.Sentence, s.Archive.Location()))
	if h.Lang == words.English || english == "" {
		return english
	}
	k := toldKey{e.ID, h.Lang}
	if said, ok := s.toldOnes.get(k); ok {
		return said
	}
	// Of one that is open the watchdog has judged without reports: its
	// sentence and its class say the same.
	var inc *report.Incident
	var reports []*report.Report
	var err error
	if e.State == report.IncidentOpen {
		inc, err = s.openIncident(e.ID)
	} else if inc, err = s.Archive.Incident(e.ID.String()); err == nil {
		reports = s.Archive.IncidentReports(inc)
	}
	if err != nil {
		return english
	}
	said, shown := english, s.inZone(inc, reports)
	if d := report.JudgeIncidentIn(shown.Incident, shown.Reports, report.Lang(h.Lang)); d.Class == e.Verdict { // both name languages alike
		said = clean(d.Sentence)
	}
	if s.settled(inc) {
		s.toldOnes.put(k, said)
	}
	return said
}

// runState is what mtrq run has said of itself; where nobody traces, why says
// so in the language of a page, with its time in the archive's zone.
func (s *site) runState(h head) (st spool.RunState, tracing bool, why string) {
	now := s.Now()
	st, tracing, why = s.Spool.RunState(now)
	switch {
	case tracing:
	case st.HeldBy != 0:
		why = h.T("run.held", st.HeldBy)
	case st.Unread != nil:
		why = h.T("run.unread") // the error names files of this machine
	case st.At.IsZero():
		why = h.T("run.none")
	case now.Sub(st.At).Abs() > spool.RunStateStale:
		why = h.T("run.last", st.At.In(s.Archive.Location()).Format(longTime))
	case st.State == "draining":
		why = h.T("run.ending")
	}
	return st, tracing, clean(why)
}

// inEnglish is the head of what is said to programs.
var inEnglish = head{Lang: words.English}
