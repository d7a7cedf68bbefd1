package web

// A shelf is what the pages keep between requests. All of it may be
// thrown away at any time.
type shelf struct {
	kept   *kept // pages and packed bodies
	zip    packer
	making *making   // who makes pages
	hub    *hub      // tells pages that stay open what changed
	open   openList  // incidents that are open
	found  foundList // where reports were found
	brief  brief     // pages of what is so now
	past   pastList  // incidents that are over
	named  namedList // which addresses pages name

	settledOnes settledList // of them
	toldOnes    toldList    // what is said of those
}

func newShelf() *shelf {
	return &shelf{kept: newKept(keptBytes), zip: newPacker(), making: newMaking(), hub: newHub()}
}
