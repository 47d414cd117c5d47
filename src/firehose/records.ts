/** PutRecord, PutRecordBatch: records into the buffers of a delivery stream. */
import type { Call } from '../call.ts';
import { operation } from '../protocol/operation.ts';
import { append } from './buffer-log.ts';
import { type DeliveryStream, requireDeliveryStream, statusOf } from './delivery-stream-store.ts';
import { encryptionStatus } from './encryption-state.ts';
import { notTakingRecords, readsItsSource, recordsTooLarge, SLOW_DOWN, serviceUnavailable } from './errors.ts';
import { putRecordBatchInput, putRecordInput } from './shapes.ts';
import { refusedPuts } from './throughput.ts';

const PUT_ERRORS = [
  'ResourceNotFoundException',
  'InvalidArgumentException',
  'InvalidKMSResourceException',
  'InvalidSourceException',
  'ServiceUnavailableException',
] as const;

export const PutRecord = operation({
  access: 'append',
  input: putRecordInput,
  errors: PUT_ERRORS,
  run({ DeliveryStreamName, Record: { Data } }, call) {
    const deliveryStream = requireDirectPut(DeliveryStreamName, call);
    if (refusedPuts('PutRecord', [Data.length], deliveryStream, call).size > 0) throw serviceUnavailable();
    bufferRecords([Data], deliveryStream, call);
    return { Encrypted: isEncrypted(deliveryStream, call), RecordId: newRecordId(call) };
  },
});

export const PutRecordBatch = operation({
  access: 'append',
  input: putRecordBatchInput,
  errors: PUT_ERRORS,
  run({ DeliveryStreamName, Records }, call) {
    const deliveryStream = requireDirectPut(DeliveryStreamName, call);
    const sizes = Records.map(({ Data }) => Data.length);
    const maxBytes = call.quotas.putRecordBatchBytes;
    if (sizes.reduce((sum, size) => sum + size, 0) > maxBytes) throw recordsTooLarge(maxBytes);
    const refused = refusedPuts('PutRecordBatch', sizes, deliveryStream, call);
    const admitted = refused.size === 0 ? Records : Records.filter((_record, index) => !refused.has(index));
    const data = admitted.map((record) => record.Data);
    bufferRecords(data, deliveryStream, call);
    return {
      Encrypted: isEncrypted(deliveryStream, call),
      FailedPutCount: refused.size,
      RequestResponses: Records.map((_record, index) =>
        refused.has(index) ? REFUSED : { RecordId: newRecordId(call) },
      ),
    };
  },
});

const REFUSED = { ErrorCode: 'ServiceUnavailableException', ErrorMessage: SLOW_DOWN } as const;

/** An ACTIVE delivery stream into which records are put directly. */
function requireDirectPut(name: string, call: Call): DeliveryStream {
  const deliveryStream = requireDeliveryStream(name, call);
  if (statusOf(deliveryStream, call.now) !== 'ACTIVE') throw notTakingRecords(deliveryStream);
  if (deliveryStream.type !== 'DirectPut') throw readsItsSource();
  return deliveryStream;
}

/** Only inside the body of a write. */
function bufferRecords(
  records: readonly Buffer[],
  { buffers }: Pick<DeliveryStream, 'buffers'>,
  { database, now }: Pick<Call, 'database' | 'now'>,
): void {
  for (const { id } of buffers) append(id, records, now, database);
}

const isEncrypted = ({ encryption }: DeliveryStream, { now }: Call) => encryptionStatus(encryption, now) === 'ENABLED';

/** As long as AWS's ids: 224 characters. */
const RECORD_ID_BYTES = 168;
const newRecordId = ({ clock }: Call): string => clock.randomBytes(RECORD_ID_BYTES).toString('base64');
