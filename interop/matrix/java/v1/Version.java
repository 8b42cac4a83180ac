import io.socket.client.IO;
import io.socket.client.Socket;
import java.util.concurrent.BlockingQueue;

/** Version 1 of the client: revision 3 of Engine.IO. */
final class Version {
  static final int REVISION = 3;

  /** The event that tells of a refusal. */
  static final String REFUSED = Socket.EVENT_ERROR;

  /** Why some refusals are never heard of. */
  static final String OBJECTS = "a refusal is told only if its data is a text";

  /** token sends a token with the CONNECT of a namespace. */
  static void token(IO.Options o, String token) {
    o.query = "token=" + token;
  }

  /** timeout emits and puts "late" if no answer comes; false if there is no such thing. */
  static boolean timeout(Socket s, long ms, String event, BlockingQueue<String> late) {
    return false;
  }
}
