package main

import (
	"testing"

	"github.com/e6a90ca8/sio"
	"github.com/e6a90ca8/sio/examples/mount/app"
	"github.com/e6a90ca8/sio/examples/mount/apptest"
)

func TestRoutes(t *testing.T) {
	srv, err := app.New(sio.Options{})
	if err != nil {
		t.Fatal(err)
	}
	apptest.Check(t, routes(srv), srv)
}
