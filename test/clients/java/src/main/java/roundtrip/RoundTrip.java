package roundtrip;

import java.net.URI;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * A round trip through Millrace, the local Kinesis and Firehose, with the AWS SDK for Java v2 as it is.
 *
 * <pre>RoundTrip &lt;endpoint&gt; &lt;name&gt; [&lt;transport&gt;]</pre>
 *
 * <ul>
 *   <li>endpoint: {@code http://127.0.0.1:<port>} or {@code https://localhost:<port>}
 *   <li>name: of the stream, the delivery stream and the bucket; nothing may have this name yet
 *   <li>transport: one of
 *     <ul>
 *       <li>{@code netty}, the default: the asynchronous clients on Netty. Kinesis speaks HTTP/2 (with prior
 *           knowledge, also over TLS), Firehose HTTP/1.1, which are the SDK's defaults.
 *       <li>{@code url}: the synchronous clients on Java's URLConnection, HTTP/1.1
 *       <li>{@code apache}: the synchronous clients on Apache's HttpClient, HTTP/1.1
 *     </ul>
 * </ul>
 *
 * <p>Credentials and region come from the SDK's default chains, for example from AWS_ACCESS_KEY_ID,
 * AWS_SECRET_ACCESS_KEY and AWS_REGION. For https, the environment's CA_FILE is a PEM certificate to trust; without it
 * every certificate is trusted. Kinesis speaks CBOR unless the JVM is started with {@code -Daws.cborEnabled=false}.
 *
 * <p>Prints the name of each check on a line of its own after it passed. A check that fails ends the program with one
 * sentence on stderr and status 1; wrong arguments end it with status 2.
 */
public final class RoundTrip {

    private static final Duration LONGEST_RUN = Duration.ofSeconds(55);

    public static void main(String[] args) {
        if (args.length < 2 || args.length > 3) {
            System.err.println("usage: RoundTrip <endpoint> <name> [netty|url|apache]");
            System.exit(2);
        }
        // stderr is for the failed check alone.
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "off");
        endAfter(LONGEST_RUN);
        try (Clients clients = Clients.open(URI.create(args[0]), args.length == 3 ? args[2] : "netty")) {
            checks(clients, args[1]).forEach(RoundTrip::run);
        } catch (RuntimeException error) {
            fail("clients: expected usable arguments and environment, actual " + error);
        }
    }

    private static Map<String, Runnable> checks(Clients clients, String name) {
        KinesisChecks kinesis = new KinesisChecks(clients.kinesis(), name);
        FirehoseChecks firehose = new FirehoseChecks(clients.firehose(), name);
        Map<String, Runnable> checks = new LinkedHashMap<>();
        checks.put("create", kinesis::create);
        checks.put("put", kinesis::put);
        checks.put("batch", kinesis::batch);
        checks.put("read", kinesis::read);
        checks.put("tag", kinesis::tag);
        checks.put("split", kinesis::split);
        checks.put("deliver", firehose::deliver);
        checks.put("errors", () -> {
            kinesis.errors();
            firehose.errors();
            kinesis.delete();
        });
        return checks;
    }

    /** Ends the program when the check fails. */
    private static void run(String name, Runnable check) {
        try {
            check.run();
        } catch (Expect.Failure failure) {
            fail(name + ": " + failure.getMessage());
        } catch (RuntimeException error) {
            fail(name + ": expected no exception, actual " + error);
        }
        System.out.println(name);
    }

    /** Every loop and every call is bounded; this bounds their sum. */
    private static void endAfter(Duration limit) {
        Thread watch = new Thread(() -> {
            Expect.pause(limit);
            fail("Expected the end within " + limit.toSeconds() + " seconds, actually still running.");
        });
        watch.setDaemon(true);
        watch.start();
    }

    private static void fail(String sentence) {
        System.err.println(sentence);
        Runtime.getRuntime().halt(1);
    }
}
