package lab

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// args are the words of a change behind its name. The first fault is kept in err.
type args struct {
	net    *Net
	values map[string]string
	target int // -1: not given
	rest   []string
	err    error
}

func (a *args) parse(words []string) error {
	a.values = map[string]string{}
	known := []string{"router", "ttl", "target", "link", "rate", "burst", "labels", "members"}
	for _, w := range words {
		key, value, ok := strings.Cut(w, "=")
		switch {
		case !ok:
			a.rest = append(a.rest, w)
		case !slices.Contains(known, key):
			return fmt.Errorf("unknown key %q", key)
		default:
			a.values[key] = value
		}
	}
	if _, ok := a.values["target"]; ok {
		a.target = a.index("target", a.net.Targets())
	}
	return a.err
}

// number is a value that may be absent.
func (a *args) number(key string, otherwise int) int {
	s, ok := a.values[key]
	if !ok {
		return otherwise
	}
	v, err := strconv.Atoi(s)
	if err != nil || v < 0 {
		a.err = fmt.Errorf("%s=%s is no number", key, s)
	}
	return v
}

// index is a number below count.
func (a *args) index(key string, count int) int {
	v := a.number(key, 0)
	if v >= count {
		a.err = fmt.Errorf("%s=%d: there are %d, counted from 0", key, v, count)
		return 0
	}
	return v
}

// ttl is the TTL asked for on the path of the target, 0 if none.
func (a *args) ttl(highest int) int {
	ttl := a.number("ttl", 0)
	if _, ok := a.values["ttl"]; ok && (ttl < 1 || ttl > highest) {
		a.err = fmt.Errorf("ttl=%s: want 1 to %d", a.values["ttl"], highest)
		return 0
	}
	return ttl
}

func (a *args) routerID() RouterID {
	if _, ok := a.values["router"]; ok {
		return RouterID(a.index("router", a.net.Routers()))
	}
	t := a.net.Target(max(0, a.target))
	if ttl := a.ttl(t.TTL() - 1); ttl > 0 {
		return t.Router(ttl)
	}
	a.missing("router=ID or ttl=N")
	return 0
}

func (a *args) linkID() LinkID {
	if _, ok := a.values["link"]; ok {
		return LinkID(a.index("link", a.net.Links()))
	}
	t := a.net.Target(max(0, a.target))
	if ttl := a.ttl(t.TTL()); ttl > 0 {
		return t.Link(ttl)
	}
	if a.target >= 0 {
		return t.Path.Last
	}
	a.missing("link=ID, ttl=N or target=T")
	return 0
}

func (a *args) missing(what string) {
	if a.err == nil {
		a.err = fmt.Errorf("want %s", what)
	}
}

// word takes the next plain word, "" if there is none.
func (a *args) word() string {
	if len(a.rest) == 0 {
		return ""
	}
	w := a.rest[0]
	a.rest = a.rest[1:]
	return w
}

func (a *args) direction() Direction {
	i := -1
	if len(a.rest) > 0 {
		i = slices.Index([]string{"forward", "backward", "both"}, a.rest[0])
	}
	if i < 0 {
		return Both
	}
	a.word()
	return Direction(i + 1)
}

func (a *args) percent() float64 {
	w := a.word()
	v, err := strconv.ParseFloat(strings.TrimSuffix(w, "%"), 64)
	if err != nil || !strings.HasSuffix(w, "%") || !(v >= 0 && v <= 100) {
		a.missing(fmt.Sprintf("0%% to 100%% instead of %q", w))
	}
	return v
}

func (a *args) duration() time.Duration {
	w := a.word()
	d, err := time.ParseDuration(w)
	if err != nil || d < 0 {
		a.missing(fmt.Sprintf("a duration such as 20ms instead of %q", w))
	}
	return d
}

func (a *args) protocols() Protocols {
	var p Protocols
	for _, name := range strings.Split(a.word(), "+") {
		i := slices.Index([]string{"icmp", "udp", "tcp"}, name)
		if i < 0 {
			a.missing(fmt.Sprintf("icmp, udp, tcp or icmp+udp instead of %q", name))
			return 0
		}
		p |= 1 << i
	}
	return p
}
