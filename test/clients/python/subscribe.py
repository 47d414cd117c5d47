"""Reads a shard by SubscribeToShard with boto3, is told its end, and is told of a consumer that is deregistered."""

import sys

import boto3
from botocore.exceptions import EventStreamError

endpoint = sys.argv[1]


def new_client():
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


kinesis, other = new_client(), new_client()
kinesis.create_stream(StreamName="a", ShardCount=1)
arn = kinesis.describe_stream_summary(StreamName="a")["StreamDescriptionSummary"]["StreamARN"]
consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="reader")["Consumer"]["ConsumerARN"]


def subscribe(shard, kind):
    answer = kinesis.subscribe_to_shard(
        ConsumerARN=consumer, ShardId="shardId-%012d" % shard, StartingPosition={"Type": kind}
    )
    return (event["SubscribeToShardEvent"] for event in answer["EventStream"])


texts = []
for number in range(10):
    kinesis.put_record(StreamName="a", PartitionKey="k", Data=b"%d" % number)
for event in subscribe(0, "TRIM_HORIZON"):
    if not texts:
        other.put_record(StreamName="a", PartitionKey="k", Data=b"10")
        other.split_shard(StreamName="a", ShardToSplit="shardId-000000000000", NewStartingHashKey="9")
    texts += [int(record["Data"]) for record in event["Records"]]
    last = event
assert texts == list(range(11)), texts
assert "ContinuationSequenceNumber" not in last, last
assert len(last["ChildShards"]) == 2, last

try:
    for _event in subscribe(1, "LATEST"):
        other.deregister_stream_consumer(ConsumerARN=consumer)
    raise AssertionError("the stream has ended in order")
except EventStreamError as error:
    assert error.response["Error"]["Code"] == "ResourceNotFoundException", error.response
print("subscribed")
