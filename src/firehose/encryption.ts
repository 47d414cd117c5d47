/**
 * StartDeliveryStreamEncryption, StopDeliveryStreamEncryption. What is asked for is kept, told and counted; the data in
 * the local database is not encrypted by it, for there is no key service to ask.
 */
import type { Call } from '../call.ts';
import { operation } from '../protocol/operation.ts';
import type { Decoded } from '../protocol/shape.ts';
import {
  type DeliveryStream,
  forgetDeliveryStream,
  requireDeliveryStream,
  type Source,
  statusOf,
} from './delivery-stream-store.ts';
import { addEncryptionChange, type Encryption, encryptionChangesSince } from './encryption-state.ts';
import { invalidArgument, limitExceeded, notUpdatable } from './errors.ts';
import { startDeliveryStreamEncryptionInput, stopDeliveryStreamEncryptionInput } from './shapes.ts';

type EncryptionInput = Decoded<typeof startDeliveryStreamEncryptionInput>['DeliveryStreamEncryptionConfigurationInput'];

const DAY_MS = 86_400_000;

export const StartDeliveryStreamEncryption = operation({
  access: 'write',
  input: startDeliveryStreamEncryptionInput,
  rate: 'deliveryStreamCallsPerSecond',
  errors: [
    'ResourceNotFoundException',
    'ResourceInUseException',
    'InvalidArgumentException',
    'LimitExceededException',
    'InvalidKMSResourceException',
  ],
  run({ DeliveryStreamName, DeliveryStreamEncryptionConfigurationInput }, call) {
    const deliveryStream = requireChangeable(DeliveryStreamName, call);
    // Without a configuration AWS uses a key of its own.
    const input = DeliveryStreamEncryptionConfigurationInput ?? { KeyType: 'AWS_OWNED_CMK' as const };
    change(deliveryStream, startOfEncryption(input, deliveryStream.source, call)!, call);
    return {};
  },
});

export const StopDeliveryStreamEncryption = operation({
  access: 'write',
  input: stopDeliveryStreamEncryptionInput,
  rate: 'deliveryStreamCallsPerSecond',
  errors: ['ResourceNotFoundException', 'ResourceInUseException', 'InvalidArgumentException', 'LimitExceededException'],
  run({ DeliveryStreamName }, call) {
    const deliveryStream = requireChangeable(DeliveryStreamName, call);
    assertDirectPut(deliveryStream.source);
    if (!deliveryStream.encryption.isEnabled) return {};
    const { keyType, keyArn } = deliveryStream.encryption;
    change(deliveryStream, { isEnabled: false, keyType, keyArn, ...settlingFrom(call) }, call);
    return {};
  },
});

/**
 * The change with which encryption begins; undefined when it is not asked for.
 * @throws ApiError InvalidArgumentException when the key cannot be used so.
 */
export function startOfEncryption(
  input: EncryptionInput,
  source: Source | undefined,
  call: Call,
): Encryption | undefined {
  if (input === undefined) return undefined;
  assertDirectPut(source);
  const { KeyType, KeyARN } = input;
  if (KeyType === 'CUSTOMER_MANAGED_CMK' && KeyARN === undefined) {
    throw invalidArgument('KeyARN has to be specified when KeyType is CUSTOMER_MANAGED_CMK');
  }
  if (KeyType === 'AWS_OWNED_CMK' && KeyARN !== undefined) {
    throw invalidArgument('KeyARN cannot be specified when KeyType is AWS_OWNED_CMK');
  }
  if (KeyARN !== undefined && KeyARN.split(':')[3] !== call.region) {
    throw invalidArgument(
      'Cross-region keys are not allowed for SSE. Please provide CMKs in the same region as firehose',
    );
  }
  return { isEnabled: true, keyType: KeyType, keyArn: KeyARN ?? null, ...settlingFrom(call) };
}

const settlingFrom = ({ now, transitionMs }: Call) => ({ changedMs: now, settledMs: now + transitionMs });

function assertDirectPut(source: Source | undefined): void {
  if (source?.KinesisStreamSourceDescription === undefined) return;
  throw invalidArgument(
    'Server side encryption from firehose is only allowed for direct put delivery streams and database as a source ' +
      'delivery streams',
  );
}

function requireChangeable(name: string, call: Call): DeliveryStream {
  const deliveryStream = requireDeliveryStream(name, call);
  const status = statusOf(deliveryStream, call.now);
  if (status !== 'ACTIVE') throw notUpdatable(deliveryStream, status);
  return deliveryStream;
}

function change(deliveryStream: DeliveryStream, encryption: Encryption, call: Call): void {
  const { database, now, quotas } = call;
  const limit = quotas.deliveryStreamEncryptionChangesPerDay;
  if (encryptionChangesSince(deliveryStream.id, now - DAY_MS, database) >= limit) {
    throw limitExceeded(
      `Encryption of firehose ${deliveryStream.name} under account ${deliveryStream.account} cannot be changed more ` +
        `than ${limit} times in 24 hours.`,
    );
  }
  addEncryptionChange(deliveryStream.id, encryption, database);
  forgetDeliveryStream(deliveryStream, call);
}
