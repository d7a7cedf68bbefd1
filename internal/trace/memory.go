package trace

import (
	"net/netip"
	"sync"
)

// memorySize bounds how many targets and names are remembered.
const memorySize = 65536

// Memory is what earlier traces of this process found: how long the path
// to a target is, and which address a name had when it last resolved.
// When it is full, something arbitrary is forgotten: memory only saves
// probes.
type Memory struct {
	mu    sync.Mutex
	paths map[netip.Addr]uint8
	names map[nameKey]netip.Addr
}

type nameKey struct{ name, family string }

// NewMemory returns an empty memory.
func NewMemory() *Memory {
	return &Memory{paths: map[netip.Addr]uint8{}, names: map[nameKey]netip.Addr{}}
}

// Path returns the TTL at which a target answered last (0: it answered,
// but at no known TTL) and whether it ever did.
func (m *Memory) Path(target netip.Addr) (length uint8, known bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	length, known = m.paths[target]
	return length, known
}

// KeepPath remembers that a target answered, and at which TTL (0: unknown).
func (m *Memory) KeepPath(target netip.Addr, length uint8) {
	m.mu.Lock()
	defer m.mu.Unlock()
	keep(m.paths, target, length)
}

func (m *Memory) name(name, family string) (netip.Addr, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	a, ok := m.names[nameKey{name, family}]
	return a, ok
}

func (m *Memory) keepName(name, family string, a netip.Addr) {
	m.mu.Lock()
	defer m.mu.Unlock()
	keep(m.names, nameKey{name, family}, a)
}

func keep[K comparable, V any](m map[K]V, k K, v V) {
	if _, there := m[k]; !there && len(m) >= memorySize {
		for old := range m {
			delete(m, old)
			break
		}
	}
	m[k] = v
}
