package client

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/e6a90ca8/sio/bench/internal/fill"
	"github.com/e6a90ca8/sio/codec/socketio"
)

// dress is what of a run's requests differs from client to client. It is filled
// in anew for each handshake, and comes out the same for the same client.
type dress struct {
	source  fill.Source
	query   []field // names escaped
	headers []field
	auth    *fill.Template // nil: there is none, or it is the same for all
}

type field struct {
	name  string
	value *fill.Template
}

// request makes the parameters, each behind an ampersand, and the header lines
// of the client id.
func (d *dress) request(id int) (query, headers string, err error) {
	var b strings.Builder
	for _, f := range d.query {
		value, err := f.value.Fill(&d.source, id)
		if err != nil {
			return "", "", fmt.Errorf("query %s: %w", f.name, err)
		}
		b.WriteString("&" + f.name + "=" + url.QueryEscape(value))
	}
	query = b.String()
	b.Reset()
	for _, f := range d.headers {
		value, err := f.value.Fill(&d.source, id)
		if err != nil {
			return "", "", fmt.Errorf("header %s: %w", f.name, err)
		}
		if strings.ContainsAny(value, "\r\n") {
			return "", "", fmt.Errorf("header %s: %q cannot be sent", f.name, value)
		}
		b.WriteString(f.name + ": " + value + "\r\n")
	}
	return query, b.String(), nil
}

// connect makes the auth of the client id, nil if that is none.
func (d *dress) connect(id int) ([]byte, error) {
	if d.auth == nil {
		return nil, nil
	}
	text, err := d.auth.Fill(&d.source, id)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	auth := []byte(text)
	if err := socketio.Valid(auth); err != nil || !strings.HasPrefix(strings.TrimLeft(text, " \t\r\n"), "{") {
		return nil, fmt.Errorf("auth: %q is not a JSON object", text)
	}
	return auth, nil
}

// dressed is what of the session's requests differs from others; it fails the
// session if that cannot be made.
func (s *Session) dressed() (query, headers string, ok bool) {
	d := s.env.Config.dress
	if d == nil {
		return "", "", true
	}
	query, headers, err := d.request(s.number())
	if err != nil {
		s.fail(BadTemplate, "%v", err)
		return "", "", false
	}
	return query, headers, true
}

// auth is the data of the session's CONNECT packets, empty if they have none; it
// fails the session if that cannot be made.
func (s *Session) auth() (data []byte, ok bool) {
	c := s.env.Config
	if c.dress == nil || c.dress.auth == nil {
		return c.auth, true
	}
	data, err := c.dress.connect(s.number())
	if err != nil {
		s.fail(BadTemplate, "%v", err)
		return nil, false
	}
	return data, true
}

// number is that of the client, over all processes of the run.
func (s *Session) number() int { return s.env.Config.firstID + int(s.id) }
