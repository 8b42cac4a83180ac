// Command fiber has a Socket.IO server and a fiber application on one port. fiber stands on
// fasthttp and cannot hand connections over, so it is the Socket.IO server that listens, and
// fiber that gets all other requests, by fiber's adaptor for net/http.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/gofiber/fiber/v3"
	"github.com/gofiber/fiber/v3/middleware/adaptor"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/examples/mount/app"
)

func main() {
	addr := flag.String("addr", ":3000", "where to listen")
	flag.Parse()
	srv, err := newServer()
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	log.Printf("http://localhost%s", *addr)
	if err := srv.Run(ctx, *addr); err != nil {
		log.Fatal(err)
	}
}

func newServer() (*sio.Server, error) {
	pages := fiber.New()
	pages.Get("/hello", func(c fiber.Ctx) error { return c.SendString("hello\n") })
	return app.New(sio.Options{
		Handler: adaptor.FiberApp(pages),
		HTTP:    []func(http.Handler) http.Handler{app.Identify},
	})
}
