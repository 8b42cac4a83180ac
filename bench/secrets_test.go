package bench

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/e6a90ca8/sio/bench/benchtest"
)

func TestPublicURLs(t *testing.T) {
	for text, want := range map[string]string{
		"http://127.0.0.1:3000/chat":               "http://127.0.0.1:3000/chat",
		":3000":                                    ":3000",
		"http://me:s3cret@host:1/chat":             "http://…@host:1/chat",
		"http://me:s3@cret@host:1":                 "http://…@host:1",
		"http://host:1/a@b":                        "http://host:1/a@b",
		"--redis=me:s3cret@host:1":                 "--redis=…@host:1",
		"me:s3cret@host:1":                         "…@host:1",
		"ws://host:1/?token=s3cret&room=a#x":       "ws://host:1/?token=…&room=…#x",
		"--metrics=http://me:s3cret@host:1/m":      "--metrics=http://…@host:1/m",
		`Get "http://me:s3cret@host:1/m": refused`: `Get "http://…@host:1/m": refused`,
		"{{.Row \"mail\"}}@host":                   "{{.Row \"mail\"}}@host",
	} {
		if got := PublicURLs(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestSecretsStayOut: what a URL says of a user is in no form of a result, nor what is
// set in a server's environment.
func TestSecretsStayOut(t *testing.T) {
	s, err := benchtest.New(benchtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	o := Options{Conns: 1, Duration: 20 * time.Millisecond, Warmup: -1}
	o.URL = strings.Replace(s.URL, "://", "://me:s3cret@", 1) + "?token=s3cret"
	o.Metrics = "http://me:s3cret@" + strings.TrimPrefix(s.URL, "http://") + "/nowhere"
	res, err := (&Echo{}).Run(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	matrix := &Matrix{
		Servers: []ServerSpec{childSpec("one", "serves")}, Rounds: 1, Pause: time.Millisecond,
		Cases: []Case{{Name: "a", Scenario: &Echo{}, Options: Options{Conns: 1, Duration: 20 * time.Millisecond, Warmup: -1}}},
	}
	matrix.Servers[0].Env = append(matrix.Servers[0].Env, "TOKEN=s3cret")
	all, err := matrix.Run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	for _, v := range []any{res, all} {
		if err := json.NewEncoder(&text).Encode(v); err != nil {
			t.Fatal(err)
		}
	}
	for _, err := range []error{res.WriteHTML(&text), res.WriteMarkdown(&text), all.WriteMarkdown(&text)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if i := strings.Index(text.String(), "s3cret"); i >= 0 {
		t.Errorf("a secret: %q", text.String()[max(0, i-100):i+10])
	}
	if !strings.Contains(text.String(), "TOKEN=…") {
		t.Error("the name of what is set is not there")
	}
	if matrix.Servers[0].Env[1] != "TOKEN=s3cret" {
		t.Error("the plan was changed")
	}
	matrix.Earlier = all
	if _, _, err := matrix.Plan(); err != nil {
		t.Errorf("cannot be gone on with: %v", err)
	}
}
