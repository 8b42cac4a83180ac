package main

import (
	"crypto/x509"
	"encoding/json"
	"io"
	"log"
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
	for _, args := range [][]string{{"doctor", "-c", "0"}, {"doctor", "http://%"}, {"doctor", "ftp://127.0.0.1"}} {
		if _, errOut, code := call(t, args...); code != exitUsage {
			t.Errorf("%v: exit %d, %s", args, code, errOut)
		}
	}
}

// TestDoctorAsksWhereTold: at the path that is given, and by TLS where the URL says so.
func TestDoctorAsksWhereTold(t *testing.T) {
	answer := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/live/" || r.URL.Query().Get("EIO") != "4" {
			http.NotFound(w, r)
			return
		}
		w.Write([]byte(`0{"sid":"x"}`))
	})
	plain, secure := httptest.NewServer(answer), httptest.NewTLSServer(answer)
	defer plain.Close()
	defer secure.Close()
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	trusted := x509.NewCertPool()
	trusted.AddCert(secure.Certificate())
	for _, tc := range []struct {
		url, path string
		roots     *x509.CertPool
		level     doctor.Level
		text      string
	}{
		{plain.URL, "/live/", nil, doctor.OK, `speaks Engine.IO: {"sid"`},
		{plain.URL, "live/", nil, doctor.OK, "speaks Engine.IO"},
		{plain.URL, "/socket.io/", nil, doctor.Note, "at /socket.io/ it answers 404"},
		{secure.URL, "/live/", trusted, doctor.Problem, "speaks Engine.IO by TLS, which no scenario does"},
		{strings.Replace(secure.URL, "https:", "wss:", 1), "/socket.io/", trusted, doctor.Note, "404"},
		{secure.URL, "/live/", nil, doctor.Problem, "certificate"},
	} {
		f, _, err := askServer(t.Context(), tc.url, tc.path, tc.roots)
		if err != nil || f.Level != tc.level || !strings.Contains(f.Text, tc.text) {
			t.Errorf("%s %s: %v, %+v", tc.url, tc.path, err, f)
		}
	}
	if out, _, _ := call(t, "doctor", plain.URL, "--path", "/live/", "-c", "10"); !strings.Contains(out, "speaks Engine.IO") {
		t.Error(out)
	}
}
