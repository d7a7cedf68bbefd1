package archive

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"
)

// FuzzIndex reads strangers' lines: nothing panics, no entry points out of
// its day, and the quick look at an ID finds what the whole decode finds.
func FuzzIndex(f *testing.F) {
	day := Date{2026, 11, 23}
	at := time.Date(2026, 11, 23, 14, 5, 32, 0, time.UTC)
	for _, target := range []string{"203.0.113.7", "2001:db8::7", "gone.example.net"} {
		r := makeReport(f, at, 1, target)
		file := fileName(at, dirName(r.Evidence.Target.Address, target), r.Evidence.ID)
		line, err := appendLine(nil, entriesOf(r, day, file, time.UTC)[0], "")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(line)
	}
	f.Add([]byte(`{"schema":1,"generation":"01KAR1AAAA0000000000000000","day":"2026-11-23"}` + "\n{\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := eachLine(bytes.NewReader(data), func(line []byte) error {
			parseHeader(line)
			parseMonthEntry(line, "2026-11")
			e, ok := parseEntry(line, day)
			id, quick := lineID(line, day)
			if ok && (!quick || id != e.ID) && json.Valid(line) && bytes.Count(line, []byte(`"id"`)) == 1 {
				t.Errorf("the quick look finds %v %v, the decode %v in %q", id, quick, e.ID, line)
			}
			if ok {
				p, ok := parseName(day, e.File)
				if !ok || fileName(p.at, p.target, p.id) != e.File {
					t.Errorf("%q is taken for a file of the day", e.File)
				}
				if _, err := appendLine(nil, e, ""); err != nil {
					t.Error(err)
				}
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}
