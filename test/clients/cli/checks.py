"""The round trip that every client makes, with the AWS CLI, version 1 or 2.

Usage: checks.py <endpoint> <name>

Starts the `aws` of the PATH for each call. The stream and the delivery stream are called <name>. Credentials are found
by the CLI itself; so is the region, by version 1 under AWS_DEFAULT_REGION only, which AWS_REGION is copied to. CA_FILE,
if set, is the PEM certificate to trust for https. Prints the name of each check that passed; the first that fails is
explained on standard error. There is one transport, HTTP/1.1. The CLI does not show request ids: they are not checked.

Where the versions differ, a configuration file of the program's own makes them alike: version 2 would read blobs in
arguments as base64, and version 1 print times as numbers. Both print blobs as base64.
"""
import json
import os
import re
import subprocess
import sys
import time
from base64 import b64decode
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory

SECONDS = 55
EVERY_BYTE = bytes(range(256))
UNICODE_KEY = "clé-ключ-🔑"
BATCH = [{"PartitionKey": f"key-{n}", "Data": f"record {n}"} for n in range(500)]
CONFIGURATION = "[default]\ncli_binary_format = raw-in-base64-out\ncli_timestamp_format = iso8601\n"
ERROR = re.compile(r"An error occurred \((\w+)\) when calling the \w+ operation[^:]*: (.*)")

endpoint, name = sys.argv[1:3]
trust = ["--ca-bundle", os.environ["CA_FILE"]] if os.environ.get("CA_FILE") else []
common = ["--endpoint-url", endpoint, "--output", "json", *trust]
environment = {**os.environ, "AWS_DEFAULT_REGION": os.environ["AWS_REGION"], "AWS_PAGER": ""}
deadline = time.monotonic() + SECONDS


class Failure(Exception):
    """What was expected and what came instead, in a sentence."""


class Refusal(Exception):
    """An error that the service answered with: its code and message."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


@contextmanager
def check(title):
    """Prints the title after its check has passed; ends the program when it has not, or when its time is up."""
    try:
        yield
    except Failure as failure:
        sys.exit(f"{title}: {failure}")
    except subprocess.TimeoutExpired:
        sys.exit(f"{title}: expected an end within {SECONDS} seconds, got none")
    except Exception as error:
        sys.exit(f"{title}: expected no error, got {type(error).__name__}: {error}")
    print(title, flush=True)


def aws(service, operation, **parameters):
    """What a command prints; every command ends before the program's time is up.

    Parameters are options in snake case; dictionaries and lists are given as JSON, but lists of strings as words.
    """
    options = []
    for option, value in parameters.items():
        options += ["--" + option.replace("_", "-"), *words(value)]
    done = subprocess.run(
        ["aws", *common, service, operation, *options],
        env=environment,
        capture_output=True,
        encoding="utf8",
        timeout=max(0, deadline - time.monotonic()),
    )
    if done.returncode == 0:
        return json.loads(done.stdout or "null")
    refusal = ERROR.search(done.stderr)
    if refusal:
        raise Refusal(*refusal.groups())
    raise Failure(f"expected {operation} to work, got {done.stderr.strip()!r}")


def words(value):
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(word, str) for word in value):
        return value
    return [json.dumps(value)]


def kinesis(operation, **parameters):
    return aws("kinesis", operation, **parameters)


def firehose(operation, **parameters):
    return aws("firehose", operation, **parameters)


def at_once(function, values):
    """The function's results for the values, of commands that run side by side: each takes about a second to start."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(function, values))


def expect(condition, what, actual):
    if not condition:
        raise Failure(f"expected {what}, got {actual!r}")


def expect_equal(what, actual, expected):
    expect(actual == expected, f"{what} {expected!r}", actual)


def expect_recent(what, moment):
    """Within ten minutes of now: not off by the thousand between seconds and milliseconds."""
    distance = abs(datetime.now(timezone.utc) - datetime.fromisoformat(moment))
    expect(distance < timedelta(minutes=10), f"{what} near now", moment)


def described():
    return kinesis("describe-stream", stream_name=name)["StreamDescription"]


def described_delivery():
    return firehose("describe-delivery-stream", delivery_stream_name=name)["DeliveryStreamDescription"]


def until_active(describe, status):
    """The first description with the status ACTIVE; the program's time bounds the wait."""
    while (description := describe())[status] != "ACTIVE":
        time.sleep(0.05)
    return description


def create():
    kinesis("create-stream", stream_name=name, shard_count="2")
    stream = until_active(described, "StreamStatus")
    expect_recent("StreamCreationTimestamp", stream["StreamCreationTimestamp"])
    expect_equal("number of shards", len(stream["Shards"]), 2)
    expect(stream["StreamARN"].endswith(f":stream/{name}"), f"StreamARN of {name}", stream["StreamARN"])
    return stream["Shards"]


def put(data_file):
    """The shard of the record that is put."""
    answer = kinesis("put-record", stream_name=name, partition_key=UNICODE_KEY, data=f"fileb://{data_file}")
    expect(re.fullmatch("[0-9]+", answer["SequenceNumber"]), "SequenceNumber of digits", answer["SequenceNumber"])
    expect(answer["ShardId"].startswith("shardId-"), "ShardId that starts with shardId-", answer["ShardId"])
    return answer["ShardId"]


def batch():
    answer = kinesis("put-records", stream_name=name, records=BATCH)
    expect_equal("FailedRecordCount", answer["FailedRecordCount"], 0)
    expect_equal("number of entries", len(answer["Records"]), len(BATCH))
    for entry in answer["Records"]:
        expect(entry.get("SequenceNumber") and "ErrorCode" not in entry, "SequenceNumber and no ErrorCode", entry)


def read(shards, shard_id):
    """All records of all shards, then positions in the shard `shard_id`."""
    ids = [shard["ShardId"] for shard in shards]
    records = dict(zip(ids, at_once(read_shard, ids)))
    everything = [record for of_shard in records.values() for record in of_shard]
    texts = [(record["PartitionKey"], record["Data"].encode()) for record in BATCH]
    sent = Counter([(UNICODE_KEY, EVERY_BYTE), *texts])
    received = Counter((record["PartitionKey"], b64decode(record["Data"])) for record in everything)
    expect_equal("records that are missing:", list(sent - received)[:3], [])
    expect_equal("records that were not put:", list(received - sent)[:3], [])

    first, second = records[shard_id][:2]
    hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)
    at_timestamp, after = at_once(
        lambda position: record_at(shard_id, **position),
        [
            {"kind": "AT_TIMESTAMP", "timestamp": hour_ago.isoformat()},
            {"kind": "AFTER_SEQUENCE_NUMBER", "starting_sequence_number": first["SequenceNumber"]},
        ],
    )
    expect_equal("AT_TIMESTAMP an hour ago", at_timestamp, first)
    expect_equal("AFTER_SEQUENCE_NUMBER of the first record", after, second)


def read_shard(shard_id):
    records, iterator = [], iterator_at(shard_id, "TRIM_HORIZON")
    while True:
        page = kinesis("get-records", shard_iterator=iterator)
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
    answer = kinesis("get-shard-iterator", stream_name=name, shard_id=shard_id, shard_iterator_type=kind, **position)
    return answer["ShardIterator"]


def record_at(shard_id, kind, **position):
    records = kinesis("get-records", shard_iterator=iterator_at(shard_id, kind, **position), limit="1")["Records"]
    expect_equal(f"number of records at {kind}", len(records), 1)
    return records[0]


def tag():
    tags = {"env": "test", "ключ": "значение"}
    kinesis("add-tags-to-stream", stream_name=name, tags=tags)
    expect_equal("tags", listed_tags(), tags)
    kinesis("remove-tags-from-stream", stream_name=name, tag_keys=["env"])
    expect_equal("tags", listed_tags(), {"ключ": "значение"})


def listed_tags():
    answer = kinesis("list-tags-for-stream", stream_name=name)
    return {entry["Key"]: entry["Value"] for entry in answer["Tags"]}


def split(parent):
    parent_id = parent["ShardId"]
    start, end = hash_range(parent)
    middle = (start + end + 1) // 2
    kinesis("split-shard", stream_name=name, shard_to_split=parent_id, new_starting_hash_key=str(middle))
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
    stream = {"delivery_stream_name": name}
    destination = {"RoleARN": "arn:aws:iam::000000000000:role/any", "BucketARN": f"arn:aws:s3:::{name}"}
    firehose("create-delivery-stream", **stream, extended_s3_destination_configuration=destination)
    expect_recent("CreateTimestamp", until_active(described_delivery, "DeliveryStreamStatus")["CreateTimestamp"])
    one = firehose("put-record", **stream, record={"Data": "one\n"})
    rest = firehose("put-record-batch", **stream, records=[{"Data": "two\n"}, {"Data": "three\n"}])
    expect_equal("FailedPutCount", rest["FailedPutCount"], 0)
    expect_equal("number of responses", len(rest["RequestResponses"]), 2)
    for entry in [one, *rest["RequestResponses"]]:
        expect(entry.get("RecordId"), "RecordId", entry)
    firehose("delete-delivery-stream", **stream)
    names = firehose("list-delivery-streams")["DeliveryStreamNames"]
    expect(isinstance(names, list), "list of DeliveryStreamNames", names)


def errors():
    no_stream = "Stream none under account 000000000000 not found."
    no_delivery_stream = "Firehose none under account 000000000000 not found."
    pattern = "failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"
    unknown, damaged, (code, message), unknown_delivery = at_once(
        lambda call: refusal(*call),
        [
            (kinesis, "put-record", {"stream_name": "none", "partition_key": "k", "data": "text"}),
            (kinesis, "get-records", {"shard_iterator": "damaged"}),
            (kinesis, "create-stream", {"stream_name": "bad name!", "shard_count": "1"}),
            (firehose, "describe-delivery-stream", {"delivery_stream_name": "none"}),
        ],
    )
    expect_equal("error", unknown, ("ResourceNotFoundException", no_stream))
    expect_equal("error", damaged, ("InvalidArgumentException", "Invalid ShardIterator."))
    expect_equal("code", code, "ValidationException")
    expect(pattern in message, f"message with {pattern!r}", message)
    expect_equal("error", unknown_delivery, ("ResourceNotFoundException", no_delivery_stream))


def refusal(service, operation, parameters):
    """Code and message of the error that a command ends with."""
    try:
        answer = service(operation, **parameters)
    except Refusal as error:
        return error.code, error.message
    raise Failure(f"expected {operation} to fail, got {answer!r}")


def delete():
    kinesis("delete-stream", stream_name=name)
    try:
        while described():
            time.sleep(0.05)
    except Refusal as error:
        expect_equal("code", error.code, "ResourceNotFoundException")


with TemporaryDirectory() as directory:
    configuration, every_byte = Path(directory, "config"), Path(directory, "every-byte")
    configuration.write_text(CONFIGURATION)
    every_byte.write_bytes(EVERY_BYTE)
    environment["AWS_CONFIG_FILE"] = str(configuration)
    with check("create"):
        created_shards = create()
    with check("put"):
        shard_of_put = put(every_byte)
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
