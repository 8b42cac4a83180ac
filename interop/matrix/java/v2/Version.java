import io.socket.client.AckWithTimeout;
import io.socket.client.IO;
import io.socket.client.Socket;
import java.util.Map;
import java.util.concurrent.BlockingQueue;

/** Version 2 of the client: revision 4 of Engine.IO. */
final class Version {
  static final int REVISION = 4;

  /** The event that tells of a refusal. */
  static final String REFUSED = Socket.EVENT_CONNECT_ERROR;

  static final String OBJECTS = "";

  /** token sends a token with the CONNECT of a namespace. */
  static void token(IO.Options o, String token) {
    o.auth = Map.of("token", token);
  }

  /** timeout emits and puts "late" if no answer comes; false if there is no such thing. */
  static boolean timeout(Socket s, long ms, String event, BlockingQueue<String> late) {
    s.emit(event, new Object[0], new AckWithTimeout(ms) {
      @Override
      public void onTimeout() {
        late.add("late");
      }

      @Override
      public void onSuccess(Object... args) {
        late.add("answered");
      }
    });
    return true;
  }
}
