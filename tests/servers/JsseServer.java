import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.net.InetAddress;
import java.security.KeyStore;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLServerSocket;
import javax.net.ssl.SSLSocket;

/**
 * A TLS 1.3 server on Java's own stack: java JsseServer.java PORT PKCS12 SUITE. One connection. What it hears goes to
 * stdout; each line of stdin is a command: say TEXT, update (both ways), bye.
 */
public class JsseServer {
    public static void main(String[] arguments) throws Exception {
        char[] password = "test".toCharArray();
        KeyStore store = KeyStore.getInstance("PKCS12");
        try (FileInputStream file = new FileInputStream(arguments[1])) {
            store.load(file, password);
        }
        KeyManagerFactory keys = KeyManagerFactory.getInstance(KeyManagerFactory.getDefaultAlgorithm());
        keys.init(store, password);
        SSLContext context = SSLContext.getInstance("TLSv1.3");
        context.init(keys.getKeyManagers(), null, null);
        SSLServerSocket listener = (SSLServerSocket) context.getServerSocketFactory().createServerSocket(
                Integer.parseInt(arguments[0]), 1, InetAddress.getByName("127.0.0.1"));
        listener.setEnabledProtocols(new String[] {"TLSv1.3"});
        listener.setEnabledCipherSuites(new String[] {arguments[2]});
        SSLSocket socket = (SSLSocket) listener.accept();
        socket.startHandshake();
        Thread reader = new Thread(() -> read(socket));
        reader.setDaemon(true);
        reader.start();
        BufferedReader commands = new BufferedReader(new InputStreamReader(System.in));
        OutputStream out = socket.getOutputStream();
        String command;
        while ((command = commands.readLine()) != null) {
            if (command.startsWith("say ")) {
                out.write((command.substring(4) + "\n").getBytes("UTF-8"));
                out.flush();
            } else if (command.equals("update")) {
                socket.startHandshake(); // after the handshake of TLS 1.3: KeyUpdate, with a request
            } else if (command.equals("bye")) {
                socket.shutdownOutput();
            } else {
                throw new IllegalArgumentException(command);
            }
        }
    }

    private static void read(SSLSocket socket) {
        byte[] buffer = new byte[65536];
        try {
            int size;
            while ((size = socket.getInputStream().read(buffer)) >= 0) {
                System.out.write(buffer, 0, size);
                System.out.flush();
            }
            System.out.println("<closed>");
        } catch (IOException error) {
            System.out.println("<" + error.getMessage() + ">");
        }
        System.out.flush();
    }
}
