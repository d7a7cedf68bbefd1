package main

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// badValue is how package flag says that a value cannot be read; no more than
// "parse error" stands behind it.
var badValue = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-([^ :]+): (.*)$`)

// flagError says of a flag's value what may be written, as the configuration
// does of its keys.
func flagError(c *cli.Context, err error) error {
	m := badValue.FindStringSubmatch(err.Error())
	if m == nil {
		return err
	}
	value, unquoted := strconv.Unquote(m[1])
	f := find(c.Command, m[2])
	if f == nil {
		f = findIn(c.App.Flags, m[2])
	}
	if unquoted != nil || f == nil {
		return err
	}
	want := ""
	switch f.(type) {
	case *cli.DurationFlag:
		want = "write a number with a unit, such as 200ms, 10s or 5m"
	case *cli.IntFlag, *cli.Uint64Flag:
		want = "write a whole number"
	case *cli.Float64Flag:
		want = "write a number"
	case *cli.BoolFlag:
		want = "it takes no value"
	default:
		return err
	}
	if strings.Contains(m[3], "out of range") {
		want += " that is nearer to zero"
	}
	return fmt.Errorf("%s %s: %s", dashed(m[2]), strconv.Quote(value), want)
}

// dashed is a flag as it is typed.
func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}
