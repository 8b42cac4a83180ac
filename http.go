package sio

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/e6a90ca8/sio/codec/http1"
	"github.com/e6a90ca8/sio/session"
)

// CORS lets browsers give pages of other origins what the server answers. It says so in
// every response to a request for the server's path, refusals included, and answers
// preflights; only upgrades that are refused, and requests that cannot be read, have none
// of it. An origin that may not is served like others: it is the browser that keeps the
// answer from the page. None does so for WebSockets: a page of an origin that may not, and
// that is not the server's own by the Host field, cannot open one, see ForeignWebSockets.
// Nor does any for JSONP. To refuse other clients, see [Options.AllowRequest].
//
// The zero value lets all origins. What is sent when is the npm package cors's. Node:
// cors.
type CORS struct {
	// Origins are those that may, each as browsers send it: "https://play.example", with
	// the port if it is not the usual one and without a slash at the end. nil, or "*" alone,
	// with no other of these three fields set: any; an empty list that is not nil: none. Node:
	// cors.origin, a list.
	Origins []string
	// OriginPatterns let further origins. They are searched for: anchor them, or
	// "play\.example" lets "https://play.example.evil", too. Node: cors.origin, with regular
	// expressions.
	OriginPatterns []*regexp.Regexp
	// OriginFunc decides instead of the two above; origin is empty if the request has none.
	// For a request that it refuses it is as if there were no CORS. It is called on an event
	// loop for each request, and must not block: look origins up in a table that is kept up
	// to date elsewhere. Node: cors.origin, a function.
	OriginFunc func(origin string, h *Handshake) bool

	// Methods are told to preflights. Default GET, HEAD, PUT, PATCH, POST and DELETE. Node:
	// cors.methods.
	Methods []string
	// AllowedHeaders are the fields that requests may have. nil allows all that the browser
	// asks for; an empty list that is not nil, none. Node: cors.allowedHeaders.
	AllowedHeaders []string
	// ExposedHeaders are the fields of answers that pages may see, beyond those that they
	// always do. Node: cors.exposedHeaders.
	ExposedHeaders []string
	// Credentials lets pages send cookies, unless any origin may: browsers do not take the two
	// together, and it is not said then. Node: cors.credentials.
	Credentials bool
	// MaxAge is how long browsers may keep the answer to a preflight, in whole seconds.
	// Default: they are not told; negative: 0. Node: cors.maxAge.
	MaxAge time.Duration

	// PreflightContinue has preflights answered as if they were none, by an error of the
	// protocol, with the same fields. Node: cors.preflightContinue.
	PreflightContinue bool
	// OptionsSuccessStatus is the status of the answer to a preflight. Default 204. Node:
	// cors.optionsSuccessStatus.
	OptionsSuccessStatus int

	// ForeignWebSockets lets pages of any origin open WebSockets, with the cookies that
	// browsers have for the server, as the reference server does. Without it such a request is
	// refused with the code 4 before AllowRequest is asked. One without Origin, as other
	// clients than browsers send it, never is.
	// Default false.
	ForeignWebSockets bool
}

// compile checks the options and makes of them what loops read. k may be nil.
func (k *CORS) compile(s *Server) (*session.CORS, error) {
	if k == nil {
		return nil, nil
	}
	c := &session.CORS{
		Origins: slices.Clone(k.Origins), Patterns: slices.Clone(k.OriginPatterns), Credentials: k.Credentials,
		Methods: cmp.Or(strings.Join(k.Methods, ","), "GET,HEAD,PUT,PATCH,POST,DELETE"),
		Headers: strings.Join(k.AllowedHeaders, ","), ReflectHeaders: k.AllowedHeaders == nil,
		Exposed: strings.Join(k.ExposedHeaders, ","),
		Status:  cmp.Or(k.OptionsSuccessStatus, 204), ForeignWebSockets: k.ForeignWebSockets,
	}
	if slices.Equal(k.Origins, []string{"*"}) {
		c.Origins, c.Patterns = nil, nil
		if len(k.OriginPatterns) > 0 {
			return nil, errors.New(`sio: CORS: "*" stands alone`)
		}
	}
	for _, o := range c.Origins {
		if o == "*" {
			return nil, errors.New(`sio: CORS: "*" stands alone`)
		}
		if o == "" || !http1.ValidFieldValue(o) {
			return nil, fmt.Errorf("sio: CORS: %q is not an origin", o)
		}
	}
	if slices.Contains(c.Patterns, nil) {
		return nil, errors.New("sio: CORS: a pattern is nil")
	}
	for _, list := range [][]string{k.Methods, k.AllowedHeaders, k.ExposedHeaders} {
		for _, name := range list {
			if !http1.ValidFieldName(name) {
				return nil, fmt.Errorf("sio: CORS: %q is not the name of a method or field", name)
			}
		}
	}
	if k.MaxAge != 0 {
		c.MaxAge = strconv.FormatInt(int64(max(k.MaxAge, 0)/time.Second), 10)
	}
	if c.Status < 200 || c.Status > 299 {
		return nil, fmt.Errorf("sio: CORS: %d is not the status of a success", c.Status)
	}
	if k.PreflightContinue {
		c.Status = 0
	}
	if c.Origins == nil && c.Patterns == nil && k.OriginFunc == nil {
		c.Credentials = false
	}
	if f := k.OriginFunc; f != nil {
		if len(k.Origins)+len(k.OriginPatterns) > 0 {
			return nil, errors.New("sio: CORS: OriginFunc decides alone")
		}
		c.Judge = func(c *session.Conn, origin, head []byte) (ok bool) {
			defer s.survive("CORS.OriginFunc")
			return f(string(origin), handshakeOn(c, head))
		}
	}
	return c, nil
}

// A Cookie is a cookie that has the session id. Clients do not need it; load balancers can
// keep a session on one server by it. It is set by the first answer to a client that begins
// with polling, and by no other: a WebSocket needs no help to stay where it is. The zero
// value is the reference server's. Node: cookie.
type Cookie struct {
	// Name is the cookie's. Default "io". Node: cookie.name.
	Name string
	// Path is where browsers send it. Default "/". Node: cookie.path.
	Path string
	// NoPath leaves Path out: browsers then send it to the server's path only. Node:
	// cookie.path, false.
	NoPath bool
	// Domain, if not empty, has browsers send it to that host and those below it. Node:
	// cookie.domain.
	Domain string
	// MaxAge is how long browsers keep it, in whole seconds. Default: until they are closed;
	// negative: not at all. Node: cookie.maxAge, in seconds.
	MaxAge time.Duration
	// Expires is until when browsers keep it that do not know MaxAge. Node: cookie.expires.
	Expires time.Time
	// Scriptable lets scripts of the page see it, and whoever puts a script there: it can
	// then speak for the client. Node: cookie.httpOnly, false.
	Scriptable bool
	// SameSite says whether requests that other sites' pages cause have it. Default
	// [http.SameSiteLaxMode]; [http.SameSiteDefaultMode] leaves it to the browser. Node:
	// cookie.sameSite.
	SameSite http.SameSite
	// Secure keeps it to encrypted connections. Node: cookie.secure.
	Secure bool
	// Partitioned has browsers keep one for each site that embeds the page. Node:
	// cookie.partitioned.
	Partitioned bool
}

// hosts is what a Domain can be. Source: RFC 6265, section 4.1.1.
var hosts = regexp.MustCompile(`(?i)^\.?[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)

// compile checks the options and makes of them what loops read. k may be nil.
//
// Source: RFC 6265, section 4.1; the order of attributes is that of the npm package cookie.
func (k *Cookie) compile() (*session.Cookie, error) {
	if k == nil {
		return nil, nil
	}
	c := &session.Cookie{Name: cmp.Or(k.Name, "io")}
	if !http1.ValidFieldName(c.Name) {
		return nil, fmt.Errorf("sio: Cookie: %q is not a name", k.Name)
	}
	var b strings.Builder
	if k.MaxAge != 0 {
		fmt.Fprintf(&b, "; Max-Age=%d", max(k.MaxAge, 0)/time.Second)
	}
	if k.Domain != "" {
		if !hosts.MatchString(k.Domain) {
			return nil, fmt.Errorf("sio: Cookie: %q is not a domain", k.Domain)
		}
		b.WriteString("; Domain=" + k.Domain)
	}
	if !k.NoPath {
		path := cmp.Or(k.Path, "/")
		if strings.ContainsFunc(path, func(r rune) bool { return r < ' ' || r == ';' || r == '<' || r > '~' }) {
			return nil, fmt.Errorf("sio: Cookie: %q is not a path", path)
		}
		b.WriteString("; Path=" + path)
	}
	if !k.Expires.IsZero() {
		b.WriteString("; Expires=" + k.Expires.UTC().Format(http.TimeFormat))
	}
	for _, flag := range []struct {
		on   bool
		name string
	}{{!k.Scriptable, "; HttpOnly"}, {k.Secure, "; Secure"}, {k.Partitioned, "; Partitioned"}} {
		if flag.on {
			b.WriteString(flag.name)
		}
	}
	switch k.SameSite {
	case 0, http.SameSiteLaxMode:
		b.WriteString("; SameSite=Lax")
	case http.SameSiteStrictMode:
		b.WriteString("; SameSite=Strict")
	case http.SameSiteNoneMode:
		b.WriteString("; SameSite=None")
	case http.SameSiteDefaultMode:
	default:
		return nil, errors.New("sio: Cookie: unknown SameSite")
	}
	c.Attributes = b.String()
	return c, nil
}
