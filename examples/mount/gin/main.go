// Command gin mounts a Socket.IO server in a gin engine.
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/examples/mount/app"
)

func main() {
	addr := flag.String("addr", ":3000", "where to listen")
	flag.Parse()
	srv, err := app.New(sio.Options{})
	if err != nil {
		log.Fatal(err)
	}
	if err := app.Serve(*addr, routes(srv), srv); err != nil {
		log.Fatal(err)
	}
}

func routes(srv *sio.Server) http.Handler {
	r := gin.New()
	r.Use(gin.Logger(), gin.Recovery())
	r.Any("/socket.io/*any", gin.WrapH(app.Identify(srv.Handler())))
	r.GET("/hello", func(c *gin.Context) { c.String(http.StatusOK, "hello\n") })
	return r
}
