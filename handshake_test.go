package sio

import (
	"errors"
	"maps"
	"testing"

	"github.com/e6a90ca8/sio/session"
)

// TestHandshakeErrorContext (H15, H17): what each code and name comes with. INVALID_ORIGIN
// is shown here alone: the request reader refuses such a field before it can be looked at.
func TestHandshakeErrorContext(t *testing.T) {
	for _, tc := range []struct {
		failure session.Failure
		want    map[string]string
	}{
		{session.Failure{Code: session.CodeTransport, Detail: "abc"}, map[string]string{"transport": "abc"}},
		{session.Failure{Code: session.CodeSID, Detail: "abc"}, map[string]string{"sid": "abc"}},
		{session.Failure{Code: session.CodeMethod, Detail: "PUT"}, map[string]string{"method": "PUT"}},
		{session.Failure{Code: session.CodeRequest, Name: "INVALID_ORIGIN", Detail: "a\x01"}, map[string]string{"name": "INVALID_ORIGIN", "origin": "a\x01"}},
		{session.Failure{Code: session.CodeRequest, Name: "TRANSPORT_MISMATCH", Detail: "polling", Was: "websocket"},
			map[string]string{"name": "TRANSPORT_MISMATCH", "transport": "polling", "previousTransport": "websocket"}},
		{session.Failure{Code: session.CodeRequest, Name: "TRANSPORT_HANDSHAKE_ERROR"}, map[string]string{"name": "TRANSPORT_HANDSHAKE_ERROR"}},
		{session.Failure{Code: session.CodeRequest, Name: "PROTOCOL_MISMATCH", Detail: "3", Was: "4"},
			map[string]string{"name": "PROTOCOL_MISMATCH", "protocol": "3", "previousProtocol": "4"}},
		{session.Failure{Code: session.CodeRequest, Name: "ID_GENERATION_ERROR", Err: errors.New("none left")},
			map[string]string{"name": "ID_GENERATION_ERROR", "error": "none left"}},
		{session.Failure{Code: session.CodeForbidden, Message: "no"}, map[string]string{"message": "no"}},
		{session.Failure{Code: session.CodeProtocol, Detail: "3"}, map[string]string{"protocol": "3"}},
	} {
		e := newHandshakeError(&session.Request{}, &tc.failure)
		if e.Code != tc.failure.Code || !maps.Equal(e.Context, tc.want) {
			t.Errorf("%+v: code %d, context %v", tc.failure, e.Code, e.Context)
		}
	}
}
