package sio

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/e6a90ca8/sio/session"
)

// A matcher says which names a pattern of namespaces is for.
type matcher struct {
	matches func(name string) bool               // without asking anybody: for Server.Of; false if that takes asking
	allow   func(name string, auth []byte) error // for a client; nil to use matches
	params  func(name string) map[string]string  // nil if there are none
}

// OfPattern makes a pattern of namespaces. A part of the name in braces matches
// anything but a slash, and is had by [Socket.Param]:
//
//	srv.OfPattern("/match/{id}")
//
// A namespace is made for each name that a client asks for, with the handlers of the
// pattern, also those that are registered later; see
// [Options.CleanupEmptyChildNamespaces] for how long it stays. Patterns are tried in order. What is
// sent to the pattern is sent to all its namespaces; it has no sockets of its own.
//
// The parts in braces are whole, between slashes; a name is made of ASCII letters, digits
// and underscores, and stands once. Of another pattern OfPattern panics.
func (s *Server) OfPattern(pattern string) *Namespace {
	re, err := compilePattern(slashed(pattern))
	if err != nil {
		panic(fmt.Sprintf("sio: namespace pattern %q: %v", pattern, err))
	}
	return s.addPattern(regexpMatcher(re), slashed(pattern))
}

// paramName is a name that a part of a pattern may have.
var paramName = regexp.MustCompile(`^[A-Za-z0-9_]+$`)

// compilePattern is the pattern, which begins with a slash, as a regular expression.
func compilePattern(pattern string) (*regexp.Regexp, error) {
	var expr strings.Builder
	expr.WriteString("^")
	seen := make(map[string]bool)
	for _, seg := range strings.Split(pattern[1:], "/") {
		expr.WriteString("/")
		if !strings.ContainsAny(seg, "{}") {
			expr.WriteString(regexp.QuoteMeta(seg))
			continue
		}
		name, opened := strings.CutPrefix(seg, "{")
		name, closed := strings.CutSuffix(name, "}")
		switch {
		case !opened || !closed || strings.ContainsAny(name, "{}"):
			return nil, fmt.Errorf("braces must be around a whole part, not as in %q", seg)
		case !paramName.MatchString(name):
			return nil, fmt.Errorf("%q is no name: ASCII letters, digits and underscores make one", name)
		case seen[name]:
			return nil, fmt.Errorf("the name %q stands twice", name)
		}
		seen[name] = true
		fmt.Fprintf(&expr, "(?P<%s>[^/]+)", name)
	}
	expr.WriteString("$")
	return regexp.Compile(expr.String())
}

// OfRegexp is OfPattern for names that a regular expression matches. Its named groups
// are had by [Socket.Param].
func (s *Server) OfRegexp(re *regexp.Regexp) *Namespace {
	return s.addPattern(regexpMatcher(re), re.String())
}

func regexpMatcher(re *regexp.Regexp) *matcher {
	m := &matcher{matches: re.MatchString}
	names := re.SubexpNames()
	for _, n := range names {
		if n != "" {
			m.params = func(name string) map[string]string {
				found := re.FindStringSubmatch(name)
				p := make(map[string]string)
				for i, v := range found {
					if names[i] != "" {
						p[names[i]] = v
					}
				}
				return p
			}
		}
	}
	return m
}

// OfFunc is OfPattern for names that f allows by returning nil. It is asked once for
// each name until it does, with what the first client sent to join, on the worker pool:
// it may block.
func (s *Server) OfFunc(f func(ctx context.Context, name string, auth Raw) error) *Namespace {
	return s.addPattern(&matcher{
		matches: func(string) bool { return false },
		allow: func(name string, auth []byte) error {
			ctx, cancel := context.WithTimeout(context.Background(), s.options.ConnectTimeout)
			defer cancel()
			return f(ctx, name, Raw(auth))
		},
	}, "func")
}

func (s *Server) addPattern(m *matcher, name string) *Namespace {
	n := newNamespace(s, name, nil)
	n.match = m
	s.mu.Lock()
	s.patterns = append(s.patterns, n)
	s.mu.Unlock()
	return n
}

// Children are the namespaces that were made from the pattern; nil for a namespace
// that is no pattern.
func (n *Namespace) Children() []*Namespace {
	n.server.mu.RLock()
	defer n.server.mu.RUnlock()
	return append([]*Namespace(nil), n.children...)
}

// enterNew looks for a pattern that has a namespace for the client. Loop only.
func (s *Server) enterNew(sess *session.Session, now session.Instant, name, auth string) {
	back := sess.Host()
	ok := s.dispatcher.offload(func() {
		var n *Namespace
		defer func() { // also when a function of the application has ended the goroutine
			back.Run(back.Index(), func(_ session.Host, now session.Instant) {
				switch {
				case n == nil && sess.ReadyState() == session.Open:
					s.debugInvalid(sess, name)
					sess.Deny(now, nil, name, invalidNamespace)
				case n == nil:
				case sess.ReadyState() != session.Open:
					n.tidy()
				case sess.Joining(name):
					sess.WrongState(now) // asked twice while we were asking
					n.tidy()
				case n.hold():
					s.enter(sess, now, n, auth)
				default: // made, left by somebody, and gone while we came back
					s.enterNew(sess, now, name, auth)
				}
			})
		}()
		var fresh bool
		n, fresh = s.fromPattern(name, []byte(auth))
		if fresh {
			func() {
				defer s.survive("OnNamespace")
				s.announce(n)
			}()
		} else if n != nil && n.announced != nil {
			<-n.announced
		}
	})
	if !ok {
		sess.Deny(now, nil, name, []byte(`{"message":"Server overloaded"}`))
	}
}

// fromPattern makes the namespace from the first pattern that allows the name. Of
// several goroutines one makes it.
func (s *Server) fromPattern(name string, auth []byte) (n *Namespace, fresh bool) {
	s.mu.RLock()
	n = s.namespaces[name]
	patterns := s.patterns[:len(s.patterns):len(s.patterns)]
	s.mu.RUnlock()
	if n != nil {
		return n, false
	}
	for _, p := range patterns {
		if s.allows(p.match, name, auth) {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.makeLocked(name, p)
		}
	}
	return nil, false
}

func (s *Server) allows(m *matcher, name string, auth []byte) (ok bool) {
	defer s.survive("OfFunc")
	if m.allow != nil {
		return m.allow(name, auth) == nil
	}
	return m.matches(name)
}

// hold is for a socket that comes to n: with [Options.CleanupEmptyChildNamespaces], n stays
// until it has let go. If n has gone already hold reports false, and another is to be
// looked for.
func (n *Namespace) hold() bool {
	if !n.fleeting {
		return true
	}
	for {
		users := n.users.Load()
		if users < 0 {
			return false
		}
		if n.users.CompareAndSwap(users, users+1) {
			return true
		}
	}
}

// letGo is for a socket that has ended, or was refused.
func (n *Namespace) letGo() {
	if n.fleeting && n.users.Add(-1) == 0 {
		n.forget()
	}
}

// gone reports whether n was forgotten: nobody can come to it any more.
func (n *Namespace) gone() bool { return n.fleeting && n.users.Load() < 0 }

// tidy is for a socket that did not come after all: n may have been made for it.
func (n *Namespace) tidy() {
	if n.fleeting && n.users.Load() == 0 {
		n.forget()
	}
}

// forget takes n out of the server, unless somebody has come meanwhile. Who still has it can
// go on using it: there is nobody in it, and nobody can come.
func (n *Namespace) forget() {
	s := n.server
	s.mu.Lock()
	gone := n.users.CompareAndSwap(0, -1)
	if gone {
		delete(s.namespaces, n.name)
		all := n.parent.children
		last := all[len(all)-1]
		all[n.place], last.place = last, n.place
		all[len(all)-1] = nil
		n.parent.children = all[:len(all)-1]
	}
	s.mu.Unlock()
	if l := s.debug.parent.debug; l != nil && gone {
		l.Debug("child namespace closed", "nsp", n.name, "parent", n.parent.name)
	}
}
