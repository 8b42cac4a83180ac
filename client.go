package sio

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"strings"
	"sync"

	"github.com/andybalholm/brotli"

	"github.com/e6a90ca8/sio/session"
)

// clientFiles are the files of [Options.Client], read and compressed when they are first
// asked for, and kept: at most eight names in four codings, each of at most maxClientFile
// bytes. Any goroutine but a loop's.
type clientFiles struct {
	files   fs.FS
	version string
	logger  *slog.Logger

	mu   sync.Mutex
	made map[string]*clientFile // by name
}

// A clientFile is one file in all its codings.
type clientFile struct {
	mu    sync.Mutex // held while it is read
	forms map[string]*session.ClientFile
}

// maxClientFile bounds a file, in bytes. The longest of the official client's has 0.3 MB.
const maxClientFile = 8 << 20

// compile checks the options and makes of them what loops read.
func compileClient(o *Options) (*session.ClientFiles, error) {
	if strings.ContainsFunc(o.ClientVersion, func(r rune) bool { return r <= ' ' || r == '"' || r > '~' }) {
		return nil, fmt.Errorf("sio: ClientVersion %q cannot stand in an ETag", o.ClientVersion)
	}
	if o.Client == nil {
		return nil, nil
	}
	c := &clientFiles{files: o.Client, version: o.ClientVersion, logger: o.Logger, made: make(map[string]*clientFile)}
	return &session.ClientFiles{Base: strings.TrimSuffix(o.Path, "/") + "/", Load: c.load}, nil
}

// load returns a file in a coding, or nil if there is none. That there is none is not
// kept: it may be put there while the server runs.
func (c *clientFiles) load(name, coding string) *session.ClientFile {
	c.mu.Lock()
	f := c.made[name]
	if f == nil {
		f = &clientFile{forms: make(map[string]*session.ClientFile)}
		c.made[name] = f
	}
	c.mu.Unlock()

	f.mu.Lock()
	defer f.mu.Unlock()
	plain := f.forms["identity"]
	if plain == nil {
		body, err := c.read(name)
		if err != nil {
			if !errors.Is(err, fs.ErrNotExist) {
				c.logger.Error("sio: file of the client", "name", name, "err", err)
			}
			return nil
		}
		plain = &session.ClientFile{Body: body, ETag: `"` + c.version + `"`}
		if c.version == "" {
			sum := sha256.Sum256(body)
			plain.ETag = `"` + base64.RawURLEncoding.EncodeToString(sum[:15]) + `"`
		}
		f.forms["identity"] = plain
	}
	form := f.forms[coding]
	if form == nil {
		form = &session.ClientFile{Body: c.encode(name, coding, plain.Body), ETag: plain.ETag}
		f.forms[coding] = form
	}
	return form
}

// encode returns a file in a coding: as it lies there, or else compressed.
func (c *clientFiles) encode(name, coding string, plain []byte) []byte {
	if suffix := map[string]string{"br": ".br", "gzip": ".gz"}[coding]; suffix != "" {
		if body, err := c.read(name + suffix); err == nil {
			return body
		}
	}
	var b bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "br":
		w = brotli.NewWriterLevel(&b, brotliLevel)
	case "gzip":
		w, _ = gzip.NewWriterLevel(&b, gzip.BestCompression) // the level is a valid one
	default:
		w, _ = zlib.NewWriterLevel(&b, zlib.BestCompression)
	}
	_, _ = w.Write(plain) // a bytes.Buffer takes everything
	_ = w.Close()
	return b.Bytes()
}

// brotliLevel takes 0.06 s for the longest file of the official client, once. The highest
// takes 0.7 s, for a tenth less.
const brotliLevel = 9

func (c *clientFiles) read(name string) ([]byte, error) {
	f, err := c.files.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	body, err := io.ReadAll(io.LimitReader(f, maxClientFile+1))
	if err == nil && len(body) > maxClientFile {
		err = fmt.Errorf("longer than %d bytes", maxClientFile)
	}
	return body, err
}
