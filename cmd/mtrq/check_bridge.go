package main

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"github.com/mtrq/mtrq/internal/config"
)

// bridge is a network of containers on this machine.
type bridge struct {
	name     string
	prefixes []netip.Prefix // this machine's addresses in it, with their length
}

// checkBridges finds networks of containers, which cannot reach the
// host's loopback, and prints what lets them ask for traces.
func checkBridges(cfg *config.Config) []finding {
	ifs, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var found []bridge
	for _, i := range ifs {
		if !isBridge(i.Name) {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		b := bridge{name: i.Name}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLinkLocalUnicast() {
				b.prefixes = append(b.prefixes, p)
			}
		}
		found = append(found, b)
	}
	if f, ok := adviseBridges(cfg.Serve, found); ok {
		return []finding{f}
	}
	return nil
}

// isBridge knows the names that Docker, Podman, CNI and others give.
func isBridge(name string) bool {
	return slices.ContainsFunc([]string{"docker", "br-", "podman", "cni", "nerdctl", "lxdbr", "incusbr"}, func(p string) bool { return strings.HasPrefix(name, p) })
}

// adviseBridges says what is missing in [serve], in the two lines as
// they then stand whole.
func adviseBridges(v config.Serve, bridges []bridge) (finding, bool) {
	listen, allow := slices.Clone(v.Listen), slices.Clone(v.AllowFrom)
	var names []string
	for _, b := range bridges {
		missing := false
		for _, p := range b.prefixes {
			if !listensOn(listen, p.Addr()) {
				listen, missing = append(listen, netip.AddrPortFrom(p.Addr(), portOf(v.Listen)).String()), true
			}
			if net := p.Masked(); !slices.ContainsFunc(allow, func(a netip.Prefix) bool { return a.Bits() <= net.Bits() && a.Contains(net.Addr()) }) {
				allow, missing = append(allow, net), true
			}
		}
		if missing {
			names = append(names, b.name)
		}
	}
	if len(names) == 0 {
		return finding{}, false
	}
	return finding{
		what: "containers", warn: true,
		text: fmt.Sprintf("those on %s cannot reach this host's loopback; to let them ask for traces, put into [serve]:", strings.Join(names, ", ")),
		do:   "listen = " + tomlList(listen) + "\nallow_from = " + tomlList(allow),
	}, true
}

// listensOn says whether a plain listener serves this address.
func listensOn(listen []string, addr netip.Addr) bool {
	return slices.ContainsFunc(listen, func(l string) bool {
		host, _, err := net.SplitHostPort(l)
		if err != nil || strings.HasPrefix(l, "tls:") {
			return false
		}
		if host == "" || host == "::" {
			return true
		}
		a, err := netip.ParseAddr(host)
		return err == nil && (a == addr || a == netip.IPv4Unspecified() && addr.Is4())
	})
}

// portOf is the port that this node is known by.
func portOf(listen []string) uint16 {
	for _, l := range listen {
		if ap, err := netip.ParseAddrPort(l); err == nil && ap.Port() != 0 {
			return ap.Port()
		}
	}
	return 8081
}

func tomlList[T any](items []T) string {
	out := make([]string, len(items))
	for i, it := range items {
		out[i] = fmt.Sprintf("%q", fmt.Sprint(it))
	}
	return "[" + strings.Join(out, ", ") + "]"
}
