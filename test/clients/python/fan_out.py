"""Reads a stream through enhanced fan-out with boto3; test/clients/fan-out.test.ts says how.

Usage: fan_out.py <endpoint> <stream> <consumer>
"""
import os
import sys
import threading
import time

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionError, EventStreamError, HTTPClientError

endpoint, stream, consumer = sys.argv[1:4]
kinesis = boto3.client(
    "kinesis",
    endpoint_url=endpoint,
    region_name=os.environ["AWS_REGION"],
    config=Config(max_pool_connections=50),
)
lock = threading.Lock()
followed, ended, failures = set(), set(), []


def say(*words):
    with lock:
        print(*words, flush=True)


def active_consumer():
    stream_arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    kinesis.register_stream_consumer(StreamARN=stream_arn, ConsumerName=consumer)
    while True:
        found = kinesis.describe_stream_consumer(StreamARN=stream_arn, ConsumerName=consumer)["ConsumerDescription"]
        if found["ConsumerStatus"] == "ACTIVE":
            return found["ConsumerARN"]
        time.sleep(0.02)


def follow(consumer_arn, shard):
    """The children of the shard, once it has ended; none when its last record says that there are no more."""
    position = {"Type": "TRIM_HORIZON"}
    while True:
        try:
            answer = kinesis.subscribe_to_shard(ConsumerARN=consumer_arn, ShardId=shard, StartingPosition=position)
            for part in answer["EventStream"]:
                event = part["SubscribeToShardEvent"]
                for record in event["Records"]:
                    text = record["Data"].decode()
                    if text == "end":
                        return []
                    say(shard, record["SequenceNumber"], text)
                if "ChildShards" in event:
                    say(shard, "end", ",".join(child["ShardId"] for child in event["ChildShards"]))
                    return event["ChildShards"]
                number = event["ContinuationSequenceNumber"]
                position = {"Type": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": number}
        except (ConnectionError, HTTPClientError, urllib3.exceptions.HTTPError, OSError) as error:
            say(shard, "again", type(error).__name__)
        except (ClientError, EventStreamError) as error:
            code = error.response["Error"]["Code"]
            if code not in ("ResourceInUseException", "LimitExceededException"):
                raise
            say(shard, "again", code)
        time.sleep(0.2)


def follow_lineage(consumer_arn, shard):
    """Follows the shard and then those children of which all parents have ended."""
    with lock:
        if shard in followed:
            return
        followed.add(shard)
    children = follow(consumer_arn, shard)
    with lock:
        ended.add(shard)
        ready = [child["ShardId"] for child in children if ended.issuperset(child["ParentShards"])]
    follow_all(consumer_arn, ready)


def follow_all(consumer_arn, shards):
    def run(shard):
        try:
            follow_lineage(consumer_arn, shard)
        except Exception as error:  # of any kind: a thread must not end unheard
            failures.append(f"{shard}: {type(error).__name__}: {error}")

    threads = [threading.Thread(target=run, args=[shard], daemon=True) for shard in shards]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


follow_all(active_consumer(), [shard["ShardId"] for shard in kinesis.list_shards(StreamName=stream)["Shards"]])
sys.stdout.flush()
if failures:
    sys.exit("\n".join(failures))
