"""The main job with boto3, unchanged: create, put lines singly and in batches from eight threads, read all back.

Arguments: the endpoint, the file of lines, the number of lines. Fails with an assertion that explains.
"""
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import islice, cycle

import boto3

endpoint, path, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
STREAM = "lines"
THREADS = 8


def new_client():
    return boto3.session.Session().client(
        "kinesis",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


def key_of(line):
    return line.strip()[:200] or "empty"


def put(lines):
    kinesis = new_client()
    single = len(lines) // 5
    numbers = [
        kinesis.put_record(StreamName=STREAM, PartitionKey=key_of(line), Data=line.encode())["SequenceNumber"]
        for line in lines[:single]
    ]
    for start in range(single, len(lines), 250):
        batch = lines[start : start + 250]
        answer = kinesis.put_records(
            StreamName=STREAM,
            Records=[{"PartitionKey": key_of(line), "Data": line.encode()} for line in batch],
        )
        assert answer["FailedRecordCount"] == 0, answer
        numbers += [record["SequenceNumber"] for record in answer["Records"]]
    return list(zip(numbers, lines))


def read(kinesis, shard_id):
    iterator = kinesis.get_shard_iterator(
        StreamName=STREAM, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    last = 0
    while True:
        page = kinesis.get_records(ShardIterator=iterator, Limit=700)
        if not page["Records"] and page["MillisBehindLatest"] == 0:
            return
        for record in page["Records"]:
            assert int(record["SequenceNumber"]) > last, f"numbers of {shard_id} strictly increase"
            last = int(record["SequenceNumber"])
            yield record["SequenceNumber"], record["Data"].decode()
        iterator = page["NextShardIterator"]


with open(path, encoding="utf8") as file:
    lines = list(islice(cycle(file.read().split("\n")), count))

client = new_client()
assert client.create_stream(StreamName=STREAM, ShardCount=4)["ResponseMetadata"]["HTTPStatusCode"] == 200
waiter = client.get_waiter("stream_exists")
waiter.wait(StreamName=STREAM, WaiterConfig={"Delay": 1})
names = [name for page in client.get_paginator("list_streams").paginate() for name in page["StreamNames"]]
assert names == [STREAM], names
shards = [
    shard
    for page in client.get_paginator("describe_stream").paginate(StreamName=STREAM, PaginationConfig={"PageSize": 3})
    for shard in page["StreamDescription"]["Shards"]
]
assert len(shards) == 4, shards

share = count // THREADS
with ThreadPoolExecutor(THREADS) as pool:
    puts = [pair for pairs in pool.map(put, [lines[i * share : (i + 1) * share] for i in range(THREADS)]) for pair in pairs]
records = [record for shard in shards for record in read(client, shard["ShardId"])]
assert len(set(number for number, _ in puts)) == count, "sequence numbers are unique"
assert Counter(puts) == Counter(records), "every line once, under the number that was acknowledged"

try:
    client.get_records(ShardIterator="damaged")
    raise SystemExit("a damaged iterator was accepted")
except client.exceptions.InvalidArgumentException as error:
    assert error.response["Error"]["Message"] == "Invalid ShardIterator.", error.response
try:
    client.put_record(StreamName="none", PartitionKey="k", Data=b"")
    raise SystemExit("an unknown stream was accepted")
except client.exceptions.ResourceNotFoundException as error:
    assert error.response["Error"]["Message"] == "Stream none under account 000000000000 not found.", error.response
    assert len(error.response["ResponseMetadata"]["RequestId"]) == 36
print(f"{len(records)} records")
