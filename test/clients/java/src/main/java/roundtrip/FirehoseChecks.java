package roundtrip;

import java.util.List;

import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.firehose.FirehoseClient;
import software.amazon.awssdk.services.firehose.model.DeliveryStreamDescription;
import software.amazon.awssdk.services.firehose.model.DeliveryStreamStatus;
import software.amazon.awssdk.services.firehose.model.PutRecordBatchResponse;
import software.amazon.awssdk.services.firehose.model.Record;
import software.amazon.awssdk.services.firehose.model.ResourceNotFoundException;

/** The checks of one Firehose delivery stream. */
final class FirehoseChecks {

    private final FirehoseClient firehose;
    private final String name;

    FirehoseChecks(FirehoseClient firehose, String name) {
        this.firehose = firehose;
        this.name = name;
    }

    void deliver() {
        create();
        putRecords();
        firehose.deleteDeliveryStream(r -> r.deliveryStreamName(name));
        Expect.that(firehose.listDeliveryStreams().hasDeliveryStreamNames(), "ListDeliveryStreams", "a list of names",
            "none");
    }

    void errors() {
        Expect.error("DescribeDeliveryStream none", ResourceNotFoundException.class,
            "Firehose none under account 000000000000 not found.",
            () -> firehose.describeDeliveryStream(r -> r.deliveryStreamName("none")));
    }

    private void create() {
        firehose.createDeliveryStream(r -> r.deliveryStreamName(name).extendedS3DestinationConfiguration(s3 -> s3
            .roleARN("arn:aws:iam::000000000000:role/any")
            .bucketARN("arn:aws:s3:::" + name)));
        DeliveryStreamDescription stream = Expect.eventually("delivery stream", "to be ACTIVE", this::describe,
            description -> description.deliveryStreamStatus() == DeliveryStreamStatus.ACTIVE);
        Expect.recent("CreateTimestamp", stream.createTimestamp());
    }

    private void putRecords() {
        expectId(firehose.putRecord(r -> r.deliveryStreamName(name).record(line("one"))).recordId());
        PutRecordBatchResponse batch = firehose.putRecordBatch(
            r -> r.deliveryStreamName(name).records(List.of(line("two"), line("three"))));
        Expect.equal("FailedPutCount", 0, batch.failedPutCount());
        Expect.equal("number of results", 2, batch.requestResponses().size());
        batch.requestResponses().forEach(result -> expectId(result.recordId()));
    }

    private DeliveryStreamDescription describe() {
        return firehose.describeDeliveryStream(r -> r.deliveryStreamName(name)).deliveryStreamDescription();
    }

    private static void expectId(String id) {
        Expect.that(id != null && !id.isEmpty(), "RecordId", "a text that is not empty", id);
    }

    private static Record line(String text) {
        return Record.builder().data(SdkBytes.fromUtf8String(text + "\n")).build();
    }
}
