package main

import (
	"net/netip"
	"testing"

	"github.com/mtrq/mtrq/internal/config"
)

func TestAdviseBridges(t *testing.T) {
	prefix := netip.MustParsePrefix
	docker := bridge{"docker0", []netip.Prefix{prefix("172.17.0.1/16")}}
	podman := bridge{"podman0", []netip.Prefix{prefix("10.88.0.1/16"), prefix("fd00::1/64")}}
	local := config.Default().Serve
	for _, tt := range []struct {
		name    string
		listen  []string
		allow   []netip.Prefix
		bridges []bridge
		want    string // of the lines; "": nothing to say
	}{
		{"no containers", local.Listen, local.AllowFrom, nil, ""},
		{"a bridge without an address", local.Listen, local.AllowFrom, []bridge{{"docker0", nil}}, ""},
		{"the default", local.Listen, local.AllowFrom, []bridge{docker},
			`listen = ["127.0.0.1:8081", "172.17.0.1:8081"]` + "\n" + `allow_from = ["127.0.0.0/8", "::1/128", "172.17.0.0/16"]`},
		{"two, and another port", []string{"127.0.0.1:9000"}, local.AllowFrom, []bridge{docker, podman},
			`listen = ["127.0.0.1:9000", "172.17.0.1:9000", "10.88.0.1:9000", "[fd00::1]:9000"]` + "\n" + `allow_from = ["127.0.0.0/8", "::1/128", "172.17.0.0/16", "10.88.0.0/16", "fd00::/64"]`},
		{"done already", []string{"127.0.0.1:8081", "172.17.0.1:8081"}, []netip.Prefix{prefix("172.16.0.0/12")}, []bridge{docker}, ""},
		{"listens everywhere, allows nobody else", []string{":8081"}, local.AllowFrom, []bridge{docker},
			`listen = [":8081"]` + "\n" + `allow_from = ["127.0.0.0/8", "::1/128", "172.17.0.0/16"]`},
		{"listens everywhere with TLS alone", []string{"127.0.0.1:8081", "tls:0.0.0.0:8443"}, []netip.Prefix{prefix("172.17.0.0/16")}, []bridge{docker},
			`listen = ["127.0.0.1:8081", "tls:0.0.0.0:8443", "172.17.0.1:8081"]` + "\n" + `allow_from = ["172.17.0.0/16"]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f, ok := adviseBridges(config.Serve{Listen: tt.listen, AllowFrom: tt.allow}, tt.bridges)
			if ok != (tt.want != "") || f.do != tt.want {
				t.Errorf("got %t:\n%s\nwant:\n%s", ok, f.do, tt.want)
			}
		})
	}
}
