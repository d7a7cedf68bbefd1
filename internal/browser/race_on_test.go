//go:build race

package browser

// raceFlags build the program as the tests are built.
var raceFlags = []string{"-race"}
