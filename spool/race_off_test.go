//go:build !race

package spool_test

const everyNthStep = 1
