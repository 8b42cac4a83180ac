//! socketioxide with the events that sio-bench drives; see the package comment of bench.
//!
//! It is a layer of an axum application on tokio's runtime for several threads, as its
//! documentation has it, and options are its defaults but for the flags. It prints
//! "listening http://127.0.0.1:PORT" when it is ready, and stops on SIGTERM.
//!
//!     --port N            port on 127.0.0.1; 0, the default, lets the system choose
//!     --for SECONDS       stop after this time; default 1800
//!     --ping-interval MS  and --ping-timeout MS, as the server has them
//!     --parser msgpack    packets in MessagePack

mod args;

use std::{io::Write, net::Ipv4Addr, process::exit, time::Duration};

use args::Args;
use axum::serve::ListenerExt;
use rmpv::Value;
use serde::{Deserialize, Serialize};
use socketioxide::{
    ParserConfig, SocketIo,
    extract::{AckSender, Data, SocketRef},
};
use tokio::{
    net::TcpSocket,
    signal::unix::{SignalKind, signal},
};

/// What clients send with the event object.
#[derive(Serialize, Deserialize)]
struct Object {
    id: i64,
    name: String,
    tags: Vec<String>,
    attrs: std::collections::BTreeMap<String, String>,
    items: Vec<Item>,
}

#[derive(Serialize, Deserialize)]
struct Item {
    id: i64,
    label: String,
    x: f64,
    y: f64,
}

/// Registers the events with a socket. A message that cannot be sent, since too many wait
/// for the client, is dropped, as in the examples of the documentation.
async fn offer(socket: SocketRef) {
    socket.on("echo", async |s: SocketRef, Data(args): Data<Args>| {
        s.emit("echo", &args).ok();
    });
    socket.on("object", async |s: SocketRef, Data(value): Data<Object>| {
        s.emit("object", &value).ok();
    });
    socket.on("ack", async |Data(args): Data<Args>, ack: AckSender| {
        ack.send(&args).ok();
    });
    socket.on("join", async |s: SocketRef, Data(room): Data<String>, ack: AckSender| {
        s.join(room);
        ack.send(&Args::default()).ok();
    });
    socket.on("leave", async |s: SocketRef, Data(room): Data<String>, ack: AckSender| {
        s.leave(room);
        ack.send(&Args::default()).ok();
    });
    socket.on(
        "broadcast",
        async |s: SocketRef, Data((room, payload)): Data<(String, Value)>| {
            s.within(room).emit("broadcast", &payload).await.ok();
        },
    );
}

/// The command line.
struct Flags {
    port: u16,
    life: Duration,
    ping_interval: Duration,
    ping_timeout: Duration,
    msgpack: bool,
}

impl Flags {
    fn parse(mut words: impl Iterator<Item = String>) -> Option<Flags> {
        let mut flags = Flags {
            port: 0,
            life: Duration::from_secs(1800),
            ping_interval: Duration::from_secs(25),
            ping_timeout: Duration::from_secs(20),
            msgpack: false,
        };
        while let Some(word) = words.next() {
            let value = words.next()?;
            match word.trim_start_matches('-') {
                "port" => flags.port = value.parse().ok()?,
                "for" => flags.life = Duration::from_secs(value.parse().ok()?),
                "ping-interval" => flags.ping_interval = Duration::from_millis(value.parse().ok()?),
                "ping-timeout" => flags.ping_timeout = Duration::from_millis(value.parse().ok()?),
                "parser" if value.is_empty() || value == "msgpack" => flags.msgpack = !value.is_empty(),
                _ => return None,
            }
        }
        Some(flags)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(flags) = Flags::parse(std::env::args().skip(1)) else {
        eprintln!("usage: [--port N] [--for SECONDS] [--ping-interval MS] [--ping-timeout MS] [--parser msgpack]");
        exit(2);
    };
    let mut builder = SocketIo::builder()
        .ping_interval(flags.ping_interval)
        .ping_timeout(flags.ping_timeout);
    if flags.msgpack {
        builder = builder.with_parser(ParserConfig::msgpack());
    }
    let (layer, io) = builder.build_layer();
    io.ns("/", offer);
    io.dyn_ns("/bench-{number}", offer)?;
    let app = axum::Router::new().layer(layer);

    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind((Ipv4Addr::LOCALHOST, flags.port).into())?;
    let listener = socket.listen(4096)?;
    println!("listening http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;

    // Without Nagle's algorithm, as axum's documentation advises, and as Node and Go have it
    // by themselves.
    let listener = listener.tap_io(|stream| {
        stream.set_nodelay(true).ok();
    });
    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        result = axum::serve(listener, app) => result?,
        _ = term.recv() => {}
        _ = interrupt.recv() => {}
        _ = tokio::time::sleep(flags.life) => {}
    }
    exit(0); // with connections still open
}
