package config

import (
	"os"
	"strings"
	"time"
	_ "time/tzdata" // containers often come without /usr/share/zoneinfo
)

// localZone finds the IANA name of this machine's zone, and says how.
// time.Local has the rules but not the name, and days of an archive must
// still be parted at the same midnights when it is read elsewhere.
func localZone(getenv func(string) string, localtime string) (name, how string) {
	// TZ may be ":Europe/Berlin", or a path below zoneinfo (tzset(3)).
	if tz := zoneName(strings.TrimPrefix(getenv("TZ"), ":")); tz != "" {
		return tz, "TZ"
	}
	if target, err := os.Readlink(localtime); err == nil {
		if name := zoneName(target); name != "" {
			return name, localtime
		}
	}
	return "UTC", "no zone name in TZ or " + localtime
}

// zoneName takes the name from a path below zoneinfo, or a name as it is;
// empty where no such zone is known.
func zoneName(s string) string {
	if i := strings.LastIndex(s, "zoneinfo/"); i >= 0 {
		s = s[i+len("zoneinfo/"):]
	}
	s = strings.TrimPrefix(s, "posix/")
	if !knownZone(s) {
		return ""
	}
	return s
}

func knownZone(name string) bool {
	if name == "" || name == "Local" || strings.HasPrefix(name, "right/") { // "right" counts leap seconds, as no file name does
		return false
	}
	_, err := time.LoadLocation(name)
	return err == nil
}

// Location is the zone of the archive. Validate has seen that it exists.
func (a Archive) Location() (*time.Location, error) {
	return time.LoadLocation(a.Zone)
}
