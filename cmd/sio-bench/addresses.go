package main

import (
	"fmt"
	"net/netip"
	"strings"
)

// maxAddresses bounds what --source names, blocks spelled out.
const maxAddresses = 1 << 16

// addresses reads addresses and blocks of them. Of an IPv4 block the first and the
// last address, which name the network and all of it, are left out, unless it has
// no others.
func addresses(texts []string) (list []netip.Addr, err error) {
	for _, text := range texts {
		if !strings.Contains(text, "/") {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, err
			}
			list = append(list, addr)
			continue
		}
		block, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, err
		}
		host := block.Addr().BitLen() - block.Bits()
		if host > 16 {
			return nil, fmt.Errorf("%s has more than %d addresses", text, maxAddresses)
		}
		first := len(list)
		for addr := block.Masked().Addr(); addr.IsValid() && block.Contains(addr); addr = addr.Next() {
			list = append(list, addr)
		}
		if block.Addr().Is4() && host > 1 {
			list = append(list[:first], list[first+1:len(list)-1]...)
		}
	}
	if len(list) > maxAddresses {
		return nil, fmt.Errorf("%d addresses: more than %d", len(list), maxAddresses)
	}
	return list, nil
}
