"""The round trip that every client makes, with boto3 over HTTP/1.1.

Usage: checks.py <endpoint> <name>

The stream and the delivery stream are called <name>. Credentials are found by boto3 itself. So is the region, but under
the name that the other SDKs use: AWS_REGION, where boto3 looks for AWS_DEFAULT_REGION only. CA_FILE, if set, is the PEM
certificate to trust for https. Prints the name of each check that passed; the first that fails is explained on standard
error. There is one transport.
"""
import os
import re
import signal
import sys
import time
from collections import Counter
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import boto3

SECONDS = 55
EVERY_BYTE = bytes(range(256))
UNICODE_KEY = "clé-ключ-🔑"
BATCH = [{"PartitionKey": f"key-{n}", "Data": f"record {n}".encode()} for n in range(500)]

endpoint, name = sys.argv[1:3]
settings = {"endpoint_url": endpoint, "region_name": os.environ["AWS_REGION"], "verify": os.environ.get("CA_FILE")}
kinesis = boto3.client("kinesis", **settings)
firehose = boto3.client("firehose", **settings)


class Failure(Exception):
    """What was expected and what came instead, in a sentence."""


@contextmanager
def check(title):
    """Prints the title after its check has passed; ends the program when it has not, or when its time is up."""
    signal.signal(signal.SIGALRM, lambda *_: sys.exit(f"{title}: expected an end within {SECONDS} seconds, got none"))
    try:
        yield
    except Failure as failure:
        sys.exit(f"{title}: {failure}")
    except Exception as error:
        sys.exit(f"{title}: expected no error, got {type(error).__name__}: {error}")
    print(title, flush=True)


def expect(condition, what, actual):
    if not condition:
        raise Failure(f"expected {what}, got {actual!r}")


def expect_equal(what, actual, expected):
    expect(actual == expected, f"{what} {expected!r}", actual)


def expect_recent(what, moment):
    """Within ten minutes of now: not off by the thousand between seconds and milliseconds."""
    expect(abs(datetime.now(timezone.utc) - moment) < timedelta(minutes=10), f"{what} near now", moment)


def described():
    return kinesis.describe_stream(StreamName=name)["StreamDescription"]


def described_delivery():
    return firehose.describe_delivery_stream(DeliveryStreamName=name)["DeliveryStreamDescription"]


def until_active(describe, status):
    """The first description with the status ACTIVE; the program's time bounds the wait."""
    while (description := describe())[status] != "ACTIVE":
        time.sleep(0.05)
    return description


def create():
    kinesis.create_stream(StreamName=name, ShardCount=2)
    stream = until_active(described, "StreamStatus")
    expect_recent("StreamCreationTimestamp", stream["StreamCreationTimestamp"])
    expect_equal("number of shards", len(stream["Shards"]), 2)
    expect(stream["StreamARN"].endswith(f":stream/{name}"), f"StreamARN of {name}", stream["StreamARN"])
    return stream["Shards"]


def put():
    """The shard of the record that is put."""
    answer = kinesis.put_record(StreamName=name, PartitionKey=UNICODE_KEY, Data=EVERY_BYTE)
    expect(re.fullmatch("[0-9]+", answer["SequenceNumber"]), "SequenceNumber of digits", answer["SequenceNumber"])
    expect(answer["ShardId"].startswith("shardId-"), "ShardId that starts with shardId-", answer["ShardId"])
    return answer["ShardId"]


def batch():
    answer = kinesis.put_records(StreamName=name, Records=BATCH)
    expect_equal("FailedRecordCount", answer["FailedRecordCount"], 0)
    expect_equal("number of entries", len(answer["Records"]), len(BATCH))
    for entry in answer["Records"]:
        expect(entry.get("SequenceNumber") and "ErrorCode" not in entry, "SequenceNumber and no ErrorCode", entry)


def read(shards, shard_id):
    """All records of all shards, then positions in the shard `shard_id`."""
    records = {shard["ShardId"]: read_shard(shard["ShardId"]) for shard in shards}
    everything = [record for of_shard in records.values() for record in of_shard]
    sent = Counter([(UNICODE_KEY, EVERY_BYTE), *((record["PartitionKey"], record["Data"]) for record in BATCH)])
    received = Counter((record["PartitionKey"], record["Data"]) for record in everything)
    expect_equal("records that are missing:", list(sent - received)[:3], [])
    expect_equal("records that were not put:", list(received - sent)[:3], [])

    first, second = records[shard_id][:2]
    hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)
    expect_equal("AT_TIMESTAMP an hour ago", record_at(shard_id, "AT_TIMESTAMP", Timestamp=hour_ago), first)
    after = record_at(shard_id, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=first["SequenceNumber"])
    expect_equal("AFTER_SEQUENCE_NUMBER of the first record", after, second)


def read_shard(shard_id):
    records, iterator = [], iterator_at(shard_id, "TRIM_HORIZON")
    while True:
        page = kinesis.get_records(ShardIterator=iterator)
        records += page["Records"]
        if not page["Records"] and page["MillisBehindLatest"] == 0:
            break
        iterator = page["NextShardIterator"]
    numbers = [int(record["SequenceNumber"]) for record in records]
    expect(numbers == sorted(set(numbers)), f"strictly increasing numbers in {shard_id}", numbers)
    for record in records:
        expect_recent("ApproximateArrivalTimestamp", record["ApproximateArrivalTimestamp"])
    return records


def iterator_at(shard_id, kind, **position):
    answer = kinesis.get_shard_iterator(StreamName=name, ShardId=shard_id, ShardIteratorType=kind, **position)
    return answer["ShardIterator"]


def record_at(shard_id, kind, **position):
    records = kinesis.get_records(ShardIterator=iterator_at(shard_id, kind, **position), Limit=1)["Records"]
    expect_equal(f"number of records at {kind}", len(records), 1)
    return records[0]


def tag():
    tags = {"env": "test", "ключ": "значение"}
    kinesis.add_tags_to_stream(StreamName=name, Tags=tags)
    expect_equal("tags", listed_tags(), tags)
    kinesis.remove_tags_from_stream(StreamName=name, TagKeys=["env"])
    expect_equal("tags", listed_tags(), {"ключ": "значение"})


def listed_tags():
    answer = kinesis.list_tags_for_stream(StreamName=name)
    return {entry["Key"]: entry["Value"] for entry in answer["Tags"]}


def split(parent):
    parent_id = parent["ShardId"]
    start, end = hash_range(parent)
    middle = (start + end + 1) // 2
    kinesis.split_shard(StreamName=name, ShardToSplit=parent_id, NewStartingHashKey=str(middle))
    shards = until_active(described, "StreamStatus")["Shards"]
    expect_equal("number of shards", len(shards), 4)
    children = sorted(hash_range(shard) for shard in shards if shard.get("ParentShardId") == parent_id)
    expect_equal(f"hash ranges of the children of {parent_id}", children, [(start, middle - 1), (middle, end)])
    closed = next(shard for shard in shards if shard["ShardId"] == parent_id)["SequenceNumberRange"]
    expect(closed.get("EndingSequenceNumber"), f"EndingSequenceNumber in {parent_id}", closed)


def hash_range(shard):
    both = shard["HashKeyRange"]
    return int(both["StartingHashKey"]), int(both["EndingHashKey"])


def deliver():
    destination = {"RoleARN": "arn:aws:iam::000000000000:role/any", "BucketARN": f"arn:aws:s3:::{name}"}
    firehose.create_delivery_stream(DeliveryStreamName=name, ExtendedS3DestinationConfiguration=destination)
    expect_recent("CreateTimestamp", until_active(described_delivery, "DeliveryStreamStatus")["CreateTimestamp"])
    one = firehose.put_record(DeliveryStreamName=name, Record={"Data": b"one\n"})
    rest = firehose.put_record_batch(DeliveryStreamName=name, Records=[{"Data": b"two\n"}, {"Data": b"three\n"}])
    expect_equal("FailedPutCount", rest["FailedPutCount"], 0)
    expect_equal("number of responses", len(rest["RequestResponses"]), 2)
    for entry in [one, *rest["RequestResponses"]]:
        expect(entry.get("RecordId"), "RecordId", entry)
    firehose.delete_delivery_stream(DeliveryStreamName=name)
    names = firehose.list_delivery_streams()["DeliveryStreamNames"]
    expect(isinstance(names, list), "list of DeliveryStreamNames", names)


def errors():
    no_stream = "Stream none under account 000000000000 not found."
    no_delivery_stream = "Firehose none under account 000000000000 not found."
    pattern = "failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"

    unknown = refusal(kinesis, "put_record", StreamName="none", PartitionKey="k", Data=b"")
    expect_equal("error", unknown, ("ResourceNotFoundException", no_stream))
    damaged = refusal(kinesis, "get_records", ShardIterator="damaged")
    expect_equal("error", damaged, ("InvalidArgumentException", "Invalid ShardIterator."))
    code, message = refusal(kinesis, "create_stream", StreamName="bad name!", ShardCount=1)
    expect_equal("code", code, "ValidationException")
    expect(pattern in message, f"message with {pattern!r}", message)
    unknown = refusal(firehose, "describe_delivery_stream", DeliveryStreamName="none")
    expect_equal("error", unknown, ("ResourceNotFoundException", no_delivery_stream))


def refusal(client, operation, **parameters):
    """Code and message of the error that a call raises, which must be of the class that boto3 has for the code."""
    try:
        answer = getattr(client, operation)(**parameters)
    except client.exceptions.ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
        expect(isinstance(error, client.exceptions.from_code(code)), f"class of {code}", type(error))
        request_id = error.response["ResponseMetadata"]["RequestId"]
        expect(len(request_id) == 36, "request id of 36 characters", request_id)
        return code, message
    raise Failure(f"expected {operation} to fail, got {answer!r}")


def delete():
    kinesis.delete_stream(StreamName=name)
    try:
        while described():
            time.sleep(0.05)
    except kinesis.exceptions.ResourceNotFoundException:
        pass


signal.alarm(SECONDS)
with check("create"):
    created_shards = create()
with check("put"):
    shard_of_put = put()
with check("batch"):
    batch()
with check("read"):
    read(created_shards, shard_of_put)
with check("tag"):
    tag()
with check("split"):
    split(created_shards[0])
with check("deliver"):
    deliver()
with check("errors"):
    errors()
    delete()
