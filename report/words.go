package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// ofN is "3 of 10 probes".
func ofN(x, n int, what string) string {
	if what == "" {
		what = "probe"
	}
	if n == 1 {
		return fmt.Sprintf("%d of 1 %s", x, what)
	}
	return fmt.Sprintf("%d of %d %ss", x, n, what)
}

// counted is "3 of 10 probes (30 %, 95 % interval 10.8 to 60.3 %)".
func counted(l *Loss) string {
	if l == nil || l.Sent == 0 {
		return "0 of 0 probes"
	}
	return fmt.Sprintf("%s (%s %%, 95 %% interval %s to %s %%)", ofN(l.Lost, l.Sent, ""),
		percent(100*float64(l.Lost)/float64(l.Sent)), percent(l.Low), percent(l.High))
}

// percent has one decimal where it says something.
func percent(p float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(round1(p), 'f', 1, 64), ".0")
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// endName is an end of a link for a sentence.
func (v *view) endName(l LinkEnd) string {
	switch {
	case l.TTL == 0:
		return "this machine"
	case v.end() >= 0 && l.TTL == v.end()+1:
		return "the target"
	case l.Addr.IsValid():
		return fmt.Sprintf("hop %d (%s)", l.TTL, l.Addr)
	default:
		return fmt.Sprintf("hop %d (silent)", l.TTL)
	}
}

func (o Other) name() string {
	p := strings.ToUpper(Printable(o.Protocol))
	if o.Port > 0 {
		p += " port " + strconv.Itoa(o.Port)
	}
	return p
}

// when is ", between 14:05:33.1 and 14:05:42.9" of the first and the
// last lost probe; "" where the loss was there from first to last probe.
func (v *view) when() string {
	s := &v.series
	first, last := -1, -1
	for i := range len(s.Answer) {
		if s.Answer[i] != AnswerReply && s.Answer[i] != AnswerPending {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return ""
	}
	if first == last {
		return ", at " + v.clock(s.TxMS[first])
	}
	spells := ""
	if n := v.spells(); n > 1 {
		spells = fmt.Sprintf(" in %d spells", n)
	}
	return fmt.Sprintf(",%s between %s and %s", spells, v.clock(s.TxMS[first]), v.clock(s.TxMS[last]))
}

// spells is in how many stretches the target was losing packets.
func (v *view) spells() int {
	n := 1
	for _, c := range calm(&v.series) {
		if !math.IsInf(c.from, -1) && !math.IsInf(c.to, 1) {
			n++
		}
	}
	return n
}

// clock is the time of day, to a tenth of a second, in the trace's zone.
func (v *view) clock(ms float64) string {
	return v.e.Times.Started.Add(time.Duration(ms * float64(time.Millisecond))).Format("15:04:05.0")
}
