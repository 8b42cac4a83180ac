package main

import (
	"fmt"
	"strings"
	"testing"
)

func TestAddresses(t *testing.T) {
	for _, tc := range []struct {
		text, want string
		n          int
		fails      string
	}{
		{text: "", want: "[]"},
		{text: "127.0.0.1,::1", want: "[127.0.0.1 ::1]", n: 2},
		{text: "10.1.2.5/30", want: "[10.1.2.5 10.1.2.6]", n: 2},
		{text: "10.1.2.4/31,10.1.2.9/32", want: "[10.1.2.4 10.1.2.5 10.1.2.9]", n: 3},
		{text: "127.0.0.0/24", n: 254},
		{text: "fd00::/126", want: "[fd00:: fd00::1 fd00::2 fd00::3]", n: 4},
		{text: "255.255.255.254/31", want: "[255.255.255.254 255.255.255.255]", n: 2},
		{text: "127.0.0.0/8", fails: "more than"},
		{text: "10.0.0.0/16,10.1.0.0/16", fails: "more than"},
		{text: "localhost", fails: "unable to parse IP"},
		{text: "10.0.0.0/33", fails: "prefix length out of range"},
	} {
		var texts []string
		if tc.text != "" {
			texts = strings.Split(tc.text, ",")
		}
		list, err := addresses(texts)
		switch {
		case tc.fails != "":
			if err == nil || !strings.Contains(err.Error(), tc.fails) {
				t.Errorf("%s: %v, want an error about %q", tc.text, err, tc.fails)
			}
		case err != nil, len(list) != tc.n, tc.want != "" && fmt.Sprint(list) != tc.want:
			t.Errorf("%s: %v, %v; want %d, %s", tc.text, list, err, tc.n, tc.want)
		}
	}
}
