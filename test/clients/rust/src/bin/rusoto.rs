//! Rusoto 0.48, unchanged, against Millrace: streams, records, tags, a split, a delivery stream, errors.
//!
//! Arguments: `<endpoint> <name> [default]`. The name is the stream's, the delivery stream's and the bucket's. The only
//! transport, `default`, is what Rusoto's own client with rustls speaks: HTTP/1.1, and HTTP/2 alone for an `https`
//! endpoint. Credentials and region come from Rusoto's default chain; `CA_FILE`, a PEM certificate, is all that is
//! trusted for `https`. Prints the name of each check after it passed; a failure is one sentence on stderr, and exit
//! code 1.
//!
//! Two things that Rusoto cannot do: its typed errors do not tell the request id, so that is not checked, and an error
//! of validation has no type per operation but is `RusotoError::Validation` for all.

use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use checks::{
    Checks, Outcome, PAUSE, ReadRecord, expect, expect_all_records, expect_digits, expect_equal, expect_halves,
    expect_in_order, expect_recent,
};
use hyper_rustls::HttpsConnectorBuilder;
use rusoto_core::credential::DefaultCredentialsProvider;
use rusoto_core::{Client, HttpClient, Region, RusotoError};
use rusoto_firehose::{
    CreateDeliveryStreamInput, DeleteDeliveryStreamInput, DeliveryStreamDescription, DescribeDeliveryStreamError,
    DescribeDeliveryStreamInput, ExtendedS3DestinationConfiguration, KinesisFirehose, KinesisFirehoseClient,
    ListDeliveryStreamsInput, PutRecordBatchInput, PutRecordInput as FirehosePutRecordInput, Record as FirehoseRecord,
};
use rusoto_kinesis::{
    AddTagsToStreamInput, CreateStreamInput, DeleteStreamInput, DescribeStreamError, DescribeStreamInput,
    GetRecordsError, GetRecordsInput, GetShardIteratorInput, Kinesis, KinesisClient, ListTagsForStreamInput,
    PutRecordError, PutRecordInput, PutRecordsInput, PutRecordsRequestEntry, Record, RemoveTagsFromStreamInput, Shard,
    SplitShardInput, StreamDescription,
};
use rustls::{Certificate, ClientConfig, RootCertStore};
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    checks::exit_code(round_trip().await)
}

async fn round_trip() -> Outcome<()> {
    let (endpoint, name) = checks::arguments()?;
    let region = Region::Custom { name: Region::default().name().to_owned(), endpoint };
    let client = client()?;
    let kinesis = KinesisClient::new_with_client(client.clone(), region.clone());
    let firehose = KinesisFirehoseClient::new_with_client(client, region);

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

/// As `Client::shared()` is with rustls, except that it allows `http` and trusts `CA_FILE` instead of the system.
fn client() -> Outcome<Client> {
    let mut trusted = RootCertStore::empty();
    for certificate in rustls_pemfile::certs(&mut checks::trusted_certificates()?.as_slice())? {
        trusted.add(&Certificate(certificate))?;
    }
    let tls = ClientConfig::builder().with_safe_defaults().with_root_certificates(trusted).with_no_client_auth();
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http2().build();
    Ok(Client::new_with(DefaultCredentialsProvider::new()?, HttpClient::from_connector(connector)))
}

async fn create(kinesis: &KinesisClient, name: &str) -> Outcome<()> {
    kinesis.create_stream(CreateStreamInput { stream_name: name.to_owned(), shard_count: 2 }).await?;
    let stream = active_stream(kinesis, name).await?;
    expect_recent("StreamCreationTimestamp", stream.stream_creation_timestamp)?;
    expect_equal("number of shards", stream.shards.len(), 2)?;
    let suffix = format!(":stream/{name}");
    expect("StreamARN", stream.stream_arn.ends_with(&suffix), &format!("…{suffix}"), &stream.stream_arn)
}

/// Puts one record and answers the shard it went to.
async fn put(kinesis: &KinesisClient, name: &str) -> Outcome<String> {
    let (partition_key, data) = checks::single_record();
    let record =
        PutRecordInput { stream_name: name.to_owned(), partition_key, data: data.into(), ..Default::default() };
    let answer = kinesis.put_record(record).await?;
    expect_digits("SequenceNumber", &answer.sequence_number)?;
    expect("ShardId", answer.shard_id.starts_with("shardId-"), "shardId-…", &answer.shard_id)?;
    Ok(answer.shard_id)
}

async fn batch(kinesis: &KinesisClient, name: &str) -> Outcome<()> {
    let entry = |(partition_key, data): (String, Vec<u8>)| PutRecordsRequestEntry {
        partition_key,
        data: data.into(),
        ..Default::default()
    };
    let records = checks::batch_records().into_iter().map(entry).collect();
    let answer = kinesis.put_records(PutRecordsInput { stream_name: name.to_owned(), records }).await?;
    expect_equal("FailedRecordCount", answer.failed_record_count, Some(0))?;
    expect_equal("number of entries", answer.records.len(), 500)?;
    for entry in answer.records {
        expect_digits("SequenceNumber of an entry", &entry.sequence_number.unwrap_or_default())?;
        expect_equal("ErrorCode of an entry", entry.error_code, None)?;
    }
    Ok(())
}

async fn read(kinesis: &KinesisClient, name: &str, shard_id: &str) -> Outcome<()> {
    let mut shards = HashMap::new();
    for shard in describe_stream(kinesis, name).await?.shards {
        let records = read_from(kinesis, position(name, &shard.shard_id, "TRIM_HORIZON")).await?;
        expect_in_order(&records)?;
        shards.insert(shard.shard_id, records);
    }
    expect_all_records(shards.values().flatten())?;

    let records = shards.get(shard_id).ok_or(format!("DescribeStream: expected {shard_id}, actual: it is missing"))?;
    expect("records of the first shard written to", records.len() >= 2, "at least 2", records.len())?;
    let an_hour_ago = GetShardIteratorInput {
        timestamp: Some(checks::one_hour_ago().duration_since(UNIX_EPOCH)?.as_secs_f64()),
        ..position(name, shard_id, "AT_TIMESTAMP")
    };
    let first = read_from(kinesis, an_hour_ago).await?.into_iter().next();
    expect_equal("first record since an hour ago", first.as_ref(), records.first())?;
    let after_first = GetShardIteratorInput {
        starting_sequence_number: Some(records[0].sequence_number.clone()),
        ..position(name, shard_id, "AFTER_SEQUENCE_NUMBER")
    };
    let second = read_from(kinesis, after_first).await?.into_iter().next();
    expect_equal("record after the first", second.as_ref(), records.get(1))
}

fn position(name: &str, shard_id: &str, kind: &str) -> GetShardIteratorInput {
    GetShardIteratorInput {
        stream_name: name.to_owned(),
        shard_id: shard_id.to_owned(),
        shard_iterator_type: kind.to_owned(),
        ..Default::default()
    }
}

/// The records from a position to the end of its shard.
async fn read_from(kinesis: &KinesisClient, start: GetShardIteratorInput) -> Outcome<Vec<ReadRecord>> {
    let mut records = Vec::new();
    let mut next = kinesis.get_shard_iterator(start).await?.shard_iterator;
    while let Some(shard_iterator) = next {
        let page = kinesis.get_records(GetRecordsInput { shard_iterator, limit: None }).await?;
        if page.records.is_empty() && page.millis_behind_latest == Some(0) {
            break;
        }
        records.extend(page.records.into_iter().map(read_record));
        next = page.next_shard_iterator;
    }
    Ok(records)
}

fn read_record(record: Record) -> ReadRecord {
    ReadRecord {
        key: record.partition_key,
        data: record.data.into(),
        sequence_number: record.sequence_number,
        arrived: record.approximate_arrival_timestamp.unwrap_or_default(),
    }
}

async fn tag(kinesis: &KinesisClient, name: &str) -> Outcome<()> {
    let both = [("env", "test"), ("ключ", "значение")].map(owned);
    kinesis
        .add_tags_to_stream(AddTagsToStreamInput { stream_name: name.to_owned(), tags: both.clone().into() })
        .await?;
    expect_equal("both tags", tags(kinesis, name).await?, both.into())?;
    let env = RemoveTagsFromStreamInput { stream_name: name.to_owned(), tag_keys: vec!["env".to_owned()] };
    kinesis.remove_tags_from_stream(env).await?;
    expect_equal("the other tag", tags(kinesis, name).await?, [("ключ", "значение")].map(owned).into())
}

async fn tags(kinesis: &KinesisClient, name: &str) -> Outcome<BTreeMap<String, String>> {
    let request = ListTagsForStreamInput { stream_name: name.to_owned(), ..Default::default() };
    let answer = kinesis.list_tags_for_stream(request).await?;
    Ok(answer.tags.into_iter().map(|tag| (tag.key, tag.value.unwrap_or_default())).collect())
}

fn owned((key, value): (&str, &str)) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

async fn split(kinesis: &KinesisClient, name: &str) -> Outcome<()> {
    let parent = describe_stream(kinesis, name).await?.shards.remove(0);
    let parent_keys = hash_keys(&parent)?;
    let halves = SplitShardInput {
        stream_name: name.to_owned(),
        shard_to_split: parent.shard_id.clone(),
        new_starting_hash_key: checks::middle(&parent_keys).to_string(),
    };
    kinesis.split_shard(halves).await?;

    let shards = active_stream(kinesis, name).await?.shards;
    expect_equal("number of shards", shards.len(), 4)?;
    let children = shards.iter().filter(|shard| shard.parent_shard_id.as_ref() == Some(&parent.shard_id));
    expect_halves(parent_keys, children.map(hash_keys).collect::<Outcome<_>>()?)?;
    let parent = shards.iter().find(|shard| shard.shard_id == parent.shard_id);
    let end = parent.and_then(|shard| shard.sequence_number_range.ending_sequence_number.as_deref());
    expect_digits("EndingSequenceNumber of the parent", end.unwrap_or_default())
}

fn hash_keys(shard: &Shard) -> Outcome<RangeInclusive<u128>> {
    checks::hash_keys(&shard.hash_key_range.starting_hash_key, &shard.hash_key_range.ending_hash_key)
}

async fn deliver(firehose: &KinesisFirehoseClient, name: &str) -> Outcome<()> {
    let delivery_stream_name = name.to_owned();
    let destination = ExtendedS3DestinationConfiguration {
        role_arn: "arn:aws:iam::000000000000:role/any".to_owned(),
        bucket_arn: format!("arn:aws:s3:::{name}"),
        ..Default::default()
    };
    let to_bucket = CreateDeliveryStreamInput {
        delivery_stream_name: delivery_stream_name.clone(),
        extended_s3_destination_configuration: Some(destination),
        ..Default::default()
    };
    firehose.create_delivery_stream(to_bucket).await?;
    let created = active_delivery_stream(firehose, name).await?;
    expect_recent("CreateTimestamp", created.create_timestamp.unwrap_or_default())?;

    let [one, two, three] = ["one\n", "two\n", "three\n"].map(|text| FirehoseRecord { data: text.into() });
    let single = FirehosePutRecordInput { delivery_stream_name: delivery_stream_name.clone(), record: one };
    let answer = firehose.put_record(single).await?;
    expect("RecordId", !answer.record_id.is_empty(), "some text", &answer.record_id)?;
    let batch = PutRecordBatchInput { delivery_stream_name: delivery_stream_name.clone(), records: vec![two, three] };
    let answer = firehose.put_record_batch(batch).await?;
    expect_equal("FailedPutCount", answer.failed_put_count, 0)?;
    expect_equal("number of entries", answer.request_responses.len(), 2)?;
    for entry in answer.request_responses {
        let has_id = entry.record_id.as_ref().is_some_and(|id| !id.is_empty());
        expect("RecordId of an entry", has_id, "some text", entry.record_id)?;
    }

    let deleted = DeleteDeliveryStreamInput { delivery_stream_name, allow_force_delete: None };
    firehose.delete_delivery_stream(deleted).await?;
    firehose.list_delivery_streams(ListDeliveryStreamsInput::default()).await?;
    Ok(())
}

async fn errors(kinesis: &KinesisClient, firehose: &KinesisFirehoseClient, name: &str) -> Outcome<()> {
    let no_stream = PutRecordInput {
        stream_name: "none".to_owned(),
        partition_key: "k".to_owned(),
        data: "data".into(),
        ..Default::default()
    };
    let message = "Stream none under account 000000000000 not found.".to_owned();
    let expected = RusotoError::Service(PutRecordError::ResourceNotFound(message));
    expect_equal("PutRecord to no stream", kinesis.put_record(no_stream).await, Err(expected))?;

    let damaged = GetRecordsInput { shard_iterator: "damaged".to_owned(), limit: None };
    let expected = RusotoError::Service(GetRecordsError::InvalidArgument("Invalid ShardIterator.".to_owned()));
    expect_equal("GetRecords of no iterator", kinesis.get_records(damaged).await, Err(expected))?;

    let bad_name =
        kinesis.create_stream(CreateStreamInput { stream_name: "bad name!".to_owned(), shard_count: 1 }).await;
    let constraint = "failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+";
    let is_refused = matches!(&bad_name, Err(RusotoError::Validation(message)) if message.contains(constraint));
    expect("CreateStream of a bad name", is_refused, &format!("Validation({constraint:?})"), bad_name)?;

    let message = "Firehose none under account 000000000000 not found.".to_owned();
    let expected = RusotoError::Service(DescribeDeliveryStreamError::ResourceNotFound(message));
    let unknown = describe_delivery_stream(firehose, "none").await;
    expect_equal("DescribeDeliveryStream of none", unknown, Err(expected))?;

    let deleted = DeleteStreamInput { stream_name: name.to_owned(), enforce_consumer_deletion: None };
    kinesis.delete_stream(deleted).await?;
    deleted_stream(kinesis, name).await
}

async fn describe_stream(
    kinesis: &KinesisClient,
    name: &str,
) -> Result<StreamDescription, RusotoError<DescribeStreamError>> {
    let request = DescribeStreamInput { stream_name: name.to_owned(), ..Default::default() };
    Ok(kinesis.describe_stream(request).await?.stream_description)
}

async fn active_stream(kinesis: &KinesisClient, name: &str) -> Outcome<StreamDescription> {
    loop {
        let stream = describe_stream(kinesis, name).await?;
        if stream.stream_status == "ACTIVE" {
            return Ok(stream);
        }
        sleep(PAUSE).await;
    }
}

async fn deleted_stream(kinesis: &KinesisClient, name: &str) -> Outcome<()> {
    loop {
        match describe_stream(kinesis, name).await {
            Ok(_) => sleep(PAUSE).await,
            Err(RusotoError::Service(DescribeStreamError::ResourceNotFound(_))) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

async fn describe_delivery_stream(
    firehose: &KinesisFirehoseClient,
    name: &str,
) -> Result<DeliveryStreamDescription, RusotoError<DescribeDeliveryStreamError>> {
    let request = DescribeDeliveryStreamInput { delivery_stream_name: name.to_owned(), ..Default::default() };
    Ok(firehose.describe_delivery_stream(request).await?.delivery_stream_description)
}

async fn active_delivery_stream(firehose: &KinesisFirehoseClient, name: &str) -> Outcome<DeliveryStreamDescription> {
    loop {
        let stream = describe_delivery_stream(firehose, name).await?;
        if stream.delivery_stream_status == "ACTIVE" {
            return Ok(stream);
        }
        sleep(PAUSE).await;
    }
}
