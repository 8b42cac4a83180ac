package main

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/e6a90ca8/sio"
)

// cors are the settings of the flag of that name.
var cors = map[string]*sio.CORS{
	"any": {},
	"list": {
		Origins: []string{"http://a.example", "null"}, OriginPatterns: []*regexp.Regexp{regexp.MustCompile(`\.b\.example$`)},
		Credentials: true,
	},
	"function": {OriginFunc: func(origin string, _ *sio.Handshake) bool { return strings.HasSuffix(origin, ".example") }},
	"all": {
		Origins: []string{"http://a.example"}, Methods: []string{"GET", "PUT", "POST"},
		AllowedHeaders: []string{"my-header", "other"}, ExposedHeaders: []string{"seen", "too"},
		Credentials: true, MaxAge: 123 * time.Second, OptionsSuccessStatus: 200,
	},
	"continue": {PreflightContinue: true},
}

// cookies are the settings of the flag cookie.
var cookies = map[string]*sio.Cookie{
	"default": {},
	"all": {
		Name: "sid", Path: "/p", Domain: "example.com", MaxAge: 86400 * time.Second,
		Expires: time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC), Scriptable: true, SameSite: http.SameSiteStrictMode,
		Secure: true, Partitioned: true,
	},
}

func named[T any](name string, all map[string]*T) (*T, error) {
	v := all[name]
	if v == nil {
		return nil, fmt.Errorf("unknown name %q", name)
	}
	return v, nil
}
