package loop

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
)

// listeners are addresses that can be listened on.
type listeners []listener

type listener struct {
	network string // "tcp" or "unix"
	addr    net.Addr
	spelled string // the address as gnet is told it
}

// listenable checks that each address can be listened on, and finds a port where none
// is given.
//
// The check matters: to share a port among its loops gnet sets SO_REUSEPORT, with
// which a second server of the same user takes the port of the first without an
// error, and half of its connections.
func listenable(addrs []string) (listeners, error) {
	var list listeners
	for _, a := range addrs {
		network, addr, ok := strings.Cut(a, "://")
		if !ok {
			network, addr = "tcp", a
		}
		if addr == "" {
			return nil, fmt.Errorf("sio: listen %q: no address", a) // net.Listen takes it for any port
		}
		switch network {
		case "tcp", "tcp4", "tcp6":
		case "unix":
			if info, err := os.Lstat(addr); err == nil {
				if info.Mode()&os.ModeSocket == 0 {
					return nil, fmt.Errorf("sio: listen unix %s: not a socket", addr)
				}
				if c, err := net.Dial("unix", addr); err == nil {
					_ = c.Close()
					return nil, fmt.Errorf("sio: listen unix %s: somebody listens there already", addr)
				}
				_ = os.Remove(addr) // left behind by a process that is gone
			}
			list = append(list, listener{"unix", &net.UnixAddr{Name: addr, Net: "unix"}, addr})
			continue
		default:
			return nil, fmt.Errorf("sio: listen %s: unknown network %q", a, network)
		}
		probe, err := net.Listen(network, addr)
		if err != nil {
			return nil, fmt.Errorf("sio: %w", err)
		}
		list = append(list, listener{network, probe.Addr(), spell(probe.Addr())})
		_ = probe.Close()
	}
	return list, nil
}

// spell leaves out the host "::": gnet takes it for IPv6 only, and no host for both.
func spell(a net.Addr) string {
	if t, ok := a.(*net.TCPAddr); ok && t.IP.Equal(net.IPv6unspecified) {
		return ":" + strconv.Itoa(t.Port)
	}
	return a.String()
}

func (l listeners) addrs() []net.Addr {
	var a []net.Addr
	for _, x := range l {
		a = append(a, x.addr)
	}
	return a
}

func (l listeners) text() []string {
	var t []string
	for _, x := range l {
		t = append(t, x.addr.String())
	}
	return t
}

func (l listeners) gnet() []string {
	var t []string
	for _, x := range l {
		t = append(t, x.network+"://"+x.spelled)
	}
	return t
}

func (l listeners) unix() bool {
	for _, x := range l {
		if x.network == "unix" {
			return true
		}
	}
	return false
}

// Addrs are the addresses listened on, with the ports that were found. It is nil
// until Run has checked them; wait for Started.
func (g *Group) Addrs() []net.Addr {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.addrs
}
