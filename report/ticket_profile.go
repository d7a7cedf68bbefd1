package report

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"
)

// ErrProfile says that there is no such profile.
var ErrProfile = errors.New("no such profile")

// A Profile is what a carrier asks for; see profiles.toml.
type Profile struct {
	Key       string            `toml:"key"`
	Names     map[string]string `toml:"names"`
	Packets   int               `toml:"packets"`
	Ping      int               `toml:"ping"`
	Both      bool              `toml:"both"`
	TCP       bool              `toml:"tcp"`
	Public    bool              `toml:"public"`
	Private   bool              `toml:"private"`
	Circuit   bool              `toml:"circuit"`
	Customer  bool              `toml:"customer"`
	Contact   bool              `toml:"contact"`
	Beijing   bool              `toml:"beijing"`
	DestFirst bool              `toml:"dest_first"`
	Chat      bool              `toml:"chat"`
}

//go:embed profiles.toml
var profileFile []byte

var profiles = sync.OnceValue(func() []Profile {
	var f struct {
		Profile []Profile `toml:"profile"`
	}
	if err := toml.Unmarshal(profileFile, &f); err != nil {
		panic(err) // no test would have passed
	}
	return f.Profile
})

// Profiles are all profiles, the one for who names none first.
func Profiles() []Profile { return slices.Clone(profiles()) }

// FindProfile finds a profile by its key; "" is the first.
func FindProfile(key string) (Profile, error) {
	var keys []string
	for _, p := range profiles() {
		if key == p.Key || key == "" {
			return p, nil
		}
		keys = append(keys, p.Key)
	}
	return Profile{}, fmt.Errorf("%w as %q: there are %s", ErrProfile, key, strings.Join(keys, ", "))
}

// Name is what the carrier is called in a language.
func (p Profile) Name(l Lang) string {
	if n := p.Names[string(l)]; n != "" {
		return n
	}
	return p.Names[string(English)]
}
