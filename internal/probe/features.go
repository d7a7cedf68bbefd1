package probe

// Features is what an mtr-packet says of itself in answer to check-support.
type Features struct {
	Version string // "0.95"
	names   []string
}

// features are the questions that are asked of each new process, in the
// order in which Names lists them.
var featureNames = [...]string{"ip-4", "ip-6", "icmp", "udp", "tcp", "mark"}

// Has says whether a feature of check-support is there: "ip-6", "tcp", …
func (f Features) Has(name string) bool {
	for _, n := range f.names {
		if n == name {
			return true
		}
	}
	return false
}

// Names lists the features that are there.
func (f Features) Names() []string { return append([]string(nil), f.names...) }
