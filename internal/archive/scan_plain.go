package archive

import (
	"time"

	"github.com/oklog/ulid/v2"
)

// two reads a number of two digits.
func two(b []byte, into *int) bool {
	if len(b) < 2 || b[0] < '0' || b[0] > '9' || b[1] < '0' || b[1] > '9' {
		return false
	}
	*into = int(b[0]-'0')*10 + int(b[1]-'0')
	return true
}

// plainTime reads "2026-11-23T14:05:32.123456+08:00" of the years 1970 to
// 2199.
func plainTime(b []byte, ns *int64) bool {
	var century, year, month, day, hour, minute, second int
	if len(b) < len("2026-11-23T14:05:32Z") || !two(b, &century) || !two(b[2:], &year) || b[4] != '-' || !two(b[5:], &month) || b[7] != '-' || !two(b[8:], &day) ||
		b[10] != 'T' || !two(b[11:], &hour) || b[13] != ':' || !two(b[14:], &minute) || b[16] != ':' || !two(b[17:], &second) {
		return false
	}
	year += century * 100
	if year < 1970 || year > 2199 || month < 1 || month > 12 || day < 1 || day > daysIn(year, month) || hour > 23 || minute > 59 || second > 59 {
		return false
	}
	b = b[19:]
	frac, unit := int64(0), int64(time.Second)
	if b[0] == '.' {
		b = b[1:]
		for len(b) > 0 && b[0] >= '0' && b[0] <= '9' && unit > 1 {
			frac, unit, b = frac*10+int64(b[0]-'0'), unit/10, b[1:]
		}
		if unit == int64(time.Second) {
			return false
		}
	}
	offset, ok := plainOffset(b)
	*ns = (int64(daysSince1970(year, month, day))*86400+int64(hour*3600+minute*60+second-offset))*int64(time.Second) + frac*unit
	return ok
}

// plainOffset reads "Z" or "+08:00", in seconds.
func plainOffset(b []byte) (int, bool) {
	if len(b) == 1 && b[0] == 'Z' {
		return 0, true
	}
	var hour, minute int
	if len(b) != len("+08:00") || b[0] != '+' && b[0] != '-' || !two(b[1:], &hour) || b[3] != ':' || !two(b[4:], &minute) || hour > 14 || minute > 59 {
		return 0, false
	}
	if b[0] == '-' {
		return -(hour*3600 + minute*60), true
	}
	return hour*3600 + minute*60, true
}

func daysIn(year, month int) int {
	switch month {
	case 2:
		if year%4 == 0 && (year%100 != 0 || year%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

// daysSince1970 counts in years that begin with March, so that the day that
// some of them lack is their last.
func daysSince1970(year, month, day int) int {
	m := month - 3
	if month < 3 {
		year, m = year-1, month+9
	}
	return 365*year + year/4 - year/100 + year/400 + (153*m+2)/5 + day - 719469
}

// plainULID reads a ULID in capitals.
func plainULID(b []byte, id *ulid.ULID) bool {
	if len(b) != ulid.EncodedSize || b[0] > '7' {
		return false
	}
	for _, c := range b {
		if !ulidByte[c] {
			return false
		}
	}
	return id.UnmarshalText(b) == nil
}

var ulidByte = func() (t [256]bool) {
	for _, c := range ulid.Encoding {
		t[c] = true
	}
	return t
}()

// plainFile is parseName where it plainly succeeds, without the time.
func plainFile(b []byte, id *ulid.ULID) bool {
	const head = len("14/140532+0800_")
	var hour, hour2, minute, second, offHour, offMinute int
	if len(b) < head+1+1+ulid.EncodedSize || b[2] != '/' || b[head-1] != '_' ||
		!two(b, &hour) || !two(b[3:], &hour2) || !two(b[5:], &minute) || !two(b[7:], &second) ||
		!two(b[10:], &offHour) || !two(b[12:], &offMinute) ||
		hour != hour2 || hour > 23 || minute > 59 || second > 59 || offHour > 14 || offMinute > 59 ||
		b[9] != '+' && (b[9] != '-' || offHour+offMinute == 0) {
		return false
	}
	split := len(b) - ulid.EncodedSize - 1
	for _, c := range b[head:split] {
		if !fileByte[c] {
			return false
		}
	}
	return b[split] == '_' && plainULID(b[split+1:], id)
}

var fileByte = func() (t [256]bool) {
	for _, c := range "abcdefghijklmnopqrstuvwxyz0123456789.-~" {
		t[c] = true
	}
	return t
}()
