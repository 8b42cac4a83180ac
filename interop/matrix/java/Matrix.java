import io.socket.client.Ack;
import io.socket.client.IO;
import io.socket.client.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.json.JSONArray;
import org.json.JSONObject;

/**
 * The cases of ../cases.json by the official Java client. Where its versions 1 and 2 differ, v1/Version.java and
 * v2/Version.java have the difference.
 *
 * <p>java Matrix URL TRANSPORT PARSER TAG; see ../README.md for the arguments and for what is printed.
 */
public final class Matrix {
  static String url, transport, want, tag;

  interface Case {
    void run() throws Exception;
  }

  static final class Cannot extends Exception {
    Cannot(String why) {
      super(why);
    }
  }

  // ---- tools

  /** One of these came: an event, or something happened to the socket. */
  record Came(String name, Object[] args) {}

  /** A socket, and what came and was not waited for. */
  static final class Peer {
    final Socket socket;
    final BlockingQueue<Came> came = new LinkedBlockingQueue<>();

    static final List<Peer> open = Collections.synchronizedList(new ArrayList<>());

    Peer(Socket socket) {
      this.socket = socket;
      open.add(this);
      for (String name : new String[] {"connect", "disconnect", Version.REFUSED, "echo", "message", "given", "note"}) {
        socket.on(name, args -> came.add(new Came(name, args)));
      }
      socket.on("question", args -> ((Ack) args[2]).call("answer", (Integer) args[0] + (Integer) args[1]));
    }

    /** begin opens a connection of its own, and joins the namespace. */
    static Peer begin(String nsp, String token) throws Exception {
      IO.Options o = new IO.Options();
      o.forceNew = true;
      o.transports = transport.equals("upgrade") ? new String[] {"polling", "websocket"} : new String[] {transport};
      o.reconnectionDelay = 50;
      if (token != null) Version.token(o, token);
      Peer peer = new Peer(IO.socket(url + nsp, o));
      peer.socket.connect();
      return peer;
    }

    static Peer joined(String nsp) throws Exception {
      return joined(nsp, null);
    }

    static Peer joined(String nsp, String token) throws Exception {
      Peer peer = begin(nsp, token);
      peer.next("connect");
      return peer.settle();
    }

    /** next is the arguments of the next thing of that name; others are dropped. */
    Object[] next(String name) throws Exception {
      for (; ; ) {
        Came c = came.poll(10, TimeUnit.SECONDS);
        if (c == null) throw new Exception("no " + name + " in 10 s");
        if (c.name.equals(name)) return c.args;
      }
    }

    /** list is the first arguments of all that has come under the name. */
    String list(String name) {
      List<Object> list = new ArrayList<>();
      for (Came c; (c = came.poll()) != null; ) {
        if (c.name.equals(name)) list.add(c.args[0]);
      }
      return text(list.toArray());
    }

    Object[] ask(String event, Object... args) throws Exception {
      BlockingQueue<Object[]> answer = new LinkedBlockingQueue<>();
      socket.emit(event, args, answer::add);
      Object[] values = answer.poll(10, TimeUnit.SECONDS);
      if (values == null) throw new Exception("no answer to " + event);
      return values;
    }

    JSONObject about() throws Exception {
      return (JSONObject) ask("about")[0];
    }

    /** settle waits until the connection has the cell's transport. */
    Peer settle() throws Exception {
      for (; ; ) {
        String now = about().getString("transport");
        if (now.equals(want)) return this;
        if (!transport.equals("upgrade") || !now.equals("polling")) throw new Exception("the transport is " + now);
        Thread.sleep(10);
      }
    }

    /** refused is what the client is told that may not join. */
    static String refused(String nsp, String token) throws Exception {
      return text(begin(nsp, token).next(Version.REFUSED));
    }
  }

  /** text is a value as JSON with sorted members, and binaries as <hex>; an array's values with commas. */
  static String text(Object v) {
    StringBuilder b = new StringBuilder();
    try {
      if (v instanceof Object[] all) {
        for (Object o : all) b.append(b.length() == 0 ? "" : ",").append(text(o));
      } else if (v instanceof JSONArray array) {
        for (int i = 0; i < array.length(); i++) b.append(i == 0 ? "" : ",").append(text(array.get(i)));
        return "[" + b + "]";
      } else if (v instanceof JSONObject object) {
        List<String> keys = new ArrayList<>();
        for (Iterator<?> i = object.keys(); i.hasNext(); ) keys.add((String) i.next());
        Collections.sort(keys);
        for (String k : keys) b.append(b.length() == 0 ? "" : ",").append(JSONObject.quote(k)).append(":").append(text(object.get(k)));
        return "{" + b + "}";
      } else if (v instanceof byte[] bytes) {
        for (byte x : bytes) b.append(String.format("%02x", x));
        return "<" + b + ">";
      } else if (v instanceof String s) {
        return JSONObject.quote(s);
      } else {
        return v == null ? "null" : v.toString(); // JSONObject.NULL, too
      }
    } catch (org.json.JSONException e) {
      throw new IllegalStateException(e);
    }
    return b.toString();
  }

  static void equal(String got, String want) throws Exception {
    if (!got.equals(want)) throw new Exception("got " + head(got) + ", want " + head(want));
  }

  static String head(String s) {
    return s.substring(0, Math.min(s.length(), 150));
  }

  static byte[] bytes(String s) {
    return s.getBytes(StandardCharsets.UTF_8);
  }

  static void echoed(Object... args) throws Exception {
    Peer peer = Peer.joined("/");
    peer.socket.emit("echo", args);
    equal(text(peer.next("echo")), text(args));
  }

  static Object[] json() throws Exception {
    return new Object[] {
      JSONObject.NULL, true, false, 0, -7, 1.5, 9007199254740991L, "", "é€😀\u2028\"\\\n", new JSONArray(), new JSONObject(),
      new JSONArray("[[[1]]]"), new JSONObject("{\"a\":{\"b\":[{\"c\":null}]}}")
    };
  }

  static String repeat(String s, int n) {
    return String.join("", Collections.nCopies(n, s));
  }

  // ---- cases

  static Map<String, Case> cases() {
    Map<String, Case> c = new LinkedHashMap<>();

    c.put("connect", () -> {
      Peer peer = Peer.joined("/");
      JSONObject about = peer.about();
      equal(about.getString("nsp") + about.getString("id") + about.getInt("protocol"), "/" + peer.socket.id() + Version.REVISION);
    });

    c.put("transport", () -> Peer.joined("/"));

    c.put("order", () -> {
      Peer peer = Peer.begin("/", null);
      peer.next("connect");
      List<Object> sent = new ArrayList<>();
      for (int i = 0; i < 40; i++) {
        peer.socket.emit("echo", i);
        sent.add(i);
        if (i % 10 == 9) Thread.sleep(2);
      }
      peer.settle();
      peer.ask("rooms");
      equal(peer.list("echo"), text(sent.toArray()));
    });

    c.put("auth", () -> Peer.joined("/auth", "good"));

    c.put("auth.refused", () -> {
      if (Version.REVISION == 3) throw new Cannot(Version.OBJECTS);
      String data = "{\"code\":401,\"hints\":[\"ask\",{\"again\":true}],\"seen\":\"bad\"}";
      equal(Peer.refused("/auth", "bad"), "{\"data\":" + data + ",\"message\":\"unauthorized\"}");
    });

    c.put("middleware", () -> equal(Peer.refused("/auth", null), Version.REVISION == 3 ? "\"no token\"" : "{\"message\":\"no token\"}"));

    c.put("unknown", () -> {
      if (Version.REVISION == 3) throw new Cannot(Version.OBJECTS);
      equal(Peer.refused("/nowhere", null), "{\"message\":\"Invalid namespace\"}");
    });

    c.put("namespace", () -> {
      Peer main = Peer.joined("/");
      Peer other = new Peer(main.socket.io().socket("/static"));
      other.socket.connect();
      other.next("connect");
      main.socket.emit("echo", "main");
      other.socket.emit("echo", "other");
      main.ask("rooms");
      other.ask("rooms");
      equal(main.list("echo") + other.list("echo"), "\"main\"\"other\"");
    });

    c.put("dynamic", () -> equal(Peer.joined("/dyn/" + tag).about().getString("nsp"), "/dyn/" + tag));

    c.put("json", () -> echoed(json()));
    c.put("text", () -> echoed(repeat("aé€😀", 6554)));
    c.put("binary", () -> {
      byte[] b = new byte[100_000];
      for (int i = 0; i < b.length; i++) b[i] = (byte) (i * 31);
      echoed(b);
    });
    c.put("nested", () -> {
      JSONObject inner = new JSONObject().put("c", bytes("two"));
      echoed(new JSONObject().put("a", bytes("one")).put("b", new JSONArray().put(inner)), bytes("three"));
    });

    c.put("given", () -> {
      Peer peer = Peer.joined("/");
      peer.socket.emit("give", "nested");
      JSONArray b = new JSONArray().put(bytes("two")).put(new JSONObject().put("c", new byte[0]));
      equal(text(peer.next("given")), text(new Object[] {new JSONObject().put("a", bytes("one")).put("b", b), "x", bytes("three")}));
      peer.socket.emit("give", "json");
      equal(text(peer.next("given")), text(json()));
    });

    c.put("ack", () -> {
      Object[] args = {"a", new JSONObject("{\"b\":[1]}"), JSONObject.NULL};
      equal(text(Peer.joined("/").ask("echo", args)), text(args));
    });

    c.put("ack.binary", () -> equal(text(Peer.joined("/").ask("echo", bytes("one"), 2)), "<6f6e65>,2"));

    c.put("ack.client", () -> {
      Object[] answer = Peer.joined("/").ask("ask", 10_000, "question", 1, 1);
      equal(text(answer), "{\"error\":null,\"values\":[\"answer\",2]}");
    });

    c.put("ack.timeout", () -> {
      Peer peer = Peer.joined("/");
      BlockingQueue<String> late = new LinkedBlockingQueue<>();
      if (!Version.timeout(peer.socket, 200, "ack.never", late)) {
        throw new Cannot("timeouts of acknowledgements came with 2.1");
      }
      equal(String.valueOf(late.poll(10, TimeUnit.SECONDS)), "late");
    });

    c.put("ack.unanswered", () -> equal(text(Peer.joined("/").ask("ask", 200, "unheard")), "{\"error\":\"timeout\",\"values\":[]}"));

    c.put("room", () -> {
      Peer a = Peer.joined("/"), b = Peer.joined("/");
      JSONArray rooms = new JSONArray().put(tag);
      a.ask("join", rooms);
      b.ask("join", rooms);
      a.ask("cast", new JSONObject().put("from", "socket").put("to", rooms), "note", 1);
      b.ask("leave", tag);
      a.ask("cast", new JSONObject().put("to", rooms), "note", 2);
      a.ask("rooms");
      b.ask("rooms");
      equal(a.list("note") + " " + b.list("note"), "2 1");
    });

    c.put("broadcast", () -> {
      String nsp = "/dyn/" + tag + ".all";
      Peer a = Peer.joined(nsp), b = Peer.joined(nsp);
      JSONArray rooms = new JSONArray().put("b");
      b.ask("join", rooms);
      a.ask("cast", new JSONObject(), "note", 1);
      a.ask("cast", new JSONObject().put("from", "socket"), "note", 2);
      a.ask("cast", new JSONObject().put("except", rooms), "note", 3);
      a.ask("rooms");
      b.ask("rooms");
      equal(a.list("note") + " " + b.list("note"), "1,3 1,2");
    });

    c.put("disconnect.client", () -> {
      Peer control = Peer.begin("/control", null);
      control.next("connect");
      Peer peer = Peer.joined("/");
      String id = peer.socket.id();
      peer.socket.disconnect();
      for (int i = 0; i < 1000; i++) {
        JSONObject record = (JSONObject) control.ask("record", id)[0];
        if (record.getInt("times") > 0) {
          equal(record.getString("reason") + " " + record.getInt("times"), "client namespace disconnect 1");
          return;
        }
        Thread.sleep(10);
      }
      throw new Exception("the server has not seen the end");
    });

    c.put("disconnect.server", () -> {
      Peer peer = Peer.joined("/");
      peer.socket.emit("disconnect.me", false);
      equal(text(peer.next("disconnect")), "\"io server disconnect\"");
    });

    c.put("disconnect.close", () -> {
      Peer peer = Peer.joined("/");
      peer.socket.emit("disconnect.me", true);
      equal(text(peer.next("disconnect")), "\"io server disconnect\"");
    });

    c.put("reconnect", () -> {
      if (!transport.equals("polling")) {
        throw new Cannot("a WebSocket that the server closes is noticed by the missing heartbeat only");
      }
      Peer peer = Peer.joined("/");
      String before = peer.socket.id();
      peer.socket.emit("cut");
      equal(text(peer.next("disconnect")), "\"transport close\"");
      peer.next("connect");
      peer.settle();
      if (peer.socket.id().equals(before)) throw new Exception("the same socket");
      equal(text(peer.ask("echo", 1)), "1");
    });

    return c;
  }

  public static void main(String[] args) {
    url = args[0];
    transport = args[1];
    want = transport.equals("upgrade") ? "websocket" : transport;
    tag = args[3];
    cases().forEach((name, run) -> {
      try {
        run.run();
        System.out.println("ok " + name);
      } catch (Cannot e) {
        System.out.println("none " + name + " " + e.getMessage());
      } catch (Exception e) {
        System.out.println("fail " + name + " " + head(String.join(" ", e.toString().split("\\s+"))));
      }
      for (Peer p : Peer.open) p.socket.disconnect();
      Peer.open.clear();
    });
    System.exit(0);
  }
}
