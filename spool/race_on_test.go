//go:build race

package spool_test

// A life takes five times as long with the race detector, so every sixth of
// its system calls must do; without it, all are tried.
const everyNthStep = 6
