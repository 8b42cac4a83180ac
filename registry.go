package sio

import "sync"

// registryParts is a power of two well above the cores of today's machines.
const registryParts = 64

// A registry is the sockets of a namespace by their id: what any goroutine may look
// up without asking a loop. Ids are random, so a byte of one picks the part.
type registry struct {
	parts [registryParts]struct {
		mu   sync.RWMutex
		byID map[string]*Socket
	}
}

func (r *registry) part(id string) int {
	if len(id) == 0 {
		return 0
	}
	return int(id[len(id)-1]) % registryParts
}

func (r *registry) add(s *Socket) {
	p := &r.parts[r.part(s.ID())]
	p.mu.Lock()
	if p.byID == nil {
		p.byID = make(map[string]*Socket)
	}
	p.byID[s.ID()] = s
	p.mu.Unlock()
}

func (r *registry) remove(s *Socket) {
	p := &r.parts[r.part(s.ID())]
	p.mu.Lock()
	if p.byID[s.ID()] == s { // a recovered socket has the id of the one before
		delete(p.byID, s.ID())
	}
	if len(p.byID) == 0 {
		p.byID = nil
	}
	p.mu.Unlock()
}

func (r *registry) find(id string) *Socket {
	p := &r.parts[r.part(id)]
	p.mu.RLock()
	s := p.byID[id]
	p.mu.RUnlock()
	return s
}

func (r *registry) len() int {
	n := 0
	for i := range r.parts {
		r.parts[i].mu.RLock()
		n += len(r.parts[i].byID)
		r.parts[i].mu.RUnlock()
	}
	return n
}

// each calls yield for the sockets, without a lock held, until it returns false. A
// socket that comes or goes meanwhile may be met or not.
func (r *registry) each(yield func(*Socket) bool) {
	var batch []*Socket
	for i := range r.parts {
		p := &r.parts[i]
		batch = batch[:0]
		p.mu.RLock()
		for _, s := range p.byID {
			batch = append(batch, s)
		}
		p.mu.RUnlock()
		for _, s := range batch {
			if !yield(s) {
				return
			}
		}
	}
}
