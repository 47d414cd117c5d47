"""URLs that boto3 signs for others to call: ListStreams and PutRecord, sent as their receiver has to send them.

Usage: presigned.py <endpoint>

boto3 moves the parameters of a call into the URL's query. It does not hand out the rest of the request, of which the
URL names the signed headers: a POST with an empty body, and the headers X-Amz-Target and Content-Type.

Credentials and CA_FILE are taken from the environment, and the region from AWS_REGION. Prints nothing and exits with 0
if the calls are answered with 200 and the record that was put is the one that is read.
"""
import json
import os
import ssl
import sys
import time
import urllib.request
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import boto3

SECONDS = 30
EVERY_BYTE = bytes(range(256))

endpoint = sys.argv[1]
certificate = os.environ.get("CA_FILE")
kinesis = boto3.client("kinesis", endpoint_url=endpoint, region_name=os.environ["AWS_REGION"], verify=certificate)


def call(operation, target, **parameters):
    """The answer to a presigned URL; one that is not 200 raises an error."""
    url = kinesis.generate_presigned_url(operation, Params=parameters)
    headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"Kinesis_20131202.{target}"}
    signed = set(parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"][0].split(";"))
    assert signed <= {"host", *map(str.lower, headers)}, signed
    request = urllib.request.Request(url, data=b"", headers=headers, method="POST")
    context = ssl.create_default_context(cafile=certificate) if certificate else None
    with urllib.request.urlopen(request, timeout=SECONDS, context=context) as answer:
        assert answer.status == 200, answer.status
        return json.load(answer)


def wait_until_active(stream):
    end = time.monotonic() + SECONDS
    while kinesis.describe_stream(StreamName=stream)["StreamDescription"]["StreamStatus"] != "ACTIVE":
        assert time.monotonic() < end, f"{stream} is not ACTIVE after {SECONDS} seconds"
        time.sleep(0.05)


name = f"presigned-{uuid4()}"
kinesis.create_stream(StreamName=name, ShardCount=1)
wait_until_active(name)

assert name in call("list_streams", "ListStreams")["StreamNames"]

# The last name before the stream's own, so that it is the first of the page whatever other streams there are.
listed = call("list_streams", "ListStreams", ExclusiveStartStreamName=name[:-1], Limit=1)
assert listed["StreamNames"] == [name], listed

put = call("put_record", "PutRecord", StreamName=name, PartitionKey="clé-ключ-🔑", Data=EVERY_BYTE)
iterator = kinesis.get_shard_iterator(StreamName=name, ShardId=put["ShardId"], ShardIteratorType="TRIM_HORIZON")
records = kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
read = [(record["SequenceNumber"], record["PartitionKey"], record["Data"]) for record in records]
assert read == [(put["SequenceNumber"], "clé-ключ-🔑", EVERY_BYTE)], read

kinesis.delete_stream(StreamName=name)
