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

// site serves the page, and the client's bundle below /client/: everything on the port
// that is not Socket.IO.
func site(client fs.FS) http.Handler {
	root, err := fs.Sub(files, "page")
	if err != nil {
		panic(err) // the name is the one embedded above
	}
	mux := http.NewServeMux()
	mux.Handle("GET /", http.FileServerFS(root))
	mux.HandleFunc("GET /client/{file}", func(w http.ResponseWriter, r *http.Request) {
		// Asked for each time: it may be installed while the server runs.
		if _, err := fs.Stat(client, bundle); err != nil {
			http.Error(w, "The official client is missing: "+howToInstall+".", http.StatusNotFound)
			return
		}
		http.ServeFileFS(w, r, client, r.PathValue("file"))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache") // embedded files have no time to compare
		mux.ServeHTTP(w, r)
	})
}
