package main

import (
	"context"
	"testing"

	"github.com/e6a90ca8/sio/examples/mount/apptest"
)

func TestServer(t *testing.T) {
	srv, err := newServer()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	started, ran := srv.Started(), make(chan error, 1)
	go func() { ran <- srv.Run(ctx, "127.0.0.1:0") }()
	select {
	case <-started:
	case err := <-ran:
		t.Fatal(err)
	}
	addr := srv.Addrs()[0].String()
	apptest.Clients(t, addr, "ann")
	apptest.Page(t, addr)
	stop()
	if err := <-ran; err != nil {
		t.Error(err)
	}
}
