package report

import (
	"fmt"
	"slices"
	"strings"
)

// How many probes to the target, and how many lost, a grade wants.
const (
	fewProbes    = 3   // below: nothing can be said
	someProbes   = 20  // a clean target is likely clean
	manyProbes   = 100 // … certainly: at most 3.7 % of loss can hide
	someLost     = 3   // a loss is likely
	manyLost     = 5   // … certain, of someProbes and at least 5 % for sure
	sureLoss     = 5.0 // percent: Loss.Low
	silentSpell  = 3000
	silentProbes = 10
)

// Judge says what the evidence shows. It is pure: the same evidence
// gives the same verdict, and whatever shows a report may judge it anew.
//
// It applies the rules R1 to R6 and R13 (R10 where it forbids): loss is
// what the target shows, never what a hop in the middle does. What other
// rules would say (latency, loops, changed paths, the own network) is
// not guessed.
func Judge(e *Evidence) Verdict { return look(e).judge() }

func (v *view) judge() Verdict {
	d := Verdict{Class: NotProven, Grade: Weak, Rules: []string{}, Loss: v.target.Interval(), RulesVersion: RulesVersion}
	switch v.e.state() {
	case Reached:
		if v.target.Lost == 0 {
			v.clean(&d)
		} else {
			v.lossy(&d)
		}
	case Forbidden, Unresolved, Unprobed:
		v.untraced(&d)
	case NoRoute:
		d.Sentence = fmt.Sprintf("Nothing could be sent to %s: this machine has no route to it.", v.name())
		d.Settle = "a route to it on the node, then another trace"
	case Unreachable:
		v.unreachable(&d)
	default:
		v.silent(&d)
	}
	return d
}

// name is the target for a sentence.
func (v *view) name() string {
	t := v.e.Target
	asked := Printable(t.Asked)
	if !t.Address.IsValid() {
		if asked == "" {
			return "the target"
		}
		return asked
	}
	if a := t.Address.String(); asked != a && asked != "" {
		return asked + " (" + a + ")"
	}
	return t.Address.String()
}

func (v *view) untraced(d *Verdict) {
	e := v.e
	why := ""
	if e.Error != "" {
		why = ": " + strings.TrimRight(Printable(e.Error), ". ")
	}
	switch state := e.state(); {
	case state == Forbidden:
		d.Sentence = fmt.Sprintf("%s was not traced: the target policy of this node refuses it%s.", v.name(), why)
		d.Settle = "a policy that allows it, or a trace from another node"
	case e.Ended == EndedRunning:
		d.Sentence = fmt.Sprintf("No probe has been sent to %s yet.", v.name())
	case state == Unresolved && e.Ended == EndedFailed:
		d.Sentence = fmt.Sprintf("%s was not traced: no address to send to%s.", v.name(), why)
		d.Settle = "an address in place of the name, or a resolver that knows it"
	default:
		d.Sentence = fmt.Sprintf("%s was not traced: no probe was sent%s.", v.name(), why)
		d.Settle = "another trace once the node can send"
	}
}

// clean is R1: no loss at the target, whatever the middle shows.
func (v *view) clean(d *Verdict) {
	n := v.target.Sent
	d.Rules = append(d.Rules, "R1")
	limited, silent := v.middle()
	if limited > 0 {
		d.Rules = append(d.Rules, "R3")
	}
	if silent > 0 {
		d.Rules = append(d.Rules, "R6")
	}
	switch {
	case n >= manyProbes:
		d.Grade = Certain
	case n >= someProbes:
		d.Grade = Likely
	}
	if n < someProbes {
		d.Rules = append(d.Rules, "R13")
		d.Settle = fmt.Sprintf("%d more probes to the target", someProbes-n)
	}
	if n < fewProbes {
		d.Sentence = fmt.Sprintf("Too few probes: %s answered %s.", v.name(), ofN(n, n, ""))
		if v.target.Pending > 0 && n == 0 {
			d.Sentence = fmt.Sprintf("No answer from %s yet.", v.name())
		}
		return
	}
	d.Class = Clean
	d.Sentence = fmt.Sprintf("%s lost none of %d probes (95 %% interval 0 to %s %%).", v.name(), n, percent(d.Loss.High))
	if late := v.target.Late; late > 0 {
		d.Sentence += fmt.Sprintf(" %s answered after the deadline.", plural(late, "probe"))
	}
	switch {
	case limited == 1:
		i := slices.Index(v.limited, true)
		at := v.endName(LinkEnd{TTL: i + 1, Addr: v.e.latest(&v.e.Hops[i].Series)})
		d.Class = RateLimitOnly
		d.Sentence += fmt.Sprintf(" The loss at %s is its own limit on answers: harmless.", at)
	case limited > 1:
		d.Class = RateLimitOnly
		d.Sentence += fmt.Sprintf(" The losses at %d hops before it are their own limits on answers: harmless.", limited)
	}
}

// middle counts the hops before the target that limit their answers, and
// those that never answered.
func (v *view) middle() (limited, silent int) {
	for i, s := range v.hops {
		switch {
		case i == v.end():
		case v.limited[i]:
			limited++
		case s.Answered == 0 && s.Sent > 0:
			silent++
		}
	}
	return limited, silent
}

// lossy is R2 and R4: the target's own figure is the true one; the hops
// before it only say where the loss begins.
func (v *view) lossy(d *Verdict) {
	t := v.target
	d.Sentence = fmt.Sprintf("%s lost %s%s.", v.name(), counted(d.Loss), v.when())
	if t.Late > 0 {
		d.Sentence += fmt.Sprintf(" %s more answered after the deadline.", plural(t.Late, "probe"))
	}
	d.Class = RealLoss
	d.Rules = append(d.Rules, "R2")
	if limited, _ := v.middle(); limited > 0 {
		d.Rules = append(d.Rules, "R4")
	}
	switch {
	case t.Lost >= manyLost && t.Sent >= someProbes && d.Loss.Low >= sureLoss:
		d.Grade = Certain
	case t.Lost >= someLost:
		d.Grade = Likely
	default:
		d.Rules = append(d.Rules, "R13")
		d.Settle = fmt.Sprintf("more probes while it lasts: %d lost of %d is little", t.Lost, t.Sent)
	}
	p, ok := v.locate()
	if v.e.Target.Protocol == "udp" && !(ok && p.to <= v.end()) && !v.wentDark() {
		// All that a UDP probe gets from a host is "port unreachable", and
		// hosts limit those: Linux to about one a second for each peer.
		d.Class, d.Grade, d.Rules = NotProven, Weak, []string{"R3"}
		d.Sentence += " But a host limits the answers that UDP probes get, and no hop before it shows the same loss."
		d.Settle = "a trace with ICMP or TCP"
		return
	}
	if !ok {
		if v.e.Target.Protocol == "tcp" {
			d.Rules = append(d.Rules, "R10")
		}
		d.Sentence += " Where it begins cannot be told from these samples."
		d.settle("the trace from the other end")
		return
	}
	d.Link = v.link(p)
	sure := "begins"
	if !p.firm && d.Grade == Certain {
		d.Grade = Likely
	}
	if d.Grade != Certain {
		sure = "probably begins"
	}
	d.Sentence += fmt.Sprintf(" It %s between %s and %s, there or on the way back", sure, v.endName(d.Link.From), v.endName(d.Link.To))
	if p.to == v.end()+1 {
		d.Sentence += ", or at the target itself"
	}
	d.Sentence += "."
	d.settle("the trace from the other end")
}

func (d *Verdict) settle(what string) {
	if d.Settle == "" {
		d.Settle = what
	}
}

// wentDark says that the target answered nothing at all for longer than
// any limit on answers explains.
func (v *view) wentDark() bool {
	first, n := 0.0, 0
	for i := range len(v.series.Answer) {
		switch {
		case v.series.Answer[i] == AnswerPending:
		case !isLost(v.series.Answer[i]):
			n = 0
		case n == 0:
			first, n = v.series.TxMS[i], 1
		default:
			n++
			if n >= silentProbes && v.series.TxMS[i]-first >= silentSpell {
				return true
			}
		}
	}
	return false
}
