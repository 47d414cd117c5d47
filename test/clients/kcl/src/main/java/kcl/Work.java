package kcl;

import java.net.URI;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import com.amazonaws.services.dynamodbv2.local.embedded.DynamoDBEmbedded;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * Reads a stream with the Kinesis Client Library, unchanged: by enhanced fan-out, then from where that ended by polling.
 * Its leases are in a DynamoDB in this process; its metrics go to the CloudWatch at the endpoint.
 *
 * Usage: Work [endpoint] [stream] [application] [count]. Each of the two workers ends when it has processed `count`
 * records, after it has set its checkpoints and sent its metrics. Prints with blanks between: "[worker] start [shard]",
 * "[worker] record [shard] [sequence number] [data]", "[worker] end [shard]", "[worker] lost [shard]", "[worker] stopped",
 * and at the end for each lease "lease [shard] [checkpoint]".
 */
public final class Work {

    private static final StaticCredentialsProvider CREDENTIALS =
        StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test"));

    /** How often the library looks for what it has to do; its own are minutes. */
    private static final int SOON_MS = 200;
    private static final int FAILOVER_MS = 10_000;
    private static final int METRICS_MS = 500;
    private static final int SECONDS = 60;

    private final String stream;
    private final String application;
    private final int count;
    private final KinesisAsyncClient kinesis;
    private final CloudWatchAsyncClient metrics;
    private final DynamoDbAsyncClient leases = DynamoDBEmbedded.create(true).dynamoDbAsyncClient();

    private Work(String[] args) {
        URI endpoint = URI.create(args[0]);
        stream = args[1];
        application = args[2];
        count = Integer.parseInt(args[3]);
        kinesis = KinesisClientUtil.createKinesisAsyncClient(KinesisAsyncClient.builder()
            .endpointOverride(endpoint).region(Region.US_EAST_1).credentialsProvider(CREDENTIALS));
        metrics = CloudWatchAsyncClient.builder()
            .endpointOverride(endpoint).region(Region.US_EAST_1).credentialsProvider(CREDENTIALS).build();
    }

    public static void main(String[] args) throws Exception {
        Work work = new Work(args);
        work.run("fan-out", new FanOutConfig(work.kinesis).streamName(work.stream).applicationName(work.application));
        work.run("polling", new PollingConfig(work.stream, work.kinesis)
            .idleTimeBetweenReadsInMillis(SOON_MS).usePollingConfigIdleTimeValue(true));
        work.printLeases();
        System.exit(0);
    }

    private void run(String worker, RetrievalSpecificConfig retrieval) throws Exception {
        CountDownLatch remaining = new CountDownLatch(count);
        ConfigsBuilder configs = new ConfigsBuilder(stream, application, kinesis, leases, metrics, worker,
            () -> new Printer(worker, remaining));
        Scheduler scheduler = new Scheduler(
            configs.checkpointConfig(),
            configs.coordinatorConfig().parentShardPollIntervalMillis(SOON_MS).shardConsumerDispatchPollIntervalMillis(SOON_MS),
            configs.leaseManagementConfig().failoverTimeMillis(FAILOVER_MS)
                .leaseAssignmentIntervalMillis((long) SOON_MS).shardSyncIntervalMillis(SOON_MS),
            configs.lifecycleConfig(),
            configs.metricsConfig().metricsBufferTimeMillis(METRICS_MS),
            configs.processorConfig(),
            configs.retrievalConfig()
                .retrievalSpecificConfig(retrieval)
                .initialPositionInStreamExtended(
                    InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON)));
        Thread thread = new Thread(scheduler, worker);
        thread.start();
        remaining.await();
        if (!scheduler.startGracefulShutdown().get(SECONDS, TimeUnit.SECONDS)) {
            throw new IllegalStateException(worker + " did not end in time");
        }
        thread.join();
        Printer.print(worker, "stopped");
    }

    private void printLeases() {
        leases.scan(request -> request.tableName(application)).join().items().forEach(lease -> {
            if (lease.containsKey("checkpoint")) {
                Printer.print("lease", lease.get("leaseKey").s(), lease.get("checkpoint").s());
            }
        });
    }
}
