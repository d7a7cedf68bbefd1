package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtrq/mtrq/internal/config"
	"github.com/mtrq/mtrq/internal/host"
)

// watches says whether [watch] names anything, so that what only the
// watchdog needs is no fault of a node without one.
func watches(cfg *config.Config) bool {
	w := cfg.Watch
	return len(w.Targets)+len(w.Files)+len(w.URLs)+len(w.Groups) > 0
}

// checkPingSockets opens what confirms a loss: ICMP sockets of our own,
// apart from those of mtr-packet. Nothing is sent.
func checkPingSockets(cfg *config.Config) finding {
	f := finding{what: "ping sockets", text: "ICMP datagram sockets can be opened"}
	err := openSocket(unix.AF_INET, unix.SOCK_DGRAM, unix.IPPROTO_ICMP)
	err6 := openSocket(unix.AF_INET6, unix.SOCK_DGRAM, unix.IPPROTO_ICMPV6)
	if err == nil && (err6 == nil || noFamily(err6)) {
		if err6 != nil {
			f.text += ", for IPv4; the kernel has no IPv6"
		}
		return f
	}
	if err == nil {
		err = err6
	}
	f.warn = true
	raw := openSocket(unix.AF_INET, unix.SOCK_RAW, unix.IPPROTO_ICMP)
	if raw == nil && !noFamily(err6) {
		raw = openSocket(unix.AF_INET6, unix.SOCK_RAW, unix.IPPROTO_ICMPV6)
	}
	const opened = `sysctl -w net.ipv4.ping_group_range="0 2147483647" (contrib/systemd/sysctl.conf keeps it)`
	if raw == nil {
		f.text = fmt.Sprintf("ICMP datagram sockets cannot be opened (%v); raw ones can, of which at most 200 are used at once", err)
		f.do = opened
		return f
	}
	f.text = fmt.Sprintf("neither ICMP datagram sockets (%v) nor raw ones (%v) can be opened: a loss cannot be confirmed", err, raw)
	f.do = opened + "\nor run as root, or give the service AmbientCapabilities=CAP_NET_RAW"
	if watches(cfg) {
		f.err = errors.New(f.text)
	}
	return f
}

func openSocket(family, kind, proto int) error {
	fd, err := unix.Socket(family, kind|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// noFamily says that the kernel knows no such addresses at all.
func noFamily(err error) bool { return errors.Is(err, unix.EAFNOSUPPORT) }

// checkWatch counts what [watch] itself names. That max_pps is enough for
// those was checked with the file; what lists will bring is unknown here.
func checkWatch(ctx context.Context, cfg *config.Config) finding {
	w := cfg.Watch
	f := finding{what: "watch"}
	if !watches(cfg) {
		f.text = "no targets: nothing is watched"
		return f
	}
	n, pps := len(w.Targets), perSecond(len(w.Targets), w.Interval)
	for _, g := range w.Groups {
		interval := g.Interval
		if interval == 0 {
			interval = w.Interval
		}
		n, pps = n+len(g.Targets), pps+perSecond(len(g.Targets), interval)
	}
	asked := strconv.FormatFloat(math.Ceil(pps*10)/10, 'f', -1, 64)
	f.text = fmt.Sprintf("%s in the configuration: %s of at most %d pings a second (max_pps)", count(n, "target"), asked, w.MaxPPS)
	var lists []string
	if len(w.Files) > 0 {
		lists = append(lists, count(len(w.Files), "file or directory", "files or directories"))
	}
	if len(w.URLs) > 0 {
		lists = append(lists, count(len(w.URLs), "URL"))
	}
	if len(lists) == 0 {
		return f
	}
	left := int(max(0, float64(w.MaxPPS)-pps) * time.Duration(w.Interval).Seconds())
	f.text += fmt.Sprintf("; room for %d more from %s", left, strings.Join(lists, " and "))
	if left == 0 {
		f.warn, f.do = true, "raise [watch] max_pps, or lengthen interval"
	}
	if faults := listFaults(ctx, cfg); len(faults) > 0 {
		f.err, f.do = errors.New(printable(strings.Join(faults, "; "))), "what these should name is not watched, or as it last could be read"
	}
	return f
}

func perSecond(targets int, interval config.Duration) float64 {
	return float64(targets) / time.Duration(interval).Seconds()
}

// count is "1 target", "2 targets".
func count(n int, one string, more ...string) string {
	switch {
	case n == 1:
		return "1 " + one
	case len(more) > 0:
		return fmt.Sprintf("%d %s", n, more[0])
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// checkGateway finds the routers whose silence says that a loss is in this
// network. They are not asked here: nothing is sent beyond loopback.
func checkGateway(cfg *config.Config) finding {
	f := finding{what: "gateway"}
	r := &host.Reader{}
	var addrs []string
	for _, a := range r.Gateways() {
		addrs = append(addrs, a.String())
	}
	if len(addrs) > 0 {
		f.text = strings.Join(addrs, ", ")
		return f
	}
	f.text = "none: there is no default route"
	if routes := r.Snapshot().Routes; routes == nil {
		f.text = "unknown: the kernel does not say its routes"
	} else if len(routes) > 0 {
		f.text = "none that can be pinged: " + strings.Join(routes, ", ")
	}
	if watches(cfg) {
		f.warn, f.do = true, "a loss in this network cannot be told from one further away;\na target nearby, such as a switch, in [watch] targets shows it"
	}
	return f
}
