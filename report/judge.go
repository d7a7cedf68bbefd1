package report

import (
	"slices"
	"strings"
)

// How many probes to the target, and how many lost, a grade wants.
const (
	fewProbes    = 3   // below: nothing can be said
	someProbes   = 20  // a clean target is likely clean
	manyProbes   = 100 // … certainly: at most 3.6 % of loss can hide
	someLost     = 3   // a loss is likely
	manyLost     = 5   // … certain, of someProbes and at least 5 % for sure
	sureLoss     = 5.0 // percent: Loss.Low
	silentSpell  = 3000
	silentProbes = 10
)

// Around is what a verdict may rest on beside the report itself.
type Around struct {
	Lang    Lang    // of sentences; "" is English
	Reverse *Report // the trace from the other end, of the same minutes; nil: not at hand

	bare bool // no round-trip times in the figures of hops: a verdict needs none
}

// Judge says what the evidence shows. It is pure: the same evidence
// gives the same verdict, and whatever shows a report may judge it anew.
//
// The first line that holds gives the class:
//
//	nothing sent, no route, refused                        not-proven
//	target silent, the same routers in turn                routing-loop
//	target silent, answers another protocol, or was        target-filters
//	  never known to answer and the hop before it does
//	target silent, known to answer                         real-loss
//	its losses left where this program stood still         measurement-fault
//	its losses had no route on this machine                own-network
//	fewer losses than lines lose at random (proven), and
//	  the watchdog lost packets until the trace began      recovered
//	  other routers than before                            path-changed
//	  its round-trip time rose, or is above the usual      latency
//	  none at all                                          clean, rate-limit-only
//	  one or two                                           not-proven
//	answers at an even pace, whatever it is asked          rate-limit-only
//	the same routers in turn while packets are lost        routing-loop
//	losses that begin before the first router              own-network
//	else                                                   real-loss
//
// Loss is what the target shows, never what a hop in the middle does.
func Judge(e *Evidence) Verdict { return JudgeWith(e, Around{}) }

// JudgeIn is Judge with sentences in another language.
func JudgeIn(e *Evidence, lang Lang) Verdict { return JudgeWith(e, Around{Lang: lang}) }

// JudgeWith is Judge with all that is at hand.
func JudgeWith(e *Evidence, a Around) Verdict {
	a.bare = true
	return lookWith(e, a).judge()
}

func (v *view) judge() Verdict {
	d := Verdict{Class: NotProven, Grade: Weak, Rules: []string{}, Loss: v.target.Interval(), RulesVersion: RulesVersion}
	switch v.e.state() {
	case Reached:
		v.reached(&d)
	case Forbidden, Unresolved, Unprobed:
		v.untraced(&d)
	case NoRoute:
		v.tell(&d, "noroute", v.name())
		d.Settle = v.lang.Say("noroute.settle")
	case Unreachable:
		v.unreachable(&d)
	default:
		v.silent(&d)
	}
	v.spellsOf(&d)
	v.uncertain(&d)
	return d
}

// tell adds a sentence to a verdict.
func (v *view) tell(d *Verdict, key string, args ...any) {
	d.Sentence = v.lang.join(d.Sentence, v.lang.Say(key, args...))
	v.told = append(v.told, key)
}

// said tells whether the verdict has one of these sentences.
func (v *view) said(keys ...string) bool {
	return slices.ContainsFunc(v.told, func(key string) bool { return slices.Contains(keys, key) })
}

// rule adds rules to a verdict, each once.
func (d *Verdict) rule(rules ...string) {
	for _, r := range rules {
		if !slices.Contains(d.Rules, r) {
			d.Rules = append(d.Rules, r)
		}
	}
}

// name is the target for a sentence.
func (v *view) name() string {
	t := v.e.Target
	asked := Printable(t.Asked)
	if !t.Address.IsValid() {
		if asked == "" {
			return v.lang.Say("name.target")
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
		why = v.lang.Say("untraced.why", strings.TrimRight(Printable(e.Error), ". "))
	}
	switch state := e.state(); {
	case state == Forbidden:
		v.tell(d, "untraced.refused", v.name(), why)
		d.Settle = v.lang.Say("untraced.refused.settle")
	case e.Ended == EndedRunning:
		v.tell(d, "untraced.yet", v.name())
	case state == Unresolved && e.Ended == EndedFailed:
		v.tell(d, "untraced.name", v.name(), why)
		d.Settle = v.lang.Say("untraced.name.settle")
	default:
		v.tell(d, "untraced.unsent", v.name(), why)
		d.Settle = v.lang.Say("untraced.unsent.settle")
	}
}

// reached is what a target that answered shows.
func (v *view) reached(d *Verdict) {
	t := v.target
	switch {
	case v.ownMachine(d):
	case t.Sent < fewProbes:
		v.tooFew(d)
	case !proven(t.Lost, t.Sent):
		v.harmless(d)
	case v.paced(d):
	case v.looping(d):
	default:
		v.lossy(d)
	}
}

// tooFew is R13: next to no probe to the target has been answered or lost.
func (v *view) tooFew(d *Verdict) {
	n := v.target.Sent
	d.rule("R13")
	d.Settle = v.lang.Say("settle.more", v.lang.count(someProbes-n, "more"))
	if v.target.Pending > 0 && n == 0 {
		v.tell(d, "none.yet", v.name())
		return
	}
	v.tell(d, "few", v.name(), v.lang.of(v.target.Answered, n, "probe"))
}

// harmless is what there is to say of a target that lost nothing, or no more
// than lines lose at random.
func (v *view) harmless(d *Verdict) {
	n := v.target.Sent
	if v.target.Lost == 0 {
		d.rule("R1")
		v.tell(d, "clean", v.name(), v.lang.count(n, "probe"), percent(d.Loss.High))
	} else {
		d.rule("R13")
		v.tell(d, "chance", v.name(), v.lang.counted(d.Loss, "probe"), v.when())
	}
	if late := v.target.Late; late > 0 {
		v.tell(d, "late", v.lang.count(late, "probe"))
	}
	switch {
	case n >= manyProbes:
		d.Grade = Certain
	case n >= someProbes:
		d.Grade = Likely
	}
	special := v.watched(d) || v.moved(d) || v.slower(d)
	if special {
		if n < someProbes {
			d.rule("R13")
		}
		return
	}
	if v.target.Lost > 0 {
		d.Grade = Weak
		d.Settle = v.lang.Say("chance.settle", v.lang.count(wanted(v.target.Lost, n), "more"))
		return
	}
	v.clean(d)
}

// clean is R1: no loss at the target, whatever the middle shows.
func (v *view) clean(d *Verdict) {
	n := v.target.Sent
	d.Class = Clean
	limited, silent := v.middle()
	if limited > 0 {
		d.rule("R3")
	}
	if silent > 0 {
		d.rule("R6")
	}
	if n < someProbes {
		d.rule("R13")
		d.Settle = v.lang.Say("settle.more", v.lang.count(someProbes-n, "more"))
	}
	switch {
	case limited == 1:
		i := slices.Index(v.limited, true)
		d.Class = RateLimitOnly
		v.tell(d, "limited.one", v.endName(LinkEnd{TTL: i + 1, Addr: v.e.latest(&v.e.Hops[i].Series)}))
	case limited > 1:
		d.Class = RateLimitOnly
		v.tell(d, "limited", limited)
	}
	v.unclear(d)
	v.testLimits(d)
	v.asUsual(d)
}

// unclear names the hops that lost probes before a target that lost none, but
// fewer than Fisher's test tells from chance (R1, R13).
func (v *view) unclear(d *Verdict) {
	const most = 4 // are named one by one
	var hops []string
	n, one := 0, 0
	for i, s := range v.hops {
		if i == v.end() || v.limited[i] || s.Answered == 0 || s.Lost == 0 {
			continue
		}
		if n, one = n+1, i; n <= most {
			hops = append(hops, v.lang.Say("unclear.hop", i+1, v.lang.of(s.Lost, s.Sent, "probe")))
		}
	}
	switch {
	case n == 1:
		s := v.hops[one]
		v.tell(d, "unclear.one", v.endName(LinkEnd{TTL: one + 1, Addr: v.e.latest(&v.e.Hops[one].Series)}), v.lang.of(s.Lost, s.Sent, "probe"))
	case n > most:
		hops = append(hops, "…")
		fallthrough
	case n > 1:
		v.tell(d, "unclear", n, strings.Join(hops, v.lang.Say("comma")))
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

func (d *Verdict) settle(what string) {
	if d.Settle == "" {
		d.Settle = what
	}
}
