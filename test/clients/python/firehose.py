"""boto3 as a tool such as Terraform uses it: what was applied is read back, and applied again makes no difference."""

import sys
import time

import boto3
from botocore.config import Config

url = sys.argv[1]
firehose = boto3.client(
    "firehose",
    endpoint_url=url,
    region_name="us-east-1",
    aws_access_key_id="test",
    aws_secret_access_key="test",
    config=Config(retries={"max_attempts": 1}),
)

NAME = "applied"
ROLE = "arn:aws:iam::000000000000:role/firehose"
DESTINATION = {
    "RoleARN": ROLE,
    "BucketARN": "arn:aws:s3:::applied",
    "Prefix": "data/year=!{timestamp:yyyy}/",
    "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
    "BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 300},
    "CompressionFormat": "GZIP",
    "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
    "CloudWatchLoggingOptions": {"Enabled": True, "LogGroupName": "g", "LogStreamName": "s"},
    "ProcessingConfiguration": {"Enabled": False, "Processors": []},
    "S3BackupMode": "Disabled",
    "DataFormatConversionConfiguration": {"Enabled": False},
    "FileExtension": "",
    "CustomTimeZone": "UTC",
}


def describe():
    return firehose.describe_delivery_stream(DeliveryStreamName=NAME)["DeliveryStreamDescription"]


def wait_for(status):
    while describe()["DeliveryStreamStatus"] != status:
        time.sleep(0.02)


arn = firehose.create_delivery_stream(
    DeliveryStreamName=NAME,
    DeliveryStreamType="DirectPut",
    ExtendedS3DestinationConfiguration=DESTINATION,
    Tags=[{"Key": "env", "Value": "dev"}],
)["DeliveryStreamARN"]
assert describe()["DeliveryStreamStatus"] == "CREATING"
wait_for("ACTIVE")

applied = describe()
assert applied["DeliveryStreamARN"] == arn
assert applied["DeliveryStreamEncryptionConfiguration"]["Status"] == "DISABLED"
assert applied["Destinations"][0]["ExtendedS3DestinationDescription"] == DESTINATION, applied
assert firehose.list_tags_for_delivery_stream(DeliveryStreamName=NAME)["Tags"] == [{"Key": "env", "Value": "dev"}]

again = {
    "DeliveryStreamName": NAME,
    "CurrentDeliveryStreamVersionId": applied["VersionId"],
    "DestinationId": applied["Destinations"][0]["DestinationId"],
    "ExtendedS3DestinationUpdate": DESTINATION,
}
firehose.update_destination(**again)
assert describe() == applied, "what was applied again made a difference"

again["ExtendedS3DestinationUpdate"] = {**DESTINATION, "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60}}
firehose.update_destination(**again)
changed = describe()
assert changed["VersionId"] == "2" and "LastUpdateTimestamp" in changed
try:
    firehose.update_destination(**again)
    raise AssertionError("an old version was taken")
except firehose.exceptions.ConcurrentModificationException:
    pass

firehose.start_delivery_stream_encryption(DeliveryStreamName=NAME)
while describe()["DeliveryStreamEncryptionConfiguration"]["Status"] != "ENABLED":
    time.sleep(0.02)
batch = firehose.put_record_batch(DeliveryStreamName=NAME, Records=[{"Data": b"\x00\xff"}, {"Data": b"text"}])
assert batch["FailedPutCount"] == 0 and batch["Encrypted"] is True
assert len({entry["RecordId"] for entry in batch["RequestResponses"]}) == 2
try:
    firehose.put_record_batch(DeliveryStreamName=NAME, Records=[{"Data": b"a"}] * 501)
    raise AssertionError("501 records were taken")
except firehose.exceptions.ClientError as error:
    assert error.response["Error"]["Code"] == "ValidationException", error

firehose.delete_delivery_stream(DeliveryStreamName=NAME)
try:
    while describe()["DeliveryStreamStatus"] == "DELETING":
        time.sleep(0.02)
    raise AssertionError("ACTIVE after its deletion")
except firehose.exceptions.ResourceNotFoundException:
    print("applied")
