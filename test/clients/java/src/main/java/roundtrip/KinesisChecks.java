package roundtrip;

import java.math.BigInteger;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorRequest;
import software.amazon.awssdk.services.kinesis.model.HashKeyRange;
import software.amazon.awssdk.services.kinesis.model.InvalidArgumentException;
import software.amazon.awssdk.services.kinesis.model.PutRecordResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.PutRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordsResultEntry;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.StreamDescription;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;
import software.amazon.awssdk.services.kinesis.model.Tag;
import software.amazon.awssdk.services.kinesis.model.ValidationException;

/** The checks of one Kinesis stream, from its creation to its deletion; they build on each other. */
final class KinesisChecks {

    private static final int BATCH = 500;
    private static final int MOST_PAGES = 100;

    private final KinesisClient kinesis;
    private final String name;

    /** What was put, to compare with what is read. */
    private final List<Entry> entries = new ArrayList<>();
    /** The shard that took the record of {@link #put}. */
    private String shardOfPut;

    /** A record as its producer knows it. */
    private record Entry(String key, SdkBytes data) {
        static final Comparator<Entry> ORDER =
            Comparator.comparing(Entry::key).thenComparing(entry -> entry.data().asByteBuffer());

        static Entry of(Record record) {
            return new Entry(record.partitionKey(), record.data());
        }
    }

    KinesisChecks(KinesisClient kinesis, String name) {
        this.kinesis = kinesis;
        this.name = name;
    }

    void create() {
        kinesis.createStream(r -> r.streamName(name).shardCount(2));
        StreamDescription stream = awaitActive();
        Expect.recent("StreamCreationTimestamp", stream.streamCreationTimestamp());
        Expect.equal("number of shards", 2, stream.shards().size());
        Expect.that(stream.streamARN().endsWith(":stream/" + name), "StreamARN", "to end with the name",
            stream.streamARN());
    }

    void put() {
        Entry entry = new Entry("clé-ключ-🔑", everyByte());
        PutRecordResponse answer =
            kinesis.putRecord(r -> r.streamName(name).partitionKey(entry.key()).data(entry.data()));
        Expect.that(answer.sequenceNumber().matches("[0-9]+"), "SequenceNumber", "decimal digits",
            answer.sequenceNumber());
        Expect.that(answer.shardId().startsWith("shardId-"), "ShardId", "to start with shardId-", answer.shardId());
        entries.add(entry);
        shardOfPut = answer.shardId();
    }

    void batch() {
        List<Entry> batch = IntStream.range(0, BATCH)
            .mapToObj(n -> new Entry("key-" + n, SdkBytes.fromUtf8String("record " + n)))
            .toList();
        List<PutRecordsRequestEntry> records = batch.stream()
            .map(entry -> PutRecordsRequestEntry.builder().partitionKey(entry.key()).data(entry.data()).build())
            .toList();
        PutRecordsResponse answer = kinesis.putRecords(r -> r.streamName(name).records(records));
        Expect.equal("FailedRecordCount", 0, answer.failedRecordCount());
        Expect.equal("number of results", BATCH, answer.records().size());
        for (PutRecordsResultEntry result : answer.records()) {
            Expect.that(result.sequenceNumber() != null && result.errorCode() == null, "result of a record",
                "a SequenceNumber and no ErrorCode", result);
        }
        entries.addAll(batch);
    }

    void read() {
        List<Entry> found = new ArrayList<>();
        for (Shard shard : describe().shards()) {
            List<Record> records = readAll(shard.shardId());
            expectOrder(records);
            records.forEach(record -> Expect.recent("ApproximateArrivalTimestamp",
                record.approximateArrivalTimestamp()));
            records.forEach(record -> found.add(Entry.of(record)));
            if (shard.shardId().equals(shardOfPut)) {
                expectIterators(records);
            }
        }
        expectSame(entries, found);
    }

    void tag() {
        Map<String, String> tags = Map.of("env", "test", "ключ", "значение");
        kinesis.addTagsToStream(r -> r.streamName(name).tags(tags));
        Expect.equal("tags after adding", tags, listTags());
        kinesis.removeTagsFromStream(r -> r.streamName(name).tagKeys("env"));
        Expect.equal("tags after removing env", Map.of("ключ", "значение"), listTags());
    }

    void split() {
        Shard parent = describe().shards().get(0);
        BigInteger start = new BigInteger(parent.hashKeyRange().startingHashKey());
        BigInteger end = new BigInteger(parent.hashKeyRange().endingHashKey());
        BigInteger middle = start.add(end).shiftRight(1);
        kinesis.splitShard(
            r -> r.streamName(name).shardToSplit(parent.shardId()).newStartingHashKey(middle.toString()));

        List<Shard> shards = awaitActive().shards();
        Expect.equal("number of shards", 4, shards.size());
        expectChildren(shards, parent, middle);
        Shard closed = shards.stream().filter(shard -> shard.shardId().equals(parent.shardId())).findFirst()
            .orElseThrow(() -> new Expect.Failure("shards after the split", "with the parent", shards));
        Expect.that(closed.sequenceNumberRange().endingSequenceNumber() != null, "EndingSequenceNumber of the parent",
            "a number", "none");
    }

    void errors() {
        Expect.error("PutRecord to stream none", ResourceNotFoundException.class,
            "Stream none under account 000000000000 not found.",
            () -> kinesis.putRecord(r -> r.streamName("none").partitionKey("key").data(everyByte())));
        Expect.error("GetRecords with a damaged iterator", InvalidArgumentException.class, "Invalid ShardIterator.",
            () -> kinesis.getRecords(r -> r.shardIterator("damaged")));

        String what = "CreateStream with a bad name";
        ValidationException error = Expect.error(what, ValidationException.class,
            () -> kinesis.createStream(r -> r.streamName("bad name!").shardCount(1)));
        Expect.equal(what + ", code", "ValidationException", error.awsErrorDetails().errorCode());
        String part = "failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+";
        String message = error.awsErrorDetails().errorMessage();
        Expect.that(message.contains(part), what + ", message", "to contain " + part, message);
    }

    void delete() {
        kinesis.deleteStream(r -> r.streamName(name));
        Expect.eventually("deleted stream", "ResourceNotFoundException", this::exists, Predicate.isEqual(false));
    }

    private StreamDescription describe() {
        return kinesis.describeStream(r -> r.streamName(name)).streamDescription();
    }

    private StreamDescription awaitActive() {
        return Expect.eventually("stream", "to be ACTIVE", this::describe,
            stream -> stream.streamStatus() == StreamStatus.ACTIVE);
    }

    private boolean exists() {
        try {
            describe();
            return true;
        } catch (ResourceNotFoundException e) {
            return false;
        }
    }

    private Map<String, String> listTags() {
        return kinesis.listTagsForStream(r -> r.streamName(name)).tags().stream()
            .collect(Collectors.toMap(Tag::key, Tag::value));
    }

    /** Every record of a shard, from the oldest to the end. */
    private List<Record> readAll(String shardId) {
        String iterator = iterator(shardId, r -> r.shardIteratorType(ShardIteratorType.TRIM_HORIZON));
        List<Record> records = new ArrayList<>();
        for (int page = 0; page < MOST_PAGES; page++) {
            GetRecordsResponse answer = getRecords(iterator);
            if (answer.records().isEmpty() && answer.millisBehindLatest() == 0) {
                return records;
            }
            records.addAll(answer.records());
            iterator = answer.nextShardIterator();
        }
        throw new Expect.Failure("pages of " + shardId, "to end", MOST_PAGES + " pages");
    }

    /** The iterators that start elsewhere than at the oldest record; records are all of the shard of the put. */
    private void expectIterators(List<Record> records) {
        Record first = records.get(0);
        Instant hourAgo = Instant.now().minus(Duration.ofHours(1));
        Expect.equal("first record AT_TIMESTAMP", first, firstRecord(iterator(shardOfPut,
            r -> r.shardIteratorType(ShardIteratorType.AT_TIMESTAMP).timestamp(hourAgo))));
        Expect.equal("first record AFTER_SEQUENCE_NUMBER", records.get(1), firstRecord(iterator(shardOfPut,
            r -> r.shardIteratorType(ShardIteratorType.AFTER_SEQUENCE_NUMBER)
                .startingSequenceNumber(first.sequenceNumber()))));
    }

    private Record firstRecord(String iterator) {
        List<Record> records = getRecords(iterator).records();
        Expect.that(!records.isEmpty(), "first page", "with records", "empty");
        return records.get(0);
    }

    private String iterator(String shardId, Consumer<GetShardIteratorRequest.Builder> position) {
        return kinesis.getShardIterator(r -> r.streamName(name).shardId(shardId).applyMutation(position))
            .shardIterator();
    }

    private GetRecordsResponse getRecords(String iterator) {
        return kinesis.getRecords(r -> r.shardIterator(iterator));
    }

    private static void expectOrder(List<Record> records) {
        BigInteger last = BigInteger.ZERO;
        for (Record record : records) {
            BigInteger number = new BigInteger(record.sequenceNumber());
            Expect.that(number.compareTo(last) > 0, "SequenceNumber", "greater than " + last, number);
            last = number;
        }
    }

    private static void expectSame(List<Entry> expected, List<Entry> actual) {
        Expect.equal("number of records", expected.size(), actual.size());
        List<Entry> expectedSorted = expected.stream().sorted(Entry.ORDER).toList();
        List<Entry> actualSorted = actual.stream().sorted(Entry.ORDER).toList();
        for (int i = 0; i < expectedSorted.size(); i++) {
            Expect.equal("record " + i + " in the order of keys", expectedSorted.get(i), actualSorted.get(i));
        }
    }

    private static void expectChildren(List<Shard> shards, Shard parent, BigInteger middle) {
        List<HashKeyRange> ranges = shards.stream()
            .filter(shard -> parent.shardId().equals(shard.parentShardId()))
            .map(Shard::hashKeyRange)
            .sorted(Comparator.comparing(range -> new BigInteger(range.startingHashKey())))
            .toList();
        List<HashKeyRange> expected = Stream.of(
            HashKeyRange.builder()
                .startingHashKey(parent.hashKeyRange().startingHashKey())
                .endingHashKey(middle.subtract(BigInteger.ONE).toString()),
            HashKeyRange.builder()
                .startingHashKey(middle.toString())
                .endingHashKey(parent.hashKeyRange().endingHashKey()))
            .map(HashKeyRange.Builder::build)
            .toList();
        Expect.equal("hash ranges of the children", expected, ranges);
    }

    private static SdkBytes everyByte() {
        byte[] bytes = new byte[256];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) i;
        }
        return SdkBytes.fromByteArray(bytes);
    }
}
