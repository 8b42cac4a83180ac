// Command echo mounts a Socket.IO server in an Echo instance.
package main

import (
	"flag"
	"log"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

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
	e := echo.New()
	e.Use(middleware.RequestLogger(), middleware.Recover(), middleware.Gzip(), echo.WrapMiddleware(app.Identify))
	e.Any("/socket.io/*", echo.WrapHandler(srv.Handler()))
	e.GET("/hello", func(c echo.Context) error { return c.String(http.StatusOK, "hello\n") })
	return e
}
