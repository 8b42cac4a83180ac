package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/e6a90ca8/sio/bench/doctor"
)

func TestDoctor(t *testing.T) {
	s := server(t, nil)
	page := httptest.NewServer(http.NotFoundHandler())
	defer page.Close()
	for _, tc := range []struct {
		url   string
		level doctor.Level
		text  string
	}{
		{s.URL, doctor.OK, `speaks Engine.IO: {"`},
		{strings.TrimPrefix(s.URL, "http://127.0.0.1"), doctor.OK, "connects in "},
		{page.URL, doctor.Note, "404 Not Found"},
		{":1", doctor.Problem, "connection refused"},
	} {
		out, errOut, code := call(t, "doctor", tc.url, "-c", "10", "-j", "-")
		var findings []doctor.Finding
		if err := json.Unmarshal([]byte(out), &findings); err != nil {
			t.Fatalf("%v: %s%s", err, out, errOut)
		}
		f := findings[0]
		if f.Name != "server" || f.Level != tc.level || !strings.Contains(f.Text, tc.text) || tc.level == doctor.Problem && code != exitErrors {
			t.Errorf("%s: exit %d, %+v", tc.url, code, f)
		}
	}
	out, _, code := call(t, "doctor", "-c", "1000000000")
	if code != exitErrors || !strings.Contains(out, "problem  descriptors") || !strings.Contains(out, "→ ") || !strings.Contains(out, " problems, ") {
		t.Errorf("exit %d\n%s", code, out)
	}
	for _, args := range [][]string{{"doctor", "-c", "0"}, {"doctor", "http://%"}} {
		if _, errOut, code := call(t, args...); code != exitUsage {
			t.Errorf("%v: exit %d, %s", args, code, errOut)
		}
	}
}
