//! The cases of ../cases.json by rust_socketio.
//!
//!     sio-matrix URL TRANSPORT PARSER TAG
//!
//! See ../README.md for the arguments and for what is printed.

use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rust_socketio::client::Client;
use rust_socketio::{ClientBuilder, Event, Payload, TransportType};
use serde_json::{json, Value};

/// How long to wait for one thing.
const LIMIT: Duration = Duration::from_secs(10);

struct Args {
    url: String,
    transport: String,
    tag: String,
}

static ARGS: OnceLock<Args> = OnceLock::new();

fn args() -> &'static Args {
    ARGS.get().unwrap()
}

enum Outcome {
    Failed(String),
    Cannot(&'static str),
}
use Outcome::{Cannot, Failed};

type Case = Result<(), Outcome>;

fn fail<T>(why: impl Into<String>) -> Result<T, Outcome> {
    Err(Failed(why.into()))
}

fn equal<T: PartialEq + std::fmt::Debug>(got: T, want: T) -> Case {
    if got == want {
        return Ok(());
    }
    fail(format!("got {:.150}, want {:.150}", format!("{got:?}"), format!("{want:?}")))
}

impl From<rust_socketio::Error> for Outcome {
    fn from(e: rust_socketio::Error) -> Self {
        Failed(e.to_string())
    }
}

// ---- tools

/// A connection, and what came and was not waited for: the event's name and payload.
struct Peer {
    client: Client,
    came: Receiver<(String, Payload)>,
}

fn texts(p: Payload) -> Vec<Value> {
    match p {
        Payload::Text(values) => values,
        other => vec![json!(format!("{other:?}"))],
    }
}

impl Peer {
    /// begin opens a connection of its own, and joins the namespace.
    fn begin(nsp: &str, auth: Option<Value>) -> Result<Peer, Outcome> {
        let (tx, came): (Sender<(String, Payload)>, _) = channel();
        let mut b = ClientBuilder::new(args().url.as_str())
            .namespace(nsp)
            .transport_type(match args().transport.as_str() {
                "polling" => TransportType::Polling,
                "websocket" => TransportType::Websocket,
                _ => TransportType::WebsocketUpgrade,
            })
            .reconnect_delay(50, 100);
        if let Some(auth) = auth {
            b = b.auth(auth);
        }
        for (event, name) in [(Event::Connect, "connect"), (Event::Close, "disconnect"), (Event::Error, "error")] {
            let tx = tx.clone();
            b = b.on(event, move |payload, _| {
                let _ = tx.send((name.to_string(), payload)); // fails only if the case is over
            });
        }
        b = b.on_any(move |event, payload, _| {
            let _ = tx.send((event.to_string(), payload));
        });
        let client = b.connect()?;
        Ok(Peer { client, came })
    }

    fn joined(nsp: &str, auth: Option<Value>) -> Result<Peer, Outcome> {
        let p = Peer::begin(nsp, auth)?;
        p.next("connect")?;
        p.settle()?;
        Ok(p)
    }

    /// next is the next thing of that name; others are dropped.
    fn next(&self, name: &str) -> Result<Payload, Outcome> {
        let end = Instant::now() + LIMIT;
        loop {
            match self.came.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok((what, payload)) if what == name => return Ok(payload),
                Ok(_) => (),
                Err(_) => return fail(format!("no {name}")),
            }
        }
    }

    /// list is the first arguments of all that has come under the name.
    fn list(&self, name: &str) -> Vec<Value> {
        self.came.try_iter().filter(|(what, _)| what == name).map(|(_, p)| texts(p)[0].clone()).collect()
    }

    fn emit(&self, event: &str, values: Vec<Value>) -> Case {
        Ok(self.client.emit(event, Payload::Text(values))?)
    }

    /// ask is the values of the answer.
    fn ask(&self, event: &str, values: Vec<Value>) -> Result<Vec<Value>, Outcome> {
        let (tx, answer) = channel();
        self.client.emit_with_ack(event, Payload::Text(values), LIMIT, move |payload, _| {
            let _ = tx.send(texts(payload));
        })?;
        match answer.recv_timeout(LIMIT) {
            // The values come as one array.
            Ok(mut values) => match values.pop() {
                Some(Value::Array(inner)) if values.is_empty() => Ok(inner),
                other => fail(format!("an answer of {values:?} and {other:?}")),
            },
            Err(_) => fail(format!("no answer to {event}")),
        }
    }

    fn about(&self) -> Result<Value, Outcome> {
        Ok(self.ask("about", vec![])?[0].clone())
    }

    /// settle checks that the connection has the cell's transport: an upgrade is over before
    /// the client goes on.
    fn settle(&self) -> Case {
        let want = if args().transport == "polling" { "polling" } else { "websocket" };
        equal(&self.about()?["transport"], &json!(want))
    }
}

/// refused is the data that the client is told that may not join.
fn refused(nsp: &str, auth: Option<Value>) -> Result<Value, Outcome> {
    let told = match Peer::begin(nsp, auth)?.next("error")? {
        Payload::Text(values) => values[0].as_str().unwrap_or_default().to_string(),
        other => format!("{other:?}"),
    };
    match told.find('{') {
        Some(i) => serde_json::from_str(&told[i..]).map_err(|e| Failed(format!("{told}: {e}"))),
        None => fail(told),
    }
}

fn echoed(values: Vec<Value>) -> Case {
    let p = Peer::joined("/", None)?;
    p.emit("echo", values.clone())?;
    equal(texts(p.next("echo")?), values)
}

fn values() -> Vec<Value> {
    vec![
        json!(null),
        json!(true),
        json!(false),
        json!(0),
        json!(-7),
        json!(1.5),
        json!(9007199254740991i64),
        json!(""),
        json!("é€😀\u{2028}\"\\\n"),
        json!([]),
        json!({}),
        json!([[[1]]]),
        json!({"a": {"b": [{"c": null}]}}),
    ]
}

fn disconnected(all: bool) -> Case {
    let p = Peer::joined("/", None)?;
    p.emit("disconnect.me", vec![json!(all)])?;
    p.next("disconnect")?; // the client has no reasons
    Ok(())
}

// ---- cases

fn connect() -> Case {
    let about = Peer::joined("/", None)?.about()?;
    equal(json!([about["nsp"], about["protocol"]]), json!(["/", 4]))
}

fn transport() -> Case {
    Peer::joined("/", None).map(|_| ())
}

fn order() -> Case {
    let p = Peer::begin("/", None)?;
    p.next("connect")?;
    let want: Vec<Value> = (0..40).map(|i| json!(i)).collect();
    for v in &want {
        p.emit("echo", vec![v.clone()])?;
    }
    p.settle()?;
    equal(p.list("echo"), want)
}

fn auth() -> Case {
    Peer::joined("/auth", Some(json!({"token": "good"}))).map(|_| ())
}

fn auth_refused() -> Case {
    let data = json!({"code": 401, "seen": "bad", "hints": ["ask", {"again": true}]});
    equal(refused("/auth", Some(json!({"token": "bad"})))?, json!({"message": "unauthorized", "data": data}))
}

fn middleware() -> Case {
    equal(refused("/auth", None)?, json!({"message": "no token"}))
}

fn unknown() -> Case {
    equal(refused("/nowhere", None)?, json!({"message": "Invalid namespace"}))
}

fn namespace() -> Case {
    Err(Cannot("one namespace a connection"))
}

fn dynamic() -> Case {
    let nsp = format!("/dyn/{}", args().tag);
    equal(Peer::joined(&nsp, None)?.about()?["nsp"].clone(), json!(nsp))
}

fn json_values() -> Case {
    echoed(values())
}

fn text() -> Case {
    echoed(vec![json!("aé€😀".repeat(6554))])
}

fn binary() -> Case {
    let p = Peer::joined("/", None)?;
    let split = args().transport != "polling";
    let bytes: Vec<u8> = (0..100_000usize).map(|i| (i * 31) as u8).filter(|b| !split || *b != 0x1e).collect();
    p.client.emit("echo", bytes.clone())?;
    match p.next("echo")? {
        Payload::Binary(got) if got == bytes && split => Err(Cannot("binary from a WebSocket is cut at bytes of 0x1e; without them it came")),
        Payload::Binary(got) if got == bytes => Ok(()),
        other => fail(format!("got {:.150}", format!("{other:?}"))),
    }
}

const ONE_BINARY: Outcome = Cannot("binary is sent and received as an event's only argument");

fn nested() -> Case {
    Err(ONE_BINARY)
}

fn given() -> Case {
    let p = Peer::joined("/", None)?;
    p.emit("give", vec![json!("json")])?;
    equal(texts(p.next("given")?), values())?;
    p.emit("give", vec![json!("binary")])?;
    match p.next("given")? {
        Payload::Binary(got) if got == vec![0u8, 1, 2, 253, 254, 255] => Err(Cannot("of binary, the first attachment only is told; JSON and one binary came")),
        other => fail(format!("got {other:?}")),
    }
}

fn ack() -> Case {
    let values = vec![json!("a"), json!({"b": [1]}), json!(null)];
    equal(Peer::joined("/", None)?.ask("echo", values.clone())?, values)
}

fn ack_binary() -> Case {
    Err(Cannot("binary in an answer is not told"))
}

fn ack_client() -> Case {
    Err(Cannot("events of the server cannot be acknowledged"))
}

fn ack_timeout() -> Case {
    Err(Cannot("answers that come late are dropped, but nothing is told"))
}

fn ack_unanswered() -> Case {
    let answer = Peer::joined("/", None)?.ask("ask", vec![json!(200), json!("unheard")])?;
    equal(answer, vec![json!({"error": "timeout", "values": []})])
}

fn room() -> Case {
    let (a, b) = (Peer::joined("/", None)?, Peer::joined("/", None)?);
    let tag = &args().tag;
    a.ask("join", vec![json!([tag])])?;
    b.ask("join", vec![json!([tag])])?;
    a.ask("cast", vec![json!({"from": "socket", "to": [tag]}), json!("note"), json!(1)])?;
    b.ask("leave", vec![json!(tag)])?;
    a.ask("cast", vec![json!({"to": [tag]}), json!("note"), json!(2)])?;
    a.ask("rooms", vec![])?;
    b.ask("rooms", vec![])?;
    equal((a.list("note"), b.list("note")), (vec![json!(2)], vec![json!(1)]))
}

fn broadcast() -> Case {
    let nsp = format!("/dyn/{}.all", args().tag);
    let (a, b) = (Peer::joined(&nsp, None)?, Peer::joined(&nsp, None)?);
    b.ask("join", vec![json!(["b"])])?;
    a.ask("cast", vec![json!({}), json!("note"), json!(1)])?;
    a.ask("cast", vec![json!({"from": "socket"}), json!("note"), json!(2)])?;
    a.ask("cast", vec![json!({"except": ["b"]}), json!("note"), json!(3)])?;
    a.ask("rooms", vec![])?;
    b.ask("rooms", vec![])?;
    equal((a.list("note"), b.list("note")), (vec![json!(1), json!(3)], vec![json!(1), json!(2)]))
}

fn disconnect_client() -> Case {
    let control = Peer::begin("/control", None)?;
    control.next("connect")?;
    let p = Peer::joined("/", None)?;
    let id = p.about()?["id"].clone();
    p.client.disconnect()?;
    let end = Instant::now() + LIMIT;
    while Instant::now() < end {
        let record = control.ask("record", vec![id.clone()])?;
        if record[0]["times"] != 0 {
            return equal(json!([record[0]["reason"], record[0]["times"]]), json!(["client namespace disconnect", 1]));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    fail("the server has not seen the end")
}

fn disconnect_server() -> Case {
    disconnected(false)
}

fn disconnect_close() -> Case {
    disconnected(true)
}

fn reconnect() -> Case {
    if args().transport == "polling" {
        return Err(Cannot("a connection that was closed by polling is not opened again"));
    }
    let p = Peer::joined("/", None)?;
    let before = p.about()?["id"].clone();
    p.emit("cut", vec![])?;
    p.next("connect")?;
    p.settle()?;
    if p.about()?["id"] == before {
        return fail("the same socket");
    }
    equal(p.ask("echo", vec![json!(1)])?, vec![json!(1)])
}

const CASES: [(&str, fn() -> Case); 25] = [
    ("connect", connect),
    ("transport", transport),
    ("order", order),
    ("auth", auth),
    ("auth.refused", auth_refused),
    ("middleware", middleware),
    ("unknown", unknown),
    ("namespace", namespace),
    ("dynamic", dynamic),
    ("json", json_values),
    ("text", text),
    ("binary", binary),
    ("nested", nested),
    ("given", given),
    ("ack", ack),
    ("ack.binary", ack_binary),
    ("ack.client", ack_client),
    ("ack.timeout", ack_timeout),
    ("ack.unanswered", ack_unanswered),
    ("room", room),
    ("broadcast", broadcast),
    ("disconnect.client", disconnect_client),
    ("disconnect.server", disconnect_server),
    ("disconnect.close", disconnect_close),
    ("reconnect", reconnect),
];

/// line is what is printed for a case.
fn line(name: &str, case: fn() -> Case) -> String {
    match case() {
        Ok(()) => format!("ok {name}"),
        Err(Cannot(why)) => format!("none {name} {why}"),
        Err(Failed(why)) => format!("fail {name} {}", why.split_whitespace().collect::<Vec<_>>().join(" ")),
    }
}

fn main() {
    let all: Vec<String> = std::env::args().collect();
    let [program, url, transport, parser, tag, only @ ..] = &all[..] else {
        eprintln!("usage: sio-matrix URL TRANSPORT PARSER TAG [CASE]");
        std::process::exit(2);
    };
    let _ = ARGS.set(Args { url: url.clone(), transport: transport.clone(), tag: tag.clone() });
    for (name, case) in CASES {
        if only.is_empty() {
            // Each case is a process of its own: what is left of a client that was closed
            // spins until the process ends.
            let ended = std::process::Command::new(program).args([url, transport, parser, tag, name]).status();
            if !ended.is_ok_and(|status| status.success()) {
                println!("fail {name} its process failed");
            }
        } else if only[0] == name {
            println!("{}", line(name, case));
        }
    }
    std::process::exit(0);
}
