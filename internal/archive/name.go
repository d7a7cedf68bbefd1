package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"net/netip"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
)

// longestName is how much of a target's name a file name holds: with time,
// ULID and ending it must stay below the 255 bytes of a directory entry.
const longestName = 120

// dirName is a target as it stands in names of files and directories:
// of its address where it has one, else of the name that was asked for.
func dirName(addr netip.Addr, asked string) string {
	if addr.IsValid() {
		return strings.ReplaceAll(addr.WithZone("").Unmap().String(), ":", "-")
	}
	name := strings.ToLower(strings.TrimSuffix(asked, "."))
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' {
			return r
		}
		return -1
	}, name)
	if clean != name || clean == "" || len(name) > longestName || strings.Trim(clean, ".") == "" {
		sum := sha256.Sum256([]byte(asked))
		return clean[:min(len(clean), longestName-20)] + "~" + hex.EncodeToString(sum[:8])
	}
	if addressOf(clean).Is6() {
		return clean + "."
	}
	return clean
}

// addressOf is the address that a dirName stands for; invalid for a name.
func addressOf(name string) netip.Addr {
	if a, err := netip.ParseAddr(name); err == nil && a.Is4() {
		return a
	}
	if a, err := netip.ParseAddr(strings.ReplaceAll(name, "-", ":")); err == nil {
		return a
	}
	return netip.Addr{}
}

// hash2 spreads the targets over 256 directories.
func hash2(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:1])
}

// fileName is the path of a report below its day's directory, without
// ending: "14/140532+0800_203.0.113.7_<ULID>". The offset keeps the two
// hours of a clock set back apart.
func fileName(at time.Time, target string, id ulid.ULID) string {
	return at.Format("15/150405-0700_") + target + "_" + id.String()
}

// parsedName is what a file name says of a report.
type parsedName struct {
	id     ulid.ULID
	at     time.Time // to the second
	target string    // a dirName
}

// parseName reads a fileName of a day. It is also what keeps a "file" of
// an index line from being a path to somewhere else.
func parseName(day Date, name string) (parsedName, bool) {
	hour, rest, ok := strings.Cut(name, "/")
	if !ok || len(rest) < len("140532+0800__")+1+ulid.EncodedSize {
		return parsedName{}, false
	}
	stamp, tail := rest[:11], rest[11:]
	split := len(tail) - ulid.EncodedSize - 1
	if tail[0] != '_' || tail[split] != '_' || split < 2 {
		return parsedName{}, false
	}
	id, err := ulid.ParseStrict(tail[split+1:])
	if err != nil {
		return parsedName{}, false
	}
	at, err := time.Parse("2006-01-02 150405-0700", day.String()+" "+stamp)
	target := tail[1:split]
	strange := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '.' || r == '-' || r == '~')
	}
	// Only what fileName makes is a name: "-0000" and small letters in an
	// ULID would be a second one for the same report.
	if err != nil || strings.ContainsFunc(target, strange) || fileName(at, target, id) != hour+"/"+rest {
		return parsedName{}, false
	}
	return parsedName{id, at, target}, true
}
