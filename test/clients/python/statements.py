"""What the reference document says about boto3's client, checked with boto3 itself against a running server.

Arguments: the endpoint, the profile of quotas. The server's streams take 3.5 seconds to become ACTIVE. Prints a JSON
object: the number of each statement, and null or what was wrong.
"""
import json
import sys
import time
import traceback
import urllib.parse
import urllib.request

import boto3
import botocore.exceptions

endpoint, profile = sys.argv[1:]
TARGET = "Kinesis_20131202."
OPERATIONS = """add_tags_to_stream create_stream delete_stream describe_stream get_records get_shard_iterator list_streams
    list_tags_for_stream merge_shards put_record put_records remove_tags_from_stream split_shard""".split()
PAGEABLE_SINCE = {"list_shards", "list_stream_consumers"}
MAX_DATA = 50 * 1024 if profile == "documented" else 1024 * 1024 - len("k")

kinesis = boto3.session.Session().client(
    "kinesis",
    endpoint_url=endpoint,
    region_name="eu-west-1",
    aws_access_key_id="123456789012",
    aws_secret_access_key="test",
)
statements = {}


def statement(number):
    def add(check):
        statements[number] = check
        return check

    return add


def raises(error, call, **arguments):
    try:
        call(**arguments)
    except error as caught:
        return caught
    raise AssertionError(f"{call} did not raise {error}")


def is_empty(answer):
    """No output: nothing but what boto3 adds about the response itself."""
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200, answer
    return set(answer) == {"ResponseMetadata"}


def iterator_of(stream, shard_id="shardId-000000000000"):
    answer = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON")
    return answer["ShardIterator"]


@statement("S-184")
def the_waiter():
    assert is_empty(kinesis.create_stream(StreamName="three", ShardCount=3))
    waiter = kinesis.get_waiter("stream_exists")
    assert (waiter.config.delay, waiter.config.max_attempts) == (10, 18), vars(waiter.config)
    checks = []
    kinesis.meta.events.register("before-call.kinesis.DescribeStream", lambda **_: checks.append(time.time()))
    error = raises(
        botocore.exceptions.WaiterError,
        waiter.wait,
        StreamName="three",
        WaiterConfig={"Delay": 0.15, "MaxAttempts": 18},
    )
    assert error.last_response["StreamDescription"]["StreamStatus"] == "CREATING", error.last_response
    assert len(checks) == 18, checks
    waiter.wait(StreamName="three", WaiterConfig={"Delay": 1})


@statement("S-185")
def the_waiter_takes_members():
    kinesis.get_waiter("stream_exists").wait(
        StreamName="three", Limit=1, ExclusiveStartShardId="shardId-000000000000", WaiterConfig={"Delay": 1}
    )


@statement("S-001")
def the_operations():
    missing = [name for name in OPERATIONS if not callable(getattr(kinesis, name, None))]
    assert not missing, missing
    tags = {"StreamName": "three", "Tags": {"a": "b"}}
    kinesis.add_tags_to_stream(**tags)
    assert kinesis.list_tags_for_stream(StreamName="three")["Tags"] == [{"Key": "a", "Value": "b"}]
    kinesis.remove_tags_from_stream(StreamName="three", TagKeys=["a"])
    put = kinesis.put_record(StreamName="three", PartitionKey="k", ExplicitHashKey="0", Data=b"one")
    batch = kinesis.put_records(
        StreamName="three", Records=[{"PartitionKey": "k", "ExplicitHashKey": "0", "Data": b"two"}]
    )
    assert batch["FailedRecordCount"] == 0, batch
    page = kinesis.get_records(ShardIterator=iterator_of("three"))
    assert [record["Data"] for record in page["Records"]] == [b"one", b"two"], page
    assert page["Records"][0]["SequenceNumber"] == put["SequenceNumber"]


@statement("S-002")
def the_helpers():
    for name in ["can_paginate", "get_paginator", "get_waiter", "generate_presigned_url"]:
        assert callable(getattr(kinesis, name)), name


@statement("S-003")
def can_paginate():
    pageable = {name for name in dir(kinesis) if not name.startswith("_") and is_pageable(name)}
    assert pageable - PAGEABLE_SINCE == {"describe_stream", "list_streams"}, pageable


def is_pageable(name):
    try:
        return kinesis.can_paginate(name)
    except KeyError:  # not an operation
        return False


@statement("S-004")
def not_pageable():
    raises(botocore.exceptions.OperationNotPageableError, lambda: kinesis.get_paginator("put_record"))


@statement("S-005")
def presigned():
    parameters = {"StreamName": "three", "Limit": 2}
    url = kinesis.generate_presigned_url("describe_stream", Params=parameters)
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlparse(url).query))
    assert query["X-Amz-Expires"] == "3600", query
    # Once with the parameters where boto3 has put them, once with a body as AWS reads it.
    for body in [b"", json.dumps({"StreamName": "three", "Limit": 1}).encode()]:
        request = urllib.request.Request(
            url,
            data=body,
            method="POST",
            headers={"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": TARGET + "DescribeStream"},
        )
        with urllib.request.urlopen(request) as answer:
            description = json.load(answer)["StreamDescription"]
        assert description["StreamARN"] == "arn:aws:kinesis:eu-west-1:123456789012:stream/three", description
        assert len(description["Shards"]) == (1 if body else 2), description
    keys = kinesis.generate_presigned_url(
        "remove_tags_from_stream", Params={"StreamName": "three", "TagKeys": ["a", "b"]}, HttpMethod="GET"
    )
    refused = raises(urllib.error.HTTPError, urllib.request.urlopen, url=keys)
    assert refused.code == 403, refused.code


@statement("S-006")
def no_output():
    assert is_empty(kinesis.add_tags_to_stream(StreamName="three", Tags={"a": "b"}))
    assert is_empty(kinesis.remove_tags_from_stream(StreamName="three", TagKeys=["a"]))
    assert is_empty(kinesis.create_stream(StreamName="first", ShardCount=1))
    assert is_empty(kinesis.create_stream(StreamName="second", ShardCount=2))
    waiter = kinesis.get_waiter("stream_exists")
    waiter.wait(StreamName="first", WaiterConfig={"Delay": 1})
    waiter.wait(StreamName="second", WaiterConfig={"Delay": 1})
    assert is_empty(
        kinesis.split_shard(StreamName="first", ShardToSplit="shardId-000000000000", NewStartingHashKey="1000")
    )
    assert is_empty(
        kinesis.merge_shards(
            StreamName="second",
            ShardToMerge="shardId-000000000000",
            AdjacentShardToMerge="shardId-000000000001",
        )
    )
    assert is_empty(kinesis.create_stream(StreamName="gone", ShardCount=1))
    assert is_empty(kinesis.delete_stream(StreamName="gone"))


@statement("S-007")
def blobs():
    every_byte = bytes(range(256))
    largest = every_byte * (MAX_DATA // 256 + 1)
    for data in [every_byte, b"", largest[:MAX_DATA]]:
        number = kinesis.put_record(StreamName="three", PartitionKey="k", ExplicitHashKey="0", Data=data)[
            "SequenceNumber"
        ]
        iterator = kinesis.get_shard_iterator(
            StreamName="three",
            ShardId="shardId-000000000000",
            ShardIteratorType="AT_SEQUENCE_NUMBER",
            StartingSequenceNumber=number,
        )["ShardIterator"]
        assert kinesis.get_records(ShardIterator=iterator)["Records"][0]["Data"] == data, len(data)
        time.sleep(1)
    error = raises(
        botocore.exceptions.ClientError,
        kinesis.put_record,
        StreamName="three",
        PartitionKey="k",
        Data=largest[: MAX_DATA + 1],
    )
    assert error.response["Error"]["Code"] == "ValidationException", error.response


@statement("S-180")
def paginators():
    for name in ["describe_stream", "list_streams"]:
        kinesis.get_paginator(name)
    pages = list(
        kinesis.get_paginator("describe_stream").paginate(
            StreamName="three", PaginationConfig={"MaxItems": 2, "PageSize": 1}
        )
    )
    assert [len(page["StreamDescription"]["Shards"]) for page in pages] == [1, 1], pages


@statement("S-181")
def resume():
    paginator = kinesis.get_paginator("describe_stream")
    first = paginator.paginate(StreamName="three", PaginationConfig={"MaxItems": 2, "PageSize": 1}).build_full_result()
    assert len(first["StreamDescription"]["Shards"]) == 2 and first["NextToken"], first
    rest = paginator.paginate(
        StreamName="three", PaginationConfig={"StartingToken": first["NextToken"]}
    ).build_full_result()
    ids = [shard["ShardId"] for page in [first, rest] for shard in page["StreamDescription"]["Shards"]]
    assert ids == [f"shardId-00000000000{index}" for index in range(3)], ids
    assert "NextToken" not in rest, rest


@statement("S-182")
def describe_pages():
    asked = recorded("DescribeStream")
    pages = list(kinesis.get_paginator("describe_stream").paginate(StreamName="three", PaginationConfig={"PageSize": 1}))
    ids = [page["StreamDescription"]["Shards"][0]["ShardId"] for page in pages]
    assert [request.get("ExclusiveStartShardId") for request in asked] == [None, *ids[:-1]], asked
    assert [page["StreamDescription"]["HasMoreShards"] for page in pages] == [True, True, False], pages


@statement("S-183")
def list_pages():
    asked = recorded("ListStreams")
    pages = list(kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 1}))
    names = [name for page in pages for name in page["StreamNames"]]
    # The stream that an earlier statement deleted may still be in DELETING.
    kept = ["first", "second", "three"]
    assert [name for name in names if name != "gone"] == kept, names
    # Today's boto3 pages by token; that of the document paged by the last name.
    assert [request.get("NextToken") for request in asked] == [None, *[page["NextToken"] for page in pages[:-1]]], asked
    time.sleep(1)
    by_name, more = [], True
    while more:
        last = {"ExclusiveStartStreamName": by_name[-1]} if by_name else {}
        page = kinesis.list_streams(Limit=1, **last)
        by_name += page["StreamNames"]
        more = page["HasMoreStreams"]
    assert [name for name in by_name if name != "gone"] == kept, by_name


def recorded(operation):
    """The bodies of the requests of `operation` from now on."""
    bodies = []
    kinesis.meta.events.register(
        f"before-call.kinesis.{operation}", lambda params, **_: bodies.append(json.loads(params["body"]))
    )
    return bodies


results = {}
for number, check in statements.items():
    try:
        check()
        results[number] = None
    except Exception:
        results[number] = traceback.format_exc()
print(json.dumps(results))
