"""STS and CloudWatch as boto3 calls them: PutMetricData in each of the protocols that botocore knows for it.

Usage: companions.py <endpoint>

Credentials are taken from the environment, and the region from AWS_REGION. Prints the protocols that were spoken.
"""
import os
import sys
import urllib.error
import urllib.request
from contextlib import contextmanager
from datetime import datetime, timezone

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.model import ServiceModel

SECONDS = 30

session = boto3.session.Session(region_name=os.environ["AWS_REGION"])
# Older versions speak one protocol each.
CHOSEN = getattr(ServiceModel, "resolved_protocol", None)


def client(service):
    return session.client(service, endpoint_url=sys.argv[1], config=Config(retries={"total_max_attempts": 1}))


@contextmanager
def speaking(protocol):
    """Clients speak `protocol` instead of the one that botocore would choose."""
    ServiceModel.resolved_protocol = property(lambda _model: protocol)
    try:
        yield
    finally:
        if CHOSEN:
            ServiceModel.resolved_protocol = CHOSEN


def put(protocol):
    cloudwatch = client("cloudwatch")
    encodings = []
    note = lambda request, **_: encodings.append(request.headers.get("Content-Encoding"))
    cloudwatch.meta.events.register("before-send.cloudwatch.PutMetricData", note)
    metric = {
        "MetricName": "UserRecordsPut",
        "Dimensions": [{"Name": "StreamName", "Value": "a"}, {"Name": "ÄÖ", "Value": "x & y + 100 %"}],
        "Timestamp": datetime.now(timezone.utc),
        "Values": [1.5, 2e10],
        "Counts": [1, 3],
        "Unit": "Bytes/Second",
    }
    cloudwatch.put_metric_data(Namespace=protocol, MetricData=[metric])
    cloudwatch.put_metric_data(Namespace=protocol, MetricData=[metric] * 100)
    assert encodings == [None, b"gzip"] or encodings == [None, "gzip"], encodings
    for call, code, modeled in [
        (lambda: cloudwatch.put_metric_data(Namespace=":n", MetricData=[metric]), "InvalidParameterValue", True),
        (lambda: cloudwatch.put_metric_data(Namespace="n"), "MissingParameter", True),
        (cloudwatch.list_metrics, "InvalidAction" if protocol == "query" else "UnknownOperationException", False),
    ]:
        try:
            call()
            raise AssertionError(f"{code} was expected")
        except ClientError as error:
            assert error.response["Error"]["Code"] == code, error
            assert (type(error) is not ClientError) == modeled, type(error)


metadata = client("cloudwatch").meta.service_model.metadata
spoken = metadata["protocols"] if CHOSEN else [metadata["protocol"]]
for each in spoken:
    with speaking(each):
        put(each)

sts = client("sts")
account = os.environ["EXPECTED_ACCOUNT"]
identity = sts.get_caller_identity()
assert identity["Account"] == account and identity["Arn"] == f"arn:aws:iam::{account}:root", identity
for method in ["GET", "POST"]:
    url = sts.generate_presigned_url("get_caller_identity", HttpMethod=method)
    with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=SECONDS) as answer:
        assert f"<Account>{account}</Account>".encode() in answer.read()
    try:
        urllib.request.urlopen(urllib.request.Request(f"{url}0", method=method), timeout=SECONDS)
        raise AssertionError("a changed signature was taken")
    except urllib.error.HTTPError as error:
        assert error.code == 403 and b"SignatureDoesNotMatch" in error.read()

print(*sorted(spoken))
