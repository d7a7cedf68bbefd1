package web

import (
	"container/list"
	"sync"
)

// keptBytes bounds what a server keeps of what it has made: with what the
// archive keeps it stays well below 64 MB.
const keptBytes = 10 << 20

// kept keeps what was made lately, under names that change when the
// content would. It holds so many bytes and forgets what was not asked
// for longest. A body is shared: nobody may change it.
type kept struct {
	most int // bytes

	mu    sync.Mutex
	bytes int
	byAge *list.List // of *keptBody, the one asked for last in front
	named map[string]*list.Element
}

type keptBody struct {
	name string
	body []byte
	head []string // of the answer, a name and a value in turn
}

// keptOverhead is what an entry takes beside its body: list, map, name.
const keptOverhead = 256

func newKept(most int) *kept {
	return &kept{most: most, byAge: list.New(), named: map[string]*list.Element{}}
}

func (k *kept) get(name string) ([]byte, bool) {
	b, ok := k.whole(name)
	return b.body, ok
}

// whole is get with what the answer's header said.
func (k *kept) whole(name string) (keptBody, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	e, ok := k.named[name]
	if !ok {
		return keptBody{}, false
	}
	k.byAge.MoveToFront(e)
	return *e.Value.(*keptBody), true
}

// put keeps a body, unless it alone would push a quarter of all others
// out.
func (k *kept) put(name string, body []byte, head ...string) {
	size := len(body) + keptOverhead
	if size > k.most/4 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, ok := k.named[name]; ok {
		return
	}
	k.named[name] = k.byAge.PushFront(&keptBody{name, body, head})
	for k.bytes += size; k.bytes > k.most; {
		last := k.byAge.Back()
		b := k.byAge.Remove(last).(*keptBody)
		delete(k.named, b.name)
		k.bytes -= len(b.body) + keptOverhead
	}
}
