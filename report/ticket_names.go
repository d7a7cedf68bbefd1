package report

import (
	"fmt"
	"net/netip"
	"slices"
)

// Names is what local data and DNS say of addresses: a snapshot, made for one
// rendering. The zero value knows nothing, and says so.
type Names struct {
	Of      map[netip.Addr]Named
	Missing []NamesLack
}

// Named is what is known of an address. What is not is zero.
type Named struct {
	Name string // of reverse DNS; printable
	AS   uint32
	Org  string // of the AS; printable
}

// NamesLack is why names or AS numbers are missing.
type NamesLack struct {
	Kind   LackKind
	Detail string // a path, an error; may be empty
}

// LackKind is what is missing of Names.
type LackKind string

const (
	LackDatabase LackKind = "no-database" // none is configured
	LackRead     LackKind = "bad-database"
	LackDNS      LackKind = "dns" // some look-ups had no answer in time
	LackNoDNS    LackKind = "no-dns"
)

// as is "AS64500 Example Networks", "-" where it is not known.
func (n Names) as(a netip.Addr) string {
	x, ok := n.Of[a]
	switch {
	case !ok || x.AS == 0:
		return "-"
	case x.Org == "":
		return fmt.Sprintf("AS%d", x.AS)
	}
	return fmt.Sprintf("AS%d %s", x.AS, short(Printable(x.Org), 60))
}

// asNumber is as without the name, for a table.
func (n Names) asNumber(a netip.Addr) string {
	if x := n.Of[a]; x.AS > 0 {
		return fmt.Sprintf("AS%d", x.AS)
	}
	return "-"
}

// host is an address as mtr -z has it, with its name behind it: "AS64500
// 198.18.0.5  core1.example.net". mtr's own word for what it does not know is
// "AS???".
func (n Names) host(a netip.Addr) string {
	as, who := n.asNumber(a), "???"
	if as == "-" {
		as = "AS???"
	}
	if a.IsValid() {
		who = a.String()
	}
	if name := n.name(a); name != "" {
		who += "  " + name
	}
	return fmt.Sprintf("%-12s %s", as, who) // AS4294967295
}

// Text is what is missing, in a few words.
func (k NamesLack) Text(l Lang) string {
	switch k.Kind {
	case LackDatabase:
		return l.Say("ticket.lack.database")
	case LackRead:
		return l.Say("ticket.lack.read", Printable(k.Detail))
	case LackNoDNS:
		return l.Say("ticket.lack.nodns")
	}
	return l.Say("ticket.lack.dns")
}

// onNames says that it is names that are missing, not AS numbers.
func (k NamesLack) onNames() bool { return k.Kind == LackDNS || k.Kind == LackNoDNS }

func (n Names) name(a netip.Addr) string { return short(Printable(n.Of[a].Name), maxHostName) }

// Addresses are all addresses of a report that a rendering may name: hops,
// target, node.
func (r *Report) Addresses() []netip.Addr {
	e := &r.Evidence
	all := append(slices.Clone(e.Addresses), e.Target.Address, e.Node.Address, e.Node.Source)
	return distinct(all)
}

func distinct(all []netip.Addr) []netip.Addr {
	var out []netip.Addr
	seen := make(map[netip.Addr]bool, len(all))
	for _, a := range all {
		if a.IsValid() && !seen[a] {
			seen[a] = true
			out = append(out, a)
		}
	}
	return out
}
