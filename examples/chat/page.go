package main

import (
	"embed"
	"io/fs"
	"net/http"
)

// bundle is the file of the official client that the page loads: an ES module, from
// npm's socket.io-client/dist.
const bundle = "socket.io.esm.min.js"

const howToInstall = "run npm ci --prefix examples/chat, then load the page again"

//go:embed page
var files embed.FS

// policy lets the page load what comes from here and nothing else, and no script that
// stands in the page: what somebody writes into a message cannot become one. Pictures
// are blobs, since they come through the socket.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// site serves the page: everything on the port that is not Socket.IO. The client's bundle
// is the server's own to serve, below /socket.io/.
func site() http.Handler {
	root, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // the name is the one embedded above
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(root))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache") // embedded files have no time to compare
		mux.ServeHTTP(w, r)
	})
}
