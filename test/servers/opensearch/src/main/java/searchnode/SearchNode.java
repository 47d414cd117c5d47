package searchnode;

import java.io.IOException;
import java.io.PrintStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URL;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import org.codelibs.opensearch.runner.node.OpenSearchRunnerNode;
import org.opensearch.common.settings.Settings;
import org.opensearch.http.HttpServerTransport;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.plugins.Plugin;
import org.opensearch.transport.Netty4Plugin;

/**
 * One real OpenSearch node for integration tests, on 127.0.0.1 only.
 *
 * <p>Prints the line {@code ready http://127.0.0.1:<port>} on stdout once it answers, and stops
 * when its stdin closes, so it cannot outlive the process that started it.
 *
 * <p>The node is constructed directly instead of through OpenSearch's bootstrap, which would
 * refuse to run as root and demand an installation directory.
 */
public final class SearchNode {

    /** The modules to load; analysis, scripting, reindex etc. are on the class path if ever needed. */
    private static final List<Class<? extends Plugin>> MODULES = List.of(Netty4Plugin.class);

    private static final long STOP_SECONDS = 10;

    public static void main(String[] args) {
        // Log4j's default configuration writes to stdout, which is reserved for the ready line.
        // This has to happen before the first OpenSearch class sets up logging.
        PrintStream stdout = System.out;
        System.setOut(System.err);

        if (args.length != 2) {
            System.err.println("usage: SearchNode <data directory> <http port, 0 = free>");
            System.exit(2);
        }
        exitWhenStdinCloses();
        try {
            Node node = create(Path.of(args[0]).toAbsolutePath(), Integer.parseInt(args[1]));
            Runtime.getRuntime().addShutdownHook(new Thread(() -> stop(node)));
            node.start();
            String url = "http://127.0.0.1:" + httpPort(node);
            awaitHealthy(url);
            stdout.println("ready " + url);
            stdout.flush();
        } catch (Throwable e) {
            // A failed start leaves threads behind that would keep the JVM alive.
            e.printStackTrace();
            System.exit(1);
        }
    }

    private static Node create(Path dir, int port) {
        Settings settings = Settings.builder()
            .put("cluster.name", "searchnode")
            .put("discovery.type", "single-node")
            .put("path.home", dir)
            .put("path.data", dir.resolve("data"))
            .put("path.logs", dir.resolve("logs"))
            .put("network.host", "127.0.0.1")
            .put("http.port", port)
            // Nobody connects to the node-to-node port, but it cannot be switched off.
            .put("transport.port", 0)
            // Sizes the thread pools; keeps memory independent of the machine.
            .put("node.processors", 1)
            // A nearly full disk must not turn the indices read-only.
            .put("cluster.routing.allocation.disk.threshold_enabled", false)
            .build();
        return new OpenSearchRunnerNode(
            InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "searchnode"),
            MODULES);
    }

    private static int httpPort(Node node) {
        return node.injector().getInstance(HttpServerTransport.class)
            .boundAddress().publishAddress().getPort();
    }

    /** Returns once the node answers over HTTP and has recovered what its data directory holds. */
    private static void awaitHealthy(String url) throws IOException {
        URL health = new URL(url + "/_cluster/health?wait_for_status=yellow&timeout=30s");
        HttpURLConnection connection = (HttpURLConnection) health.openConnection(Proxy.NO_PROXY);
        connection.setConnectTimeout(5_000);
        connection.setReadTimeout(40_000);
        int status = connection.getResponseCode();
        connection.disconnect();
        if (status != 200) {
            throw new IOException(health + " answered " + status);
        }
    }

    private static void stop(Node node) {
        try {
            node.close();
            node.awaitClose(STOP_SECONDS, TimeUnit.SECONDS);
        } catch (Exception e) {
            e.printStackTrace();
        }
    }

    /** Also covers the time before the node is ready, and a shutdown that hangs. */
    private static void exitWhenStdinCloses() {
        Thread watcher = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                    // Input is ignored; only its end matters.
                }
            } catch (IOException e) {
                // An unreadable stdin counts as closed.
            }
            Thread exit = new Thread(() -> System.exit(0));
            exit.start();
            try {
                exit.join(TimeUnit.SECONDS.toMillis(STOP_SECONDS));
            } catch (InterruptedException e) {
                // Stop at once.
            }
            Runtime.getRuntime().halt(0);
        }, "stdin-watcher");
        // All of the node's own threads are daemons: this one keeps the JVM running.
        watcher.setDaemon(false);
        watcher.start();
    }

    private SearchNode() {
    }
}
