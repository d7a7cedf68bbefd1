package report

import (
	"math"
	"time"
)

// ownMachine: a machine that loses packets to itself, or does not run,
// measures nothing.
func (v *incidentView) ownMachine(d *Verdict) bool {
	for _, c := range v.inc.Canaries {
		if c.Kind != CanaryLoopback || !c.Known || c.Lost == 0 {
			continue
		}
		own := Stats{Lost: c.Lost, Sent: c.Sent}.Interval()
		d.Class, d.Rules = MeasurementFault, []string{"R12"}
		d.Grade = byCounts(own)
		v.what(d)
		v.tell(d, "inc.loopback", v.lang.counted(own, "ping"))
		if v.loss != nil && v.meanwhile(&c).High < v.loss.Low {
			d.Grade = Weak
			v.tell(d, "inc.loopback.less")
		}
		d.Settle = v.lang.Say("inc.loopback.settle")
		return true
	}
	n := v.inStalls()
	if n == 0 {
		return false
	}
	d.Class, d.Grade, d.Rules = MeasurementFault, Likely, []string{"R12"}
	if n >= manyLost {
		d.Grade = Certain
	}
	v.what(d)
	v.tell(d, "inc.stalled", v.stalled())
	d.Settle = v.lang.Say("stall.settle")
	return true
}

// inStalls counts the lost pings where every one of them left in a stall,
// or up to a second before one, and so had nobody to hear its answer; 0:
// some did not.
func (v *incidentView) inStalls() int {
	if len(v.inc.Host.Stalls) == 0 {
		return 0
	}
	stalled := func(at time.Time) bool {
		for _, s := range v.inc.Host.Stalls {
			from := s.At.Add(-time.Duration(s.MS)*time.Millisecond - time.Second)
			if !at.Before(from) && !at.After(s.At) {
				return true
			}
		}
		return false
	}
	n := 0
	for i := range v.inc.Members {
		m := &v.inc.Members[i]
		for _, p := range []*Pings{&m.Pings, m.Burst, m.Dense} {
			if p == nil {
				continue
			}
			if p.Skipped > 0 {
				return 0
			}
			for j := range len(p.Answer) {
				if !pingLost(p.Answer[j]) || p.at(j).Before(m.Began) {
					continue
				}
				if !stalled(p.at(j)) {
					return 0
				}
				n++
			}
		}
	}
	return n
}

// stalled is "2 times, 3.4 s together".
func (v *incidentView) stalled() string {
	ms := int64(0)
	for _, s := range v.inc.Host.Stalls {
		ms += s.MS
	}
	return v.lang.Say("inc.stalls", v.lang.count(len(v.inc.Host.Stalls), "time"), v.lang.lasting(time.Duration(ms)*time.Millisecond))
}

// ownNetwork is R14: the gateway loses too. A gateway that lost so much
// less than the targets that it cannot explain them is not the cause.
func (v *incidentView) ownNetwork(d *Verdict) bool {
	c, l := v.gateway()
	switch {
	case c == nil, v.loss != nil && v.meanwhile(c).High < v.loss.Low:
		return false
	case v.lost() == 0 && l.Lost < someLost:
		return false // a lost packet or two make no target slower
	}
	d.Class, d.Rules = OwnNetwork, []string{"R14"}
	d.Grade = byCounts(l)
	if l.Lost < someLost {
		d.Rules = append(d.Rules, "R13")
	}
	d.Link = &Link{To: LinkEnd{TTL: 1, Addr: plain(c.Addr)}}
	v.what(d)
	v.tell(d, "inc.gateway", c.name(), v.lang.counted(l, "ping"))
	d.Settle = v.lang.Say("own.gateway.settle")
	return true
}

// meanwhile is a canary's loss while the trouble lasted. Its counts go on
// up to the end of the incident, a clean minute later, so that its share
// of loss is less than the targets' even where it was as silent as they:
// only the pings that fall into the trouble count.
func (v *incidentView) meanwhile(c *Canary) *Loss {
	end, _ := v.inc.until()
	whole, part := v.inc.upTo().Sub(v.inc.Times.Began), end.Sub(v.inc.Times.Began)
	sent := c.Sent
	if whole > 0 && part >= 0 && part < whole {
		sent = max(c.Lost, int(math.Ceil(float64(c.Sent)*float64(part)/float64(whole))))
	}
	return Stats{Lost: c.Lost, Sent: sent}.Interval()
}

// gateway is the gateway that lost most, of those known to answer; nil:
// none lost anything.
func (v *incidentView) gateway() (*Canary, *Loss) {
	var worst *Canary
	more := func(a, b *Canary) bool { // as float64: the product of two counts can be more than an int holds
		return float64(a.Lost)*float64(b.Sent) > float64(b.Lost)*float64(a.Sent)
	}
	for i := range v.inc.Canaries {
		c := &v.inc.Canaries[i]
		if c.Kind == CanaryGateway && c.Known && c.Lost > 0 && (worst == nil || more(c, worst)) {
			worst = c
		}
	}
	if worst == nil {
		return nil, nil
	}
	return worst, Stats{Lost: worst.Lost, Sent: worst.Sent}.Interval()
}
