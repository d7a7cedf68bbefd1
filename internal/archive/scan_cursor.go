package archive

import "unicode/utf8"

// A cursor walks through a line.
type cursor struct {
	b       []byte
	i       int
	escaped bool
}

// lit takes what must stand here.
func (c *cursor) lit(s string) bool {
	if len(c.b)-c.i < len(s) || string(c.b[c.i:c.i+len(s)]) != s {
		return false
	}
	c.i += len(s)
	return true
}

func (c *cursor) take(n int, into *[]byte) bool {
	if len(c.b)-c.i < n {
		return false
	}
	*into = c.b[c.i : c.i+n : c.i+n]
	c.i += n
	return true
}

// What a byte is inside a JSON string.
const (
	plainByte = iota
	quoteByte
	backslashByte
	controlByte
	wideByte // part of a character beyond ASCII
)

var byteClass = func() (t [256]uint8) {
	for i := range t {
		switch {
		case i == '"':
			t[i] = quoteByte
		case i == '\\':
			t[i] = backslashByte
		case i < ' ':
			t[i] = controlByte
		case i >= utf8.RuneSelf:
			t[i] = wideByte
		}
	}
	return t
}()

// str takes the rest of a string, whose first quote has been taken, and the
// quote at its end.
func (c *cursor) str(into *[]byte) bool {
	b, i, wide := c.b, c.i, false
	for i < len(b) {
		switch byteClass[b[i]] {
		case plainByte:
			i++
		case quoteByte:
			*into = b[c.i:i:i]
			c.i = i + 1
			return !wide || utf8.Valid(*into)
		case wideByte:
			wide = true
			i++
		case backslashByte:
			n := escapeLen(b[i:])
			if n == 0 {
				return false
			}
			c.escaped = true
			i += n
		default:
			return false
		}
	}
	return false
}

// escapeLen is how many bytes an escape has, 0 for what is none. Those of
// UTF-16 halves are left to encoding/json, which knows what to make of one
// without the other.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if r, ok := hex4(b[2:]); ok && (r < 0xd800 || r > 0xdfff) {
			return 6
		}
	}
	return 0
}

func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	return r, true
}

// appendUnquoted adds what a string means that cursor.str has taken.
func appendUnquoted(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			dst = append(dst, s[i])
			continue
		}
		i++
		switch s[i] {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, _ := hex4(s[i+1:])
			dst = utf8.AppendRune(dst, r)
			i += 4
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}

// optStr takes a key with a string, where it stands here.
func (c *cursor) optStr(key string, into *[]byte) bool { return !c.lit(key) || c.str(into) }

// optTags takes an object of strings that has at least one.
func (c *cursor) optTags(key string, into *[]byte) bool {
	from := c.i + len(key) - 1
	if !c.lit(key) {
		return true
	}
	var raw []byte
	for {
		if !c.lit(`"`) || !c.str(&raw) || !c.lit(`:"`) || !c.str(&raw) {
			return false
		}
		if c.lit(`}`) {
			*into = c.b[from:c.i:c.i]
			return true
		}
		if !c.lit(`,`) {
			return false
		}
	}
}

// optInt takes a key with a number of at most nine digits.
func (c *cursor) optInt(key string, into *int32) bool {
	if !c.lit(key) {
		return true
	}
	v, from := int32(0), c.i
	for c.i < len(c.b) && c.b[c.i] >= '0' && c.b[c.i] <= '9' {
		if c.i-from == 9 {
			return false
		}
		v = v*10 + int32(c.b[c.i]-'0')
		c.i++
	}
	n := c.i - from
	if n == 0 || n > 1 && c.b[from] == '0' || c.i == len(c.b) || c.b[c.i] != ',' {
		return false
	}
	*into = v
	return true
}

// optNumber takes a key with a number that is no monster: 7.8.
func (c *cursor) optNumber(key string, into *[]byte) bool {
	if !c.lit(key) {
		return true
	}
	from := c.i
	c.lit("-")
	whole := c.digits()
	if whole == 0 || whole > 1 && c.b[c.i-whole] == '0' {
		return false
	}
	part := 0
	if c.lit(".") {
		if part = c.digits(); part == 0 {
			return false
		}
	}
	*into = c.b[from:c.i:c.i]
	return whole+part <= 18 && c.i < len(c.b) && c.b[c.i] == ','
}

func (c *cursor) digits() int {
	from := c.i
	for c.i < len(c.b) && c.b[c.i] >= '0' && c.b[c.i] <= '9' {
		c.i++
	}
	return c.i - from
}
