package client

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// packet makes a Socket.IO packet for a namespace, in its Engine.IO message.
func packet(namespace string, digit byte, payload []byte) []byte {
	return append([]byte(Prefix(namespace, digit, 0)), payload...)
}

// Prefix is what stands before the acknowledgement id and the JSON of an event
// that is sent to [Config.Namespace]; see the function of the same name.
func (c *Config) Prefix(digit byte, attachments int) string {
	return Prefix(c.Namespace, digit, attachments)
}

// Prefix is what stands before the acknowledgement id and the JSON of an event
// that is sent to namespace, for a packet of the type digit: "42", "42/ns,",
// and with attachments "451-/ns,".
func Prefix(namespace string, digit byte, attachments int) string {
	b := []byte{'4', digit}
	if attachments > 0 {
		b = append(strconv.AppendInt(b, int64(attachments), 10), '-')
	}
	if namespace != "/" {
		b = append(append(b, namespace...), ',')
	}
	return string(b)
}

// CheckNamespace says whether a session can be in a namespace of this name.
func CheckNamespace(name string) error {
	switch {
	case !strings.HasPrefix(name, "/"):
		return fmt.Errorf("namespace %q: must begin with a slash", name)
	case strings.ContainsAny(name, ",\x1e"):
		return fmt.Errorf("namespace %q: no comma may stand in it", name)
	}
	return nil
}

// lookUp finds the address of u's host, an IPv4 one if there is.
func lookUp(u *url.URL) (netip.AddrPort, error) {
	port := uint64(80)
	if text := u.Port(); text != "" {
		var err error
		if port, err = strconv.ParseUint(text, 10, 16); err != nil || port == 0 {
			return netip.AddrPort{}, fmt.Errorf("port %q: must be 1 to 65535", text)
		}
	}
	if addr, err := netip.ParseAddr(u.Hostname()); err == nil {
		return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
	}
	ips, err := net.LookupIP(u.Hostname())
	if err != nil {
		return netip.AddrPort{}, err
	}
	slices.SortStableFunc(ips, func(a, b net.IP) int { return len(b.To4()) - len(a.To4()) })
	for _, ip := range ips {
		if addr, ok := netip.AddrFromSlice(ip); ok {
			return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
		}
	}
	return netip.AddrPort{}, errors.New("no address for " + u.Hostname())
}
