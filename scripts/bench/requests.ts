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

/** JSON is what most SDKs speak, CBOR what those for Java do. */
export type Encoding = 'JSON' | 'CBOR';

interface EncodingForms {
  readonly contentType: string;
  readonly blob: (data: Buffer) => string | Buffer;
  readonly encode: (value: object) => Buffer;
}

export const ENCODINGS: Readonly<Record<Encoding, EncodingForms>> = {
  JSON: {
    contentType: 'application/x-amz-json-1.1',
    blob: (data) => data.toString('base64'),
    encode: (value) => Buffer.from(JSON.stringify(value)),
  },
  CBOR: {
    contentType: 'application/x-amz-cbor-1.1',
    blob: (data) => data,
    encode: (value) => Buffer.from(cbor.serialize(value)),
  },
};

type InputOf = (records: readonly BenchRecord[], blob: EncodingForms['blob']) => object;

/** The operations that put records, by their targets, and their inputs for some records. */
const PUT_INPUTS = {
  [`${SERVICE}.PutRecord`]: ([record], blob) => ({ StreamName: STREAM, ...entryOf(record!, blob) }),
  [`${SERVICE}.PutRecords`]: (records, blob) => ({
    StreamName: STREAM,
    Records: records.map((record) => entryOf(record, blob)),
  }),
  [`${FIREHOSE}.PutRecord`]: ([record], blob) => ({ DeliveryStreamName: STREAM, Record: { Data: blob(record!.data) } }),
  [`${FIREHOSE}.PutRecordBatch`]: (records, blob) => ({
    DeliveryStreamName: STREAM,
    Records: records.map(({ data }) => ({ Data: blob(data) })),
  }),
} as const satisfies Record<string, InputOf>;

const entryOf = ({ data, partitionKey }: BenchRecord, blob: EncodingForms['blob']) => ({
  Data: blob(data),
  PartitionKey: partitionKey,
});

/** Requests that differ in nothing but their records. */
export interface PutKind {
  readonly target: keyof typeof PUT_INPUTS;
  /** Per request. */
  readonly records: number;
  /** Of data, per record. */
  readonly bytes: number;
  readonly encoding: Encoding;
}

/** `count` inputs of a kind. */
export function putInputs({ target, records, bytes, encoding }: PutKind, count: number): object[] {
  const inputOf: InputOf = PUT_INPUTS[target];
  return makeBatches(count, records, bytes).map((batch) => inputOf(batch, ENCODINGS[encoding].blob));
}

/** Different requests that the load generator sends in turn. */
const SINGLE_REQUESTS = 256;
const BATCH_REQUESTS = 8;

/** As many requests of a kind as are sent in turn. */
export function putRequests(port: number, kind: PutKind): Buffer[] {
  const inputs = putInputs(kind, kind.records === 1 ? SINGLE_REQUESTS : BATCH_REQUESTS);
  return inputs.map((input) => requestBytes(port, kind.target, input, kind.encoding));
}

/** PutRecord requests of Kinesis with `bytes` bytes of data each. */
export const putRecordRequests = (port: number, bytes: number): Buffer[] =>
  putRequests(port, { target: `${SERVICE}.PutRecord`, records: 1, bytes, encoding: 'JSON' });

/** PutRecords of 500 records with `bytes` bytes of data each. */
const putRecordsOf = (bytes: number): PutKind => ({
  target: `${SERVICE}.PutRecords`,
  records: BATCH_RECORDS,
  bytes,
  encoding: 'JSON',
});

export const putRecordsRequests = (port: number, bytes: number): Buffer[] => putRequests(port, putRecordsOf(bytes));

export const putRecordsInputs = (count: number, bytes: number): object[] => putInputs(putRecordsOf(bytes), count);

/** `count` times `size` records. */
export function makeBatches(count: number, size: number, bytes: number): BenchRecord[][] {
  const records = makeRecords(count * size, bytes);
  return Array.from({ length: count }, (_, batch) => records.slice(batch * size, (batch + 1) * size));
}

/**
 * An HTTP/1.1 request with the headers that the AWS SDK for JavaScript sends. `operation` is one of Kinesis, or of the
 * service before a dot.
 */
export function requestBytes(port: number, operation: string, input: object, encoding: Encoding = 'JSON'): Buffer {
  const { contentType, encode } = ENCODINGS[encoding];
  const body = encode(input);
  const head = [
    'POST / HTTP/1.1',
    `Host: 127.0.0.1:${port}`,
    `Content-Type: ${contentType}`,
    `X-Amz-Target: ${targetOf(operation)}`,
    'User-Agent: aws-sdk-js/3.1143.0 ua/2.1 os/linux lang/js md/nodejs api/kinesis#3.1143.0',
    'Amz-Sdk-Invocation-Id: 0f8fad5b-d9cb-469f-a165-70867728950e',
    'Amz-Sdk-Request: attempt=1; max=3',
    `X-Amz-Content-Sha256: ${'0'.repeat(64)}`,
    ...Object.entries(SIGNATURE).map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${body.length}`,
    'Connection: keep-alive',
  ];
  return Buffer.concat([Buffer.from(`${head.join('\r\n')}\r\n\r\n`), body]);
}

/** The X-Amz-Target of an operation of Kinesis, or of the service before a dot. */
export const targetOf = (operation: string): string =>
  operation.includes('.') ? operation : `${SERVICE}.${operation}`;
