package spool_test

import "strconv"

func itoa(n int) string { return strconv.Itoa(n) }

func runChild(string) int { return 0 }
