package websocket

import (
	"strings"
	"testing"
)

func TestAppendAccept(t *testing.T) {
	// RFC 6455, section 1.3.
	if got := AppendAccept([]byte("Sec-WebSocket-Accept: "), []byte("dGhlIHNhbXBsZSBub25jZQ==")); string(got) != "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("AppendAccept = %q", got)
	}
	if got := AppendAccept(nil, []byte("dGhlIHNhbXBsZSBub25jZQ==")); len(got) != AcceptSize {
		t.Errorf("an accept key of %d bytes", len(got))
	}
	// A key that is not valid is no reason to fall over.
	if got := AppendAccept(nil, []byte(strings.Repeat("x", 1000))); len(got) != AcceptSize {
		t.Errorf("an accept key of %d bytes for a long key", len(got))
	}
}

func TestValidKey(t *testing.T) {
	for _, tc := range []struct {
		name, key string
		want      bool
	}{
		{"of the RFC", "dGhlIHNhbXBsZSBub25jZQ==", true},
		{"all of the alphabet's odd characters", "+/AZaz09+/AZaz09+/AZaz==", true},
		{"bits left over", "dGhlIHNhbXBsZSBub25jZf==", true},
		{"empty", "", false},
		{"15 bytes", "dGhlIHNhbXBsZSBub25j", false},
		{"17 bytes", "dGhlIHNhbXBsZSBub25jZWU=", false},
		{"18 bytes", "dGhlIHNhbXBsZSBub25jZWVl", false},
		{"no padding", "dGhlIHNhbXBsZSBub25jZQ", false},
		{"URL alphabet", "dGhlIHNhbXBsZSBub25j-_==", false},
		{"padding inside", "dGhlIHNhbXBsZSBub25j====", false},
		{"blank", "dGhlIHNhbXBs ZSBub25jZ==", false},
		{"line end", "dGhlIHNhbXBsZSBub25jZ\n==", false},
		{"beyond ASCII", "dGhlIHNhbXBsZSBub25j\xc3\xa9==", false},
	} {
		if got := ValidKey([]byte(tc.key)); got != tc.want {
			t.Errorf("%s: ValidKey(%q) = %v", tc.name, tc.key, got)
		}
	}
}
