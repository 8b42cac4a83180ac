package main

import (
	"path/filepath"
	"slices"
	"strings"
)

// A client is a library that speaks Socket.IO, in one version.
type client struct {
	language string // the directory of its program
	name     string // of the library
	version  string
	flavour  string // of the library, if it has several, or ""
	revision int    // of Engine.IO's protocol
	parsers  []string

	// command is how its program is run; URL, transport, parser and tag follow.
	command []string

	// again says why its program tries a case that fails up to three times. "" if it
	// does not.
	again string
}

func (c *client) title() string {
	title := c.name + " " + c.version
	if c.flavour != "" {
		title += ", " + c.flavour
	}
	return title
}

var (
	plain    = []string{"default"}
	packed   = []string{"default", "msgpack"}
	carriers = []string{"polling", "websocket", "upgrade"}

	// doors are where sio listens: by itself, and as a handler of net/http.
	doors = []string{"own", "net/http"}
)

const (
	java1 = "1.0.2"
	java2 = "2.1.2"
)

// clients are all, each of which must run.
var clients = []client{
	javascript("4.8.4", 4, packed),
	javascript("4.0.0", 4, packed),
	javascript("3.1.3", 4, packed),
	javascript("2.5.0", 3, plain),
	javascript("1.7.4", 3, plain),
	python("asyncio"),
	python("threads"),
	java(java2, 4),
	java(java1, 3),
	{
		language: "rust", name: "rust_socketio", version: "0.6.0", revision: 4, parsers: plain,
		command: []string{"rust/target/debug/sio-matrix"},
	},
	{
		language: "go", name: "github.com/karagenc/socket.io-go", version: "v0.1.0", revision: 4, parsers: plain,
		command: []string{"build/go-client"},
		again:   "it loses packets while it upgrades and closes",
	},
}

func javascript(version string, revision int, parsers []string) client {
	return client{
		language: "js", name: "socket.io-client", version: version, revision: revision, parsers: parsers,
		command: []string{"node", "js/client.mjs", version},
	}
}

func python(flavour string) client {
	return client{
		language: "python", name: "python-socketio", version: "5.18.1", flavour: flavour, revision: 4, parsers: plain,
		command: []string{"python/venv/bin/python", "python/client.py", flavour},
		again:   "when it closes while the answer to a POST is on its way, it does not send what it has to",
	}
}

func java(version string, revision int) client {
	return client{
		language: "java", name: "io.socket:socket.io-client", version: version, revision: revision, parsers: plain,
		command: []string{"java", "-cp", javaPath(version), "Matrix"},
	}
}

// engineOf is the version of io.socket:engine.io-client that a version of
// io.socket:socket.io-client needs.
var engineOf = map[string]string{java1: "1.0.2", java2: "2.1.0"}

// javaPath is the class path of a version: its classes and its jars.
func javaPath(version string) string {
	path := []string{"build/java-" + version}
	for _, jar := range []string{"socket.io-client-" + version, "engine.io-client-" + engineOf[version], "okhttp-3.12.12", "okio-1.15.0", "json-20090211"} {
		path = append(path, "build/jars/"+jar+".jar")
	}
	return strings.Join(path, string(filepath.ListSeparator))
}

// A cell is one client over one transport through one door.
type cell struct {
	client    *client
	door      string
	parser    string
	transport string
}

func (c *cell) name() string {
	return strings.Join([]string{c.client.language, c.client.title(), c.parser, c.door, c.transport}, " | ")
}

// cells are all.
func cells() (list []cell) {
	for i := range clients {
		for _, parser := range clients[i].parsers {
			for _, door := range doors {
				for _, transport := range carriers {
					list = append(list, cell{&clients[i], door, parser, transport})
				}
			}
		}
	}
	return list
}

// languages are those of the cells, each once.
func languages(played []cell) (list []string) {
	for _, c := range played {
		if !slices.Contains(list, c.client.language) {
			list = append(list, c.client.language)
		}
	}
	return list
}
