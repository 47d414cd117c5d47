package roundtrip;

import java.net.URI;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.stream.Collectors;

import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ChildShard;
import software.amazon.awssdk.services.kinesis.model.ConsumerDescription;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.KinesisException;
import software.amazon.awssdk.services.kinesis.model.LimitExceededException;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ResourceInUseException;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StartingPosition;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEventStream;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/**
 * Reads a stream through enhanced fan-out with the AWS SDK for Java v2; test/clients/fan-out.test.ts says how.
 *
 * Usage: FanOut [endpoint] [stream] [consumer]
 */
public final class FanOut {

    private static final int PAUSE_MS = 200;

    private final KinesisAsyncClient kinesis;
    private final String consumerArn;
    private final ExecutorService threads = Executors.newCachedThreadPool();
    private final Set<String> followed = ConcurrentHashMap.newKeySet();
    private final Set<String> ended = ConcurrentHashMap.newKeySet();

    private FanOut(KinesisAsyncClient kinesis, String consumerArn) {
        this.kinesis = kinesis;
        this.consumerArn = consumerArn;
    }

    public static void main(String[] args) throws InterruptedException {
        // That connections break is what this is about.
        System.setProperty("org.slf4j.simpleLogger.defaultLogLevel", "off");
        String stream = args[1];
        // All of the client is the SDK's own choice, the transport included: HTTP/2 through Netty.
        KinesisAsyncClient kinesis = KinesisAsyncClient.builder().endpointOverride(URI.create(args[0])).build();
        FanOut reader = new FanOut(kinesis, activeConsumer(kinesis, stream, args[2]));
        List<Shard> shards = kinesis.listShards(request -> request.streamName(stream)).join().shards();
        try {
            reader.followAll(shards.stream().map(Shard::shardId).toList()).join();
        } catch (CompletionException e) {
            System.err.println(e.getCause());
            System.exit(1);
        }
        System.exit(0);
    }

    private static String activeConsumer(KinesisAsyncClient kinesis, String stream, String name)
        throws InterruptedException {
        String arn = kinesis.describeStreamSummary(request -> request.streamName(stream)).join()
            .streamDescriptionSummary().streamARN();
        kinesis.registerStreamConsumer(request -> request.streamARN(arn).consumerName(name)).join();
        while (true) {
            ConsumerDescription found = kinesis.describeStreamConsumer(
                request -> request.streamARN(arn).consumerName(name)).join().consumerDescription();
            if (found.consumerStatus() == ConsumerStatus.ACTIVE) {
                return found.consumerARN();
            }
            Thread.sleep(20);
        }
    }

    private CompletableFuture<Void> followAll(List<String> ids) {
        return CompletableFuture.allOf(ids.stream()
            .filter(followed::add)
            .map(id -> CompletableFuture.supplyAsync(() -> readyChildren(id, follow(id)), threads)
                .thenCompose(this::followAll))
            .toArray(CompletableFuture[]::new));
    }

    /** Those children of which all parents have ended. */
    private synchronized List<String> readyChildren(String id, List<ChildShard> children) {
        ended.add(id);
        return children.stream()
            .filter(child -> ended.containsAll(child.parentShards()))
            .map(ChildShard::shardId)
            .toList();
    }

    /** The children of the shard, once it has ended; none when its last record says that there are no more. */
    private List<ChildShard> follow(String id) {
        Subscription subscription = new Subscription(id);
        while (true) {
            try {
                CompletableFuture<Void> running = kinesis.subscribeToShard(
                    request -> request.consumerARN(consumerArn).shardId(id).startingPosition(subscription.position),
                    SubscribeToShardResponseHandler.builder().subscriber(subscription::take).build());
                CompletableFuture.anyOf(running, subscription.children).join();
                if (subscription.children.isDone()) {
                    return subscription.children.join();
                }
            } catch (CompletionException e) {
                assertTransient(e);
                System.out.println(id + " again " + e.getCause().toString().replace('\n', ' '));
                pause();
            }
        }
    }

    /** Whatever can be tried again: no connection, or a subscription that is still held. */
    private static void assertTransient(CompletionException e) {
        boolean isRefusal = e.getCause() instanceof KinesisException;
        boolean isHeld = e.getCause() instanceof ResourceInUseException || e.getCause() instanceof LimitExceededException;
        if (isRefusal && !isHeld) {
            throw e;
        }
    }

    private static void pause() {
        try {
            Thread.sleep(PAUSE_MS);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Where the reading of a shard is, over however many subscriptions. */
    private static final class Subscription {

        private final String id;
        private final CompletableFuture<List<ChildShard>> children = new CompletableFuture<>();
        private volatile StartingPosition position =
            StartingPosition.builder().type(ShardIteratorType.TRIM_HORIZON).build();

        private Subscription(String id) {
            this.id = id;
        }

        private void take(SubscribeToShardEventStream part) {
            SubscribeToShardEvent event = (SubscribeToShardEvent) part;
            for (Record entry : event.records()) {
                String text = entry.data().asUtf8String();
                if (text.equals("end")) {
                    children.complete(List.of());
                    return;
                }
                System.out.println(id + " " + entry.sequenceNumber() + " " + text);
            }
            if (event.hasChildShards()) {
                System.out.println(id + " end "
                    + event.childShards().stream().map(ChildShard::shardId).collect(Collectors.joining(",")));
                children.complete(event.childShards());
                return;
            }
            position = StartingPosition.builder()
                .type(ShardIteratorType.AFTER_SEQUENCE_NUMBER)
                .sequenceNumber(event.continuationSequenceNumber())
                .build();
        }
    }
}
