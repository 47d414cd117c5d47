package roundtrip;

import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.AddTagsToStreamRequest;
import software.amazon.awssdk.services.kinesis.model.AddTagsToStreamResponse;
import software.amazon.awssdk.services.kinesis.model.CreateStreamRequest;
import software.amazon.awssdk.services.kinesis.model.CreateStreamResponse;
import software.amazon.awssdk.services.kinesis.model.DeleteStreamRequest;
import software.amazon.awssdk.services.kinesis.model.DeleteStreamResponse;
import software.amazon.awssdk.services.kinesis.model.DescribeStreamRequest;
import software.amazon.awssdk.services.kinesis.model.DescribeStreamResponse;
import software.amazon.awssdk.services.kinesis.model.GetRecordsRequest;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorRequest;
import software.amazon.awssdk.services.kinesis.model.GetShardIteratorResponse;
import software.amazon.awssdk.services.kinesis.model.ListTagsForStreamRequest;
import software.amazon.awssdk.services.kinesis.model.ListTagsForStreamResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordRequest;
import software.amazon.awssdk.services.kinesis.model.PutRecordResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequest;
import software.amazon.awssdk.services.kinesis.model.PutRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.RemoveTagsFromStreamRequest;
import software.amazon.awssdk.services.kinesis.model.RemoveTagsFromStreamResponse;
import software.amazon.awssdk.services.kinesis.model.SplitShardRequest;
import software.amazon.awssdk.services.kinesis.model.SplitShardResponse;

/** The asynchronous client behind the interface of the synchronous one; has the operations that the checks call. */
record BlockingKinesis(KinesisAsyncClient async) implements KinesisClient {

    @Override
    public AddTagsToStreamResponse addTagsToStream(AddTagsToStreamRequest request) {
        return Await.result(async.addTagsToStream(request));
    }

    @Override
    public CreateStreamResponse createStream(CreateStreamRequest request) {
        return Await.result(async.createStream(request));
    }

    @Override
    public DeleteStreamResponse deleteStream(DeleteStreamRequest request) {
        return Await.result(async.deleteStream(request));
    }

    @Override
    public DescribeStreamResponse describeStream(DescribeStreamRequest request) {
        return Await.result(async.describeStream(request));
    }

    @Override
    public GetRecordsResponse getRecords(GetRecordsRequest request) {
        return Await.result(async.getRecords(request));
    }

    @Override
    public GetShardIteratorResponse getShardIterator(GetShardIteratorRequest request) {
        return Await.result(async.getShardIterator(request));
    }

    @Override
    public ListTagsForStreamResponse listTagsForStream(ListTagsForStreamRequest request) {
        return Await.result(async.listTagsForStream(request));
    }

    @Override
    public PutRecordResponse putRecord(PutRecordRequest request) {
        return Await.result(async.putRecord(request));
    }

    @Override
    public PutRecordsResponse putRecords(PutRecordsRequest request) {
        return Await.result(async.putRecords(request));
    }

    @Override
    public RemoveTagsFromStreamResponse removeTagsFromStream(RemoveTagsFromStreamRequest request) {
        return Await.result(async.removeTagsFromStream(request));
    }

    @Override
    public SplitShardResponse splitShard(SplitShardRequest request) {
        return Await.result(async.splitShard(request));
    }

    @Override
    public String serviceName() {
        return async.serviceName();
    }

    @Override
    public void close() {
        async.close();
    }
}
