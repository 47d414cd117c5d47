//! The AWS SDK for Rust, unchanged, against Millrace: streams, records, tags, a split, a delivery stream, errors.
//!
//! Arguments: `<endpoint> <name> [default]`. The name is the stream's, the delivery stream's and the bucket's. The only
//! transport, `default`, is the SDK's own: JSON over HTTP/1.1, or what TLS negotiates for an `https` endpoint.
//! Credentials and region come from the SDK's default chain; `CA_FILE`, a PEM certificate, is all that is trusted for
//! `https`. Prints the name of each check after it passed; a failure is one sentence on stderr, and exit code 1.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::process::ExitCode;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_firehose::Client as Firehose;
use aws_sdk_firehose::operation::describe_delivery_stream::DescribeDeliveryStreamError;
use aws_sdk_firehose::types::{
    DeliveryStreamDescription, DeliveryStreamStatus, ExtendedS3DestinationConfiguration, Record as FirehoseRecord,
};
use aws_sdk_kinesis::Client as Kinesis;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::RequestId;
use aws_sdk_kinesis::operation::create_stream::CreateStreamError;
use aws_sdk_kinesis::operation::describe_stream::DescribeStreamError;
use aws_sdk_kinesis::operation::get_records::GetRecordsError;
use aws_sdk_kinesis::operation::get_shard_iterator::builders::GetShardIteratorFluentBuilder;
use aws_sdk_kinesis::operation::put_record::PutRecordError;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    PutRecordsRequestEntry, Record, Shard, ShardIteratorType, StreamDescription, StreamStatus,
};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use checks::{
    Checks, Outcome, PAUSE, ReadRecord, expect, expect_all_records, expect_digits, expect_equal, expect_halves,
    expect_in_order, expect_recent,
};
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    checks::exit_code(round_trip().await)
}

async fn round_trip() -> Outcome<()> {
    let (endpoint, name) = checks::arguments()?;
    let sdk = configuration(&endpoint).await?;
    let (kinesis, firehose) = (Kinesis::new(&sdk), Firehose::new(&sdk));

    let checks = Checks::start();
    checks.run("create", create(&kinesis, &name)).await?;
    let shard_id = checks.run("put", put(&kinesis, &name)).await?;
    checks.run("batch", batch(&kinesis, &name)).await?;
    checks.run("read", read(&kinesis, &name, &shard_id)).await?;
    checks.run("tag", tag(&kinesis, &name)).await?;
    checks.run("split", split(&kinesis, &name)).await?;
    checks.run("deliver", deliver(&firehose, &name)).await?;
    checks.run("errors", errors(&kinesis, &firehose, &name)).await
}

async fn configuration(endpoint: &str) -> Outcome<SdkConfig> {
    let trusted = TrustStore::empty().with_pem_certificate(checks::trusted_certificates()?);
    let http_client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::rustls(CryptoMode::Ring))
        .tls_context(TlsContext::builder().with_trust_store(trusted).build()?)
        .build_https();
    let loader = aws_config::defaults(BehaviorVersion::latest());
    Ok(loader.endpoint_url(endpoint).http_client(http_client).load().await)
}

async fn create(kinesis: &Kinesis, name: &str) -> Outcome<()> {
    kinesis.create_stream().stream_name(name).shard_count(2).send().await?;
    let stream = active_stream(kinesis, name).await?;
    expect_recent("StreamCreationTimestamp", stream.stream_creation_timestamp().as_secs_f64())?;
    expect_equal("number of shards", stream.shards().len(), 2)?;
    let suffix = format!(":stream/{name}");
    expect("StreamARN", stream.stream_arn().ends_with(&suffix), &format!("…{suffix}"), stream.stream_arn())
}

/// Puts one record and answers the shard it went to.
async fn put(kinesis: &Kinesis, name: &str) -> Outcome<String> {
    let (key, data) = checks::single_record();
    let answer = kinesis.put_record().stream_name(name).partition_key(key).data(Blob::new(data)).send().await?;
    expect_digits("SequenceNumber", answer.sequence_number())?;
    expect("ShardId", answer.shard_id().starts_with("shardId-"), "shardId-…", answer.shard_id())?;
    Ok(answer.shard_id)
}

async fn batch(kinesis: &Kinesis, name: &str) -> Outcome<()> {
    let entries = checks::batch_records()
        .into_iter()
        .map(|(key, data)| PutRecordsRequestEntry::builder().partition_key(key).data(Blob::new(data)).build())
        .collect::<Result<Vec<_>, _>>()?;
    let answer = kinesis.put_records().stream_name(name).set_records(Some(entries)).send().await?;
    expect_equal("FailedRecordCount", answer.failed_record_count(), Some(0))?;
    expect_equal("number of entries", answer.records().len(), 500)?;
    for entry in answer.records() {
        expect_digits("SequenceNumber of an entry", entry.sequence_number().unwrap_or_default())?;
        expect_equal("ErrorCode of an entry", entry.error_code(), None)?;
    }
    Ok(())
}

async fn read(kinesis: &Kinesis, name: &str, shard_id: &str) -> Outcome<()> {
    let mut shards = HashMap::new();
    for shard in describe_stream(kinesis, name).await?.shards() {
        let start = iterator(kinesis, name, shard.shard_id(), ShardIteratorType::TrimHorizon);
        let records = read_from(kinesis, start).await?;
        expect_in_order(&records)?;
        shards.insert(shard.shard_id().to_owned(), records);
    }
    expect_all_records(shards.values().flatten())?;

    let records = shards.get(shard_id).ok_or(format!("DescribeStream: expected {shard_id}, actual: it is missing"))?;
    expect("records of the first shard written to", records.len() >= 2, "at least 2", records.len())?;
    let an_hour_ago =
        iterator(kinesis, name, shard_id, ShardIteratorType::AtTimestamp).timestamp(checks::one_hour_ago().into());
    let first = read_from(kinesis, an_hour_ago).await?.into_iter().next();
    expect_equal("first record since an hour ago", first.as_ref(), records.first())?;
    let after_first = iterator(kinesis, name, shard_id, ShardIteratorType::AfterSequenceNumber)
        .starting_sequence_number(&records[0].sequence_number);
    let second = read_from(kinesis, after_first).await?.into_iter().next();
    expect_equal("record after the first", second.as_ref(), records.get(1))
}

fn iterator(kinesis: &Kinesis, name: &str, shard_id: &str, kind: ShardIteratorType) -> GetShardIteratorFluentBuilder {
    kinesis.get_shard_iterator().stream_name(name).shard_id(shard_id).shard_iterator_type(kind)
}

/// The records from an iterator to the end of its shard.
async fn read_from(kinesis: &Kinesis, start: GetShardIteratorFluentBuilder) -> Outcome<Vec<ReadRecord>> {
    let mut records = Vec::new();
    let mut next = start.send().await?.shard_iterator;
    while let Some(iterator) = next {
        let page = kinesis.get_records().shard_iterator(iterator).send().await?;
        if page.records().is_empty() && page.millis_behind_latest() == Some(0) {
            break;
        }
        records.extend(page.records.into_iter().map(read_record));
        next = page.next_shard_iterator;
    }
    Ok(records)
}

fn read_record(record: Record) -> ReadRecord {
    ReadRecord {
        arrived: record.approximate_arrival_timestamp().map_or(0.0, |timestamp| timestamp.as_secs_f64()),
        key: record.partition_key.unwrap_or_default(),
        data: record.data.into_inner(),
        sequence_number: record.sequence_number,
    }
}

async fn tag(kinesis: &Kinesis, name: &str) -> Outcome<()> {
    kinesis.add_tags_to_stream().stream_name(name).tags("env", "test").tags("ключ", "значение").send().await?;
    let both = [("env", "test"), ("ключ", "значение")];
    expect_equal("both tags", tags(kinesis, name).await?, both.map(owned).into())?;
    kinesis.remove_tags_from_stream().stream_name(name).tag_keys("env").send().await?;
    let other = [("ключ", "значение")];
    expect_equal("the other tag", tags(kinesis, name).await?, other.map(owned).into())
}

async fn tags(kinesis: &Kinesis, name: &str) -> Outcome<BTreeMap<String, String>> {
    let answer = kinesis.list_tags_for_stream().stream_name(name).send().await?;
    Ok(answer.tags().iter().map(|tag| owned((tag.key(), tag.value().unwrap_or_default()))).collect())
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

async fn split(kinesis: &Kinesis, name: &str) -> Outcome<()> {
    let parent = describe_stream(kinesis, name).await?.shards.remove(0);
    let parent_keys = checks::hash_keys(starting(&parent), ending(&parent))?;
    let middle = checks::middle(&parent_keys).to_string();
    let request = kinesis.split_shard().stream_name(name).shard_to_split(parent.shard_id());
    request.new_starting_hash_key(middle).send().await?;

    let stream = active_stream(kinesis, name).await?;
    expect_equal("number of shards", stream.shards().len(), 4)?;
    let children = stream.shards().iter().filter(|shard| shard.parent_shard_id() == Some(parent.shard_id()));
    let children_keys = children.map(|shard| checks::hash_keys(starting(shard), ending(shard)));
    expect_halves(parent_keys, children_keys.collect::<Outcome<_>>()?)?;
    let parent = stream.shards().iter().find(|shard| shard.shard_id() == parent.shard_id());
    let end = parent.and_then(Shard::sequence_number_range).and_then(|range| range.ending_sequence_number());
    expect_digits("EndingSequenceNumber of the parent", end.unwrap_or_default())
}

fn starting(shard: &Shard) -> &str {
    shard.hash_key_range().map_or("", |keys| keys.starting_hash_key())
}

fn ending(shard: &Shard) -> &str {
    shard.hash_key_range().map_or("", |keys| keys.ending_hash_key())
}

async fn deliver(firehose: &Firehose, name: &str) -> Outcome<()> {
    let destination = ExtendedS3DestinationConfiguration::builder()
        .role_arn("arn:aws:iam::000000000000:role/any")
        .bucket_arn(format!("arn:aws:s3:::{name}"))
        .build()?;
    let request = firehose.create_delivery_stream().delivery_stream_name(name);
    request.extended_s3_destination_configuration(destination).send().await?;
    let created = active_delivery_stream(firehose, name).await?;
    expect_recent("CreateTimestamp", created.create_timestamp().map_or(0.0, |timestamp| timestamp.as_secs_f64()))?;

    let one = firehose.put_record().delivery_stream_name(name).record(firehose_record("one\n")?).send().await?;
    expect("RecordId", !one.record_id().is_empty(), "some text", one.record_id())?;
    let request = firehose.put_record_batch().delivery_stream_name(name);
    let two = request.records(firehose_record("two\n")?).records(firehose_record("three\n")?).send().await?;
    expect_equal("FailedPutCount", two.failed_put_count(), 0)?;
    expect_equal("number of entries", two.request_responses().len(), 2)?;
    for entry in two.request_responses() {
        let has_id = entry.record_id().is_some_and(|id| !id.is_empty());
        expect("RecordId of an entry", has_id, "some text", entry.record_id())?;
    }

    firehose.delete_delivery_stream().delivery_stream_name(name).send().await?;
    firehose.list_delivery_streams().send().await?;
    Ok(())
}

fn firehose_record(text: &str) -> Outcome<FirehoseRecord> {
    Ok(FirehoseRecord::builder().data(Blob::new(text)).build()?)
}

async fn errors(kinesis: &Kinesis, firehose: &Firehose, name: &str) -> Outcome<()> {
    let no_stream = kinesis.put_record().stream_name("none").partition_key("k").data(Blob::new("data")).send().await;
    let message = refusal("PutRecord to no stream", no_stream, PutRecordError::is_resource_not_found_exception)?;
    expect_equal("message of PutRecord", message.as_str(), "Stream none under account 000000000000 not found.")?;

    let damaged = kinesis.get_records().shard_iterator("damaged").send().await;
    let message = refusal("GetRecords of no iterator", damaged, GetRecordsError::is_invalid_argument_exception)?;
    expect_equal("message of GetRecords", message.as_str(), "Invalid ShardIterator.")?;

    let bad_name = kinesis.create_stream().stream_name("bad name!").shard_count(1).send().await;
    let message = refusal("CreateStream of a bad name", bad_name, CreateStreamError::is_validation_exception)?;
    let constraint = "failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+";
    expect("message of CreateStream", message.contains(constraint), constraint, &message)?;

    let unknown = firehose.describe_delivery_stream().delivery_stream_name("none").send().await;
    let is_typed = DescribeDeliveryStreamError::is_resource_not_found_exception;
    let message = refusal("DescribeDeliveryStream of none", unknown, is_typed)?;
    expect_equal(
        "message of DescribeDeliveryStream",
        message.as_str(),
        "Firehose none under account 000000000000 not found.",
    )?;

    kinesis.delete_stream().stream_name(name).send().await?;
    deleted_stream(kinesis, name).await
}

/// The message of an answer that must be an error of a type, with a request id.
fn refusal<T, E>(what: &str, answer: Result<T, SdkError<E>>, is_typed: fn(&E) -> bool) -> Outcome<String>
where
    T: Debug,
    E: Debug + ProvideErrorMetadata + RequestId,
{
    match answer.as_ref().err().and_then(SdkError::as_service_error) {
        Some(error) if is_typed(error) => {
            let request_id = error.request_id().unwrap_or_default();
            expect("request id", request_id.len() == 36, "36 characters", request_id)?;
            Ok(error.message().unwrap_or_default().to_owned())
        }
        _ => Err(format!("{what}: expected the SDK's typed error, actual {answer:?}").into()),
    }
}

async fn describe_stream(kinesis: &Kinesis, name: &str) -> Outcome<StreamDescription> {
    let answer = kinesis.describe_stream().stream_name(name).send().await?;
    answer.stream_description.ok_or("StreamDescription: expected one, actual: it is missing".into())
}

async fn active_stream(kinesis: &Kinesis, name: &str) -> Outcome<StreamDescription> {
    loop {
        let stream = describe_stream(kinesis, name).await?;
        if *stream.stream_status() == StreamStatus::Active {
            return Ok(stream);
        }
        sleep(PAUSE).await;
    }
}

async fn deleted_stream(kinesis: &Kinesis, name: &str) -> Outcome<()> {
    loop {
        match kinesis.describe_stream().stream_name(name).send().await.map_err(SdkError::into_service_error) {
            Ok(_) => sleep(PAUSE).await,
            Err(DescribeStreamError::ResourceNotFoundException(_)) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

async fn active_delivery_stream(firehose: &Firehose, name: &str) -> Outcome<DeliveryStreamDescription> {
    loop {
        let answer = firehose.describe_delivery_stream().delivery_stream_name(name).send().await?;
        let stream = answer.delivery_stream_description;
        let stream = stream.ok_or("DeliveryStreamDescription: expected one, actual: it is missing")?;
        if *stream.delivery_stream_status() == DeliveryStreamStatus::Active {
            return Ok(stream);
        }
        sleep(PAUSE).await;
    }
}
