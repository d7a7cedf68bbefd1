package report

import "testing"

// Sentences round as tables and mtr do (printf: the nearest tenth of the
// binary value, and of two equally near ones the even one), so that one count
// has one percentage; and never some loss to none, or some answers away.
func TestPercent(t *testing.T) {
	for _, c := range []struct {
		lost, sent int
		want       string
	}{
		{0, 12, "0"}, {12, 12, "100"}, {3, 10, "30"}, {1, 3, "33.3"},
		{5, 16, "31.2"}, {1, 16, "6.2"}, {3, 16, "18.8"}, {1, 80, "1.2"}, {7, 400, "1.8"},
		{1, 3000, "<0.1"}, {2999, 3000, ">99.9"},
	} {
		if got := percent(100 * float64(c.lost) / float64(c.sent)); got != c.want {
			t.Errorf("%d of %d: got %s, want %s", c.lost, c.sent, got, c.want)
		}
	}
}

func TestWaited(t *testing.T) {
	for _, c := range []struct {
		ms   float64
		want string
	}{{0.25, "0.2 ms"}, {12, "12 ms"}, {12.25, "12.2 ms"}, {999.9, "999.9 ms"}, {1250, "1.2 s"}, {2000, "2 s"}} {
		if got := waited(c.ms); got != c.want {
			t.Errorf("%g ms: got %s, want %s", c.ms, got, c.want)
		}
	}
}
