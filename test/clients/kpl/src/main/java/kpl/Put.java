package kpl;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

import com.amazonaws.auth.AWSStaticCredentialsProvider;
import com.amazonaws.auth.BasicAWSCredentials;
import com.amazonaws.services.kinesis.producer.KinesisProducer;
import com.amazonaws.services.kinesis.producer.KinesisProducerConfiguration;
import com.amazonaws.services.kinesis.producer.UserRecordResult;

/**
 * Puts user records through the Kinesis Producer Library, unchanged, whose native part packs many into one record.
 *
 * Usage: Put [port] [stream] [count]. Streams, STS and CloudWatch are at localhost over https with any certificate. The
 * n-th user record is "record n" with the key "key-(n mod 50)". Prints for each, in this order, shard, sequence number
 * and data with blanks between. Ends when the metrics have been sent.
 */
public final class Put {

    private static final int KEYS = 50;
    private static final int SECONDS = 60;
    private static final int METRICS_MS = 1000;

    private Put() {
    }

    public static void main(String[] args) throws Exception {
        long port = Long.parseLong(args[0]);
        String stream = args[1];
        KinesisProducer producer = new KinesisProducer(new KinesisProducerConfiguration()
            .setKinesisEndpoint("localhost")
            .setKinesisPort(port)
            .setStsEndpoint("localhost")
            .setStsPort(port)
            .setCloudwatchEndpoint("localhost")
            .setCloudwatchPort(port)
            .setVerifyCertificate(false)
            .setRegion("us-east-1")
            .setCredentialsProvider(new AWSStaticCredentialsProvider(new BasicAWSCredentials("test", "test")))
            .setMetricsLevel("detailed")
            .setMetricsUploadDelay(METRICS_MS)
            .setLogLevel("info"));
        List<String> bodies = new ArrayList<>();
        List<Future<UserRecordResult>> results = new ArrayList<>();
        for (int n = 0; n < Integer.parseInt(args[2]); n++) {
            String body = "record " + n;
            bodies.add(body);
            ByteBuffer data = ByteBuffer.wrap(body.getBytes(StandardCharsets.UTF_8));
            results.add(producer.addUserRecord(stream, "key-" + n % KEYS, data));
            if (n == 0) {
                // With the first the library asks for the shards; until it knows them it packs nothing.
                results.get(0).get(SECONDS, TimeUnit.SECONDS);
            }
        }
        producer.flush();
        for (int n = 0; n < results.size(); n++) {
            UserRecordResult result = results.get(n).get(SECONDS, TimeUnit.SECONDS);
            if (!result.isSuccessful()) {
                throw new IllegalStateException("record " + n + " was not put: " + result.getAttempts());
            }
            System.out.println(result.getShardId() + " " + result.getSequenceNumber() + " " + bodies.get(n));
        }
        Thread.sleep(3 * METRICS_MS);
        producer.destroy();
        System.exit(0);
    }
}
