/** Requests as bytes, made before the measurement: the load generator only has to send them. */
import { cbor } from '@smithy/core/cbor';
import { BATCH_RECORDS } from './plan.ts';
import { type BenchRecord, makeRecords } from './records.ts';

/** The parts of X-Amz-Target before the dot. */
export const SERVICE = 'Kinesis_20131202';
export const FIREHOSE = 'Firehose_20150804';

/** The headers of a signature that nobody verifies, as long as a real one. */
export const SIGNATURE: Readonly<Record<string, string>> = {
  'X-Amz-Date': '20260101T000000Z',
  Authorization:
    'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/kinesis/aws4_request, ' +
    'SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-content-sha256;' +
    `x-amz-date;x-amz-target, Signature=${'0'.repeat(64)}`,
};

/** The name of the stream, and of the delivery stream. */
export const STREAM = 'bench';

/** Different requests that the load generator sends in turn. */
const PUT_RECORD_REQUESTS = 256;
const PUT_RECORDS_REQUESTS = 8;

/** PutRecord requests with `bytes` bytes of data each. */
export function putRecordRequests(port: number, bytes: number): Buffer[] {
  return makeRecords(PUT_RECORD_REQUESTS, bytes).map((record) =>
    requestBytes(port, 'PutRecord', { ...entryOf(record), StreamName: STREAM }),
  );
}

/** PutRecords requests of 500 records with `bytes` bytes of data each. */
export function putRecordsRequests(port: number, bytes: number): Buffer[] {
  return putRecordsInputs(PUT_RECORDS_REQUESTS, bytes).map((input) => requestBytes(port, 'PutRecords', input));
}

/** The same in CBOR, as the Java SDKs send them. */
export function putRecordsCborRequests(port: number, bytes: number): Buffer[] {
  const target = `${SERVICE}.PutRecords`;
  return makeBatches(PUT_RECORDS_REQUESTS, bytes).map((batch) => {
    const Records = batch.map(({ data, partitionKey }) => ({ Data: data, PartitionKey: partitionKey }));
    const body = Buffer.from(cbor.serialize({ StreamName: STREAM, Records }));
    return Buffer.concat([headBytes(port, target, 'application/x-amz-cbor-1.1', body.length), body]);
  });
}

/** Requests of Firehose's PutRecord with `bytes` bytes of data each. */
export function firehosePutRecordRequests(port: number, bytes: number): Buffer[] {
  return makeRecords(PUT_RECORD_REQUESTS, bytes).map((record) =>
    requestBytes(port, 'PutRecord', { DeliveryStreamName: STREAM, Record: dataOf(record) }, FIREHOSE),
  );
}

/** PutRecordBatch requests of 500 records with `bytes` bytes of data each. */
export function putRecordBatchRequests(port: number, bytes: number): Buffer[] {
  return putRecordBatchInputs(PUT_RECORDS_REQUESTS, bytes).map((input) =>
    requestBytes(port, 'PutRecordBatch', input, FIREHOSE),
  );
}

/** The inputs of `count` PutRecordBatch requests of 500 records each. */
export function putRecordBatchInputs(count: number, bytes: number): object[] {
  return makeBatches(count, bytes).map((batch) => ({ DeliveryStreamName: STREAM, Records: batch.map(dataOf) }));
}

/** The inputs of `count` PutRecords requests of 500 records each. */
export function putRecordsInputs(count: number, bytes: number): object[] {
  return makeBatches(count, bytes).map((batch) => ({ StreamName: STREAM, Records: batch.map(entryOf) }));
}

/** `count` times 500 records. */
export function makeBatches(count: number, bytes: number): BenchRecord[][] {
  const records = makeRecords(count * BATCH_RECORDS, bytes);
  return Array.from({ length: count }, (_, batch) => records.slice(batch * BATCH_RECORDS, (batch + 1) * BATCH_RECORDS));
}

const dataOf = ({ data }: BenchRecord) => ({ Data: data.toString('base64') });
const entryOf = (record: BenchRecord) => ({ ...dataOf(record), PartitionKey: record.partitionKey });

/** An HTTP/1.1 request with the headers that the AWS SDK for JavaScript sends. */
export function requestBytes(port: number, operation: string, input: object, service = SERVICE): Buffer {
  const body = Buffer.from(JSON.stringify(input));
  return Buffer.concat([headBytes(port, `${service}.${operation}`, 'application/x-amz-json-1.1', body.length), body]);
}

function headBytes(port: number, target: string, type: string, length: number): Buffer {
  const head = [
    'POST / HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    `Content-Type: ${type}`,
    `X-Amz-Target: ${target}`,
    'User-Agent: aws-sdk-js/3.1143.0 ua/2.1 os/linux lang/js md/nodejs api/kinesis#3.1143.0',
    'Amz-Sdk-Invocation-Id: 0f8fad5b-d9cb-469f-a165-70867728950e',
    'Amz-Sdk-Request: attempt=1; max=3',
    `X-Amz-Content-Sha256: ${'0'.repeat(64)}`,
    ...Object.entries(SIGNATURE).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${length}`,
    'Connection: keep-alive',
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n`);
}
