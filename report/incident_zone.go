package report

import (
	"regexp"
	"strings"
	"time"
)

// Times as an incident's sentence has them: see incidentView.span. An offset
// stands behind the first one or two, and what follows is in that zone, too.
var (
	spanTimes = regexp.MustCompile(`(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d)(?: to ((?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d\.\d))? ([+-]\d\d:\d\d)`)
	clockTime = regexp.MustCompile(`\b\d\d:\d\d:\d\d\.\d{1,3}\b`)
)

const (
	spanFormat  = "2006-01-02 15:04:05.0"
	clockTenths = "15:04:05.0"
)

// SentenceIn is the English sentence of an incident's verdict with its times
// in a zone: it was written in that of the machine that watched. What it does
// not know as a time stays as it is.
func SentenceIn(sentence string, loc *time.Location) string {
	heads := spanTimes.FindAllStringSubmatchIndex(sentence, -1)
	if len(heads) == 0 {
		return sentence
	}
	var b strings.Builder
	b.WriteString(sentence[:heads[0][0]])
	for i, h := range heads {
		rest := sentence[h[1]:]
		if i+1 < len(heads) {
			rest = sentence[h[1]:heads[i+1][0]]
		}
		part := func(n int) string {
			if h[2*n] < 0 {
				return ""
			}
			return sentence[h[2*n]:h[2*n+1]]
		}
		began, err := time.Parse(spanFormat+" -07:00", part(1)+" "+part(3))
		if err != nil {
			b.WriteString(sentence[h[0]:h[1]] + rest)
			continue
		}
		in := began.In(loc)
		b.WriteString(in.Format(spanFormat))
		if end := part(2); end != "" {
			if len(end) == len(clockTenths) {
				end = began.Format(time.DateOnly+" ") + end
			}
			to, err := time.ParseInLocation(spanFormat, end, began.Location())
			switch to = to.In(loc); {
			case err != nil:
				end = part(2)
			case to.Format(time.DateOnly) == in.Format(time.DateOnly):
				end = to.Format(clockTenths)
			default:
				end = to.Format(spanFormat)
			}
			b.WriteString(" to " + end)
		}
		b.WriteString(in.Format(" -07:00"))
		b.WriteString(clockTime.ReplaceAllStringFunc(rest, func(clock string) string {
			at, err := time.ParseInLocation(time.DateOnly+" 15:04:05", began.Format(time.DateOnly+" ")+clock, began.Location())
			if err != nil {
				return clock
			}
			return at.In(loc).Format("15:04:05." + strings.Repeat("0", len(clock)-len("15:04:05.")))
		}))
	}
	return b.String()
}
