/** CreateDeliveryStream, DeleteDeliveryStream, DescribeDeliveryStream, ListDeliveryStreams: which there are. */
import { sql } from 'kysely';
import type { Call } from '../call.ts';
import { atMost, type Bind, query } from '../database/query.ts';
import { existsAt } from '../lifecycle.ts';
import { operation } from '../protocol/operation.ts';
import { quotaHint } from '../quotas.ts';
import { removeTags } from '../tags.ts';
import { addDeliveryStream, endDeliveryStream } from './delivery-stream-rows.ts';
import {
  type DeliveryStream,
  deliveryStreamArnOf,
  findDeliveryStream,
  forgetDeliveryStream,
  nameIn,
  requireDeliveryStream,
  type Source,
  statusOf,
} from './delivery-stream-store.ts';
import { createDestination, describeDestination } from './destinations/destination.ts';
import { startOfEncryption } from './encryption.ts';
import { addEncryptionChange, encryptionStatus } from './encryption-state.ts';
import { deliveryStreamExists, notDeletable, tooManyDeliveryStreams } from './errors.ts';
import { sealSecret } from './secrets.ts';
import {
  createDeliveryStreamInput,
  deleteDeliveryStreamInput,
  describeDeliveryStreamInput,
  listDeliveryStreamsInput,
} from './shapes.ts';
import { sourceOf } from './source.ts';
import { saveTags } from './tags.ts';

/** The one destination of every delivery stream has the same id on AWS. */
export const DESTINATION_ID = 'destinationId-000000000001';

export const CreateDeliveryStream = operation({
  access: 'write',
  input: createDeliveryStreamInput,
  rate: 'deliveryStreamCallsPerSecond',
  errors: [
    'InvalidArgumentException',
    'LimitExceededException',
    'ResourceInUseException',
    'InvalidKMSResourceException',
  ],
  run(input, call) {
    const name = nameIn(call, input.DeliveryStreamName);
    if (findDeliveryStream(name, call) !== undefined) throw deliveryStreamExists(name);
    assertRoom(call);
    const destination = createDestination(input, { ...call, seal: (secret) => sealSecret(secret, call) });
    const source = sourceOf(input, call);
    const id = addDeliveryStream(name, { source, destination }, call);
    const encryption = startOfEncryption(input.DeliveryStreamEncryptionConfigurationInput, source, call);
    if (encryption !== undefined) addEncryptionChange(id, encryption, call.database);
    saveTags(name, input.Tags ?? [], call);
    forgetDeliveryStream(name, call);
    return { DeliveryStreamARN: deliveryStreamArnOf(name) };
  },
});

function assertRoom(call: Call): void {
  const { account, region, now, database, quotas } = call;
  const limit = quotas.deliveryStreams;
  const names = database.all(selectNames, { account, region, now, after: '', type: null, limit: limit + 1 });
  if (names.length < limit) return;
  throw tooManyDeliveryStreams(
    limit,
    names.map(({ name }) => name),
    quotaHint(quotas, 'deliveryStreams', names.length + 1),
  );
}

export const DeleteDeliveryStream = operation({
  access: 'delete',
  input: deleteDeliveryStreamInput,
  rate: 'deliveryStreamCallsPerSecond',
  errors: ['ResourceInUseException', 'ResourceNotFoundException'],
  // AllowForceDelete matters where deletion fails because a key cannot be released; here it never fails.
  run({ DeliveryStreamName }, call) {
    const deliveryStream = requireDeliveryStream(DeliveryStreamName, call);
    // Deleting what is being deleted changes nothing, above all not the instant at which it is gone.
    if (deliveryStream.goneMs !== null) return {};
    const status = statusOf(deliveryStream, call.now);
    if (status === 'CREATING') throw notDeletable(deliveryStream, status);
    endDeliveryStream(deliveryStream, call);
    removeTags(deliveryStream.arn, call.database);
    return {};
  },
});

export const DescribeDeliveryStream = operation({
  access: 'read',
  // There is one destination; neither Limit nor ExclusiveStartDestinationId hides it, as on AWS.
  input: describeDeliveryStreamInput,
  rate: 'deliveryStreamCallsPerSecond',
  errors: ['ResourceNotFoundException'],
  run({ DeliveryStreamName }, call) {
    const deliveryStream = requireDeliveryStream(DeliveryStreamName, call);
    const { arn, name, type, destination, createdMs, updatedMs, version } = deliveryStream;
    return {
      DeliveryStreamDescription: {
        CreateTimestamp: new Date(createdMs),
        DeliveryStreamARN: arn,
        DeliveryStreamEncryptionConfiguration:
          type === 'DirectPut' ? describeEncryption(deliveryStream, call) : undefined,
        DeliveryStreamName: name,
        DeliveryStreamStatus: statusOf(deliveryStream, call.now),
        DeliveryStreamType: type,
        Destinations: [{ DestinationId: DESTINATION_ID, ...(describeDestination(destination) as object) }],
        HasMoreDestinations: false,
        LastUpdateTimestamp: updatedMs === null ? undefined : new Date(updatedMs),
        Source: describeSource(deliveryStream.source),
        VersionId: String(version),
      },
    };
  },
});

function describeEncryption({ encryption }: DeliveryStream, { now }: Call) {
  const status = encryptionStatus(encryption, now);
  if (status === 'DISABLED') return { Status: status };
  return { KeyARN: encryption.keyArn ?? undefined, KeyType: encryption.keyType ?? undefined, Status: status };
}

function describeSource(source: Source | undefined) {
  if (source?.KinesisStreamSourceDescription === undefined) return source;
  const { DeliveryStartTimestamp, KinesisStreamARN, RoleARN } = source.KinesisStreamSourceDescription;
  return {
    KinesisStreamSourceDescription: {
      DeliveryStartTimestamp: new Date(DeliveryStartTimestamp),
      KinesisStreamARN,
      RoleARN,
    },
  };
}

const LIST_DEFAULT = 10;

export const ListDeliveryStreams = operation({
  access: 'read',
  input: listDeliveryStreamsInput,
  rate: 'deliveryStreamCallsPerSecond',
  errors: [],
  run({ Limit, DeliveryStreamType, ExclusiveStartDeliveryStreamName }, call) {
    const { account, region, now, database } = call;
    const limit = Limit ?? LIST_DEFAULT;
    const after = ExclusiveStartDeliveryStreamName ?? '';
    const type = DeliveryStreamType ?? null;
    const names = database.all(selectNames, { account, region, now, after, type, limit: limit + 1 });
    return {
      DeliveryStreamNames: names.slice(0, limit).map(({ name }) => name),
      HasMoreDeliveryStreams: names.length > limit,
    };
  },
});

interface Page {
  readonly account: string;
  readonly region: string;
  readonly now: number;
  readonly after: string;
  /** Null: of every type. */
  readonly type: string | null;
  readonly limit: number;
}

const selectNames = query((bind: Bind<Page>, db) =>
  db
    .selectFrom('delivery_streams')
    .select('name')
    .where('account_id', '=', bind('account'))
    .where('region', '=', bind('region'))
    .where('name', '>', bind('after'))
    // Those of other services are nobody's delivery streams; see hosted-deliveries.ts.
    .where(sql<boolean>`instr(name, '/') = 0`)
    .where(sql<boolean>`(${bind('type')} is null or stream_type = ${bind('type')})`)
    .where(existsAt(bind('now')))
    .orderBy('name')
    .limit(atMost(bind('limit'))),
);
