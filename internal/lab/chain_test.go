package lab_test

import (
	"testing"

	"github.com/mtrq/mtrq/internal/lab"
)

func TestChainX(t *testing.T) {
	lab.Need(t)
	c, err := lab.StartChain(lab.ChainConfig{Routers: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	output(t, c.Space(), "mtr", "-n", "-r", "-c", "3", "-i", "0.2", c.Addr4(5).String())
	output(t, c.Space(), "mtr", "-n", "-r", "-c", "3", "-i", "0.2", c.Addr6(5).String())
	output(t, c.Space(), "traceroute", "-n", c.Addr4(5).String())
	for _, u := range []lab.Unreachable{lab.NetUnreachable, lab.HostUnreachable, lab.AdminProhibited, lab.Forwards} {
		if err := c.Refuse(3, u); err != nil {
			t.Error(err)
		}
		output(t, c.Space(), "traceroute", "-n", "-w1", "-q1", c.Addr4(5).String())
		output(t, c.Space(), "traceroute", "-6", "-n", "-w1", "-q1", c.Addr6(5).String())
	}
	if err := c.LinkDown(2, true); err != nil {
		t.Error(err)
	}
	output(t, c.Space(), "traceroute", "-n", "-w1", "-q1", "-m7", c.Addr4(5).String())
	if err := c.LinkDown(2, false); err != nil {
		t.Error(err)
	}
	output(t, c.Space(), "traceroute", "-n", "-w1", "-q1", c.Addr4(5).String())
	output(t, c.Space(), "traceroute", "-6", "-n", "-w1", "-q1", c.Addr6(5).String())
	if err := c.Loss(2, lab.Forward, 30); err != nil {
		t.Error(err)
	}
	output(t, c.Space(), "fping", "-q", "-p10", "-i1", "-t", "100", "-c300", c.Addr4(5).String())
	output(t, c.Space(), "fping", "-q", "-p10", "-i1", "-t", "100", "-c300", c.Addr4(2).String())
}
