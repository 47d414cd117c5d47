/**
 * What Terraform's provider does with a stream, a consumer and a policy, with the AWS SDK for JavaScript: in its order, with
 * its polls, which take any state that they do not expect for a failure, and with a plan after each apply that must find
 * no difference. The clock is the test's, so nothing waits.
 */
import {
  ConsumerStatus,
  DeleteStreamCommand,
  EncryptionType,
  type EnhancedMetrics,
  Kinesis,
  type MetricsName,
  ResourceInUseException,
  ResourceNotFoundException,
  StreamMode,
  StreamStatus,
} from '@aws-sdk/client-kinesis';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import { expect, it, onTestFinished } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.ts';

const StreamName = 'terraform';
const KEY = 'alias/aws/kinesis';

/** A resource as its configuration in Terraform says, and as a plan reads it back. */
interface StreamResource {
  readonly name: string;
  /** Undefined for an on-demand stream: Terraform does not compare it then. */
  readonly shard_count: number | undefined;
  readonly stream_mode: StreamMode;
  readonly retention_period: number;
  readonly shard_level_metrics: readonly MetricsName[];
  readonly encryption_type: EncryptionType;
  readonly kms_key_id: string | undefined;
  readonly max_record_size_in_kib: number;
  readonly tags: Readonly<Record<string, string>>;
}

const INITIAL: StreamResource = {
  name: StreamName,
  shard_count: 2,
  stream_mode: StreamMode.PROVISIONED,
  retention_period: 24,
  shard_level_metrics: ['IncomingBytes', 'OutgoingRecords'],
  encryption_type: EncryptionType.KMS,
  kms_key_id: KEY,
  max_record_size_in_kib: 1024,
  tags: { Name: 'example', stage: 'test' },
};

async function startProvider() {
  const server = await startTestServer();
  const credentials = { accessKeyId: 'test', secretAccessKey: 'test' };
  const kinesis = new Kinesis({
    endpoint: server.url,
    region: 'us-east-1',
    credentials,
    requestHandler: new NodeHttpHandler(),
  });
  onTestFinished(() => kinesis.destroy());
  return { server, kinesis };
}

type Provider = Awaited<ReturnType<typeof startProvider>>;

const GONE = 'gone';

/** Looks at once and then every 100 ms. Every state on the way must be `pending`, the last is `target`. */
async function poll(
  { clock }: TestServer,
  look: () => Promise<string | undefined>,
  pending: string,
  target: string,
): Promise<void> {
  for (let looks = 0; looks < 20; looks++) {
    const state = await look().catch((error: unknown) => {
      if (error instanceof ResourceNotFoundException) return GONE;
      throw error;
    });
    if (state === target) return;
    expect(state, `at look ${looks}, waiting for ${target}`).toBe(pending);
    clock.advance(100);
  }
  throw new Error(`It is still ${pending}, not ${target}.`);
}

async function summaryOf({ kinesis }: Provider) {
  const { StreamDescriptionSummary } = await kinesis.describeStreamSummary({ StreamName });
  return StreamDescriptionSummary!;
}

function pollStream(provider: Provider, pending: StreamStatus, target: string): Promise<void> {
  return poll(provider.server, async () => (await summaryOf(provider)).StreamStatus, pending, target);
}

/** Does an update and waits for its end. */
async function update(provider: Provider, change: Promise<unknown>): Promise<void> {
  await change;
  await pollStream(provider, StreamStatus.UPDATING, StreamStatus.ACTIVE);
}

const metricsOf = (monitoring: readonly EnhancedMetrics[]) => [...(monitoring[0]?.ShardLevelMetrics ?? [])].sort();

/** What `terraform plan` reads. */
async function readBack(provider: Provider): Promise<StreamResource> {
  const { OpenShardCount, ShardLimit } = await provider.kinesis.describeLimits({});
  const summary = await summaryOf(provider);
  expect(OpenShardCount, 'DescribeLimits is asked before each plan').toBe(summary.OpenShardCount);
  expect(ShardLimit).toBeGreaterThan(0);
  const { Tags, HasMoreTags } = await provider.kinesis.listTagsForStream({ StreamName });
  expect(HasMoreTags).toBe(false);
  const mode = summary.StreamModeDetails!.StreamMode!;
  return {
    name: summary.StreamName!,
    shard_count: mode === StreamMode.PROVISIONED ? summary.OpenShardCount : undefined,
    stream_mode: mode,
    retention_period: summary.RetentionPeriodHours!,
    shard_level_metrics: metricsOf(summary.EnhancedMonitoring!),
    encryption_type: summary.EncryptionType!,
    kms_key_id: summary.KeyId,
    max_record_size_in_kib: summary.MaxRecordSizeInKiB!,
    tags: Object.fromEntries(Tags!.map(({ Key, Value }) => [Key!, Value!])),
  };
}

/** Creates the stream as Terraform does: with what CreateStream takes, and the rest by updates. */
async function apply(provider: Provider, wanted: StreamResource): Promise<string> {
  const { kinesis } = provider;
  await kinesis.createStream({
    StreamName,
    ShardCount: wanted.shard_count,
    StreamModeDetails: { StreamMode: wanted.stream_mode },
    MaxRecordSizeInKiB: wanted.max_record_size_in_kib,
  });
  await pollStream(provider, StreamStatus.CREATING, StreamStatus.ACTIVE);
  await update(
    provider,
    kinesis.increaseStreamRetentionPeriod({ StreamName, RetentionPeriodHours: wanted.retention_period }),
  );
  const ShardLevelMetrics = [...wanted.shard_level_metrics];
  await update(provider, kinesis.enableEnhancedMonitoring({ StreamName, ShardLevelMetrics }));
  await update(
    provider,
    kinesis.startStreamEncryption({ StreamName, EncryptionType: 'KMS', KeyId: wanted.kms_key_id }),
  );
  await kinesis.addTagsToStream({ StreamName, Tags: { ...wanted.tags } });
  return (await summaryOf(provider)).StreamARN!;
}

it('a stream is created, planned, updated attribute by attribute and destroyed', async () => {
  const provider = await startProvider();
  const { kinesis } = provider;
  const StreamARN = await apply(provider, INITIAL);
  expect(await readBack(provider)).toEqual(INITIAL);

  let wanted = INITIAL;
  const change = async (difference: Partial<StreamResource>, call: () => Promise<unknown>) => {
    wanted = { ...wanted, ...difference };
    await update(provider, call());
    expect(await readBack(provider)).toEqual(wanted);
  };
  await change({ shard_count: 3 }, () =>
    kinesis.updateShardCount({ StreamName, TargetShardCount: 3, ScalingType: 'UNIFORM_SCALING' }),
  );
  await change({ retention_period: 48 }, () =>
    kinesis.increaseStreamRetentionPeriod({ StreamName, RetentionPeriodHours: 48 }),
  );
  await change({ retention_period: 30 }, () =>
    kinesis.decreaseStreamRetentionPeriod({ StreamName, RetentionPeriodHours: 30 }),
  );
  await change({ shard_level_metrics: ['OutgoingRecords'] }, () =>
    kinesis.disableEnhancedMonitoring({ StreamName, ShardLevelMetrics: ['IncomingBytes'] }),
  );
  await change({ kms_key_id: 'alias/other' }, () =>
    kinesis.startStreamEncryption({ StreamName, EncryptionType: 'KMS', KeyId: 'alias/other' }),
  );
  // The key that was: Terraform passes it on.
  await change({ encryption_type: 'NONE', kms_key_id: undefined }, () =>
    kinesis.stopStreamEncryption({ StreamName, EncryptionType: 'KMS', KeyId: 'alias/other' }),
  );
  await change({ max_record_size_in_kib: 2048 }, () =>
    kinesis.updateMaxRecordSize({ StreamARN, MaxRecordSizeInKiB: 2048 }),
  );
  await change({ stream_mode: 'ON_DEMAND', shard_count: undefined }, () =>
    kinesis.updateStreamMode({ StreamARN, StreamModeDetails: { StreamMode: 'ON_DEMAND' } }),
  );
  await change({ stream_mode: 'PROVISIONED', shard_count: 3 }, () =>
    kinesis.updateStreamMode({ StreamARN, StreamModeDetails: { StreamMode: 'PROVISIONED' } }),
  );
  await kinesis.removeTagsFromStream({ StreamName, TagKeys: ['stage'] });
  await kinesis.addTagsToStream({ StreamName, Tags: { Name: 'renamed' } });
  expect(await readBack(provider)).toEqual({ ...wanted, tags: { Name: 'renamed' } });

  await kinesis.deleteStream({ StreamName, EnforceConsumerDeletion: false });
  await pollStream(provider, StreamStatus.DELETING, GONE);
});

it('a consumer and a policy are made, read back and removed, and the stream goes with the consumers that it has', async () => {
  const provider = await startProvider();
  const { server, kinesis } = provider;
  const StreamARN = await apply(provider, INITIAL);

  const register = async (ConsumerName: string) => {
    const { Consumer } = await kinesis.registerStreamConsumer({ StreamARN, ConsumerName });
    await poll(server, () => look(Consumer!.ConsumerARN!), ConsumerStatus.CREATING, ConsumerStatus.ACTIVE);
    return Consumer!;
  };
  const look = async (ConsumerARN: string) =>
    (await kinesis.describeStreamConsumer({ ConsumerARN })).ConsumerDescription!.ConsumerStatus;

  const { ConsumerARN, ConsumerCreationTimestamp } = await register('one');
  const { ConsumerDescription } = await kinesis.describeStreamConsumer({ ConsumerARN: ConsumerARN! });
  const described = { ConsumerARN, ConsumerName: 'one', StreamARN, ConsumerCreationTimestamp };
  expect(ConsumerDescription).toEqual({ ...described, ConsumerStatus: 'ACTIVE' });
  await kinesis.deregisterStreamConsumer({ ConsumerARN: ConsumerARN! });
  await poll(server, () => look(ConsumerARN!), ConsumerStatus.DELETING, GONE);

  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: { AWS: '111122223333' }, Action: ['kinesis:PutRecord'], Resource: StreamARN },
    ],
  });
  await kinesis.putResourcePolicy({ ResourceARN: StreamARN, Policy });
  expect((await kinesis.getResourcePolicy({ ResourceARN: StreamARN })).Policy).toBe(Policy);
  await kinesis.deleteResourcePolicy({ ResourceARN: StreamARN });
  await expect(kinesis.deleteResourcePolicy({ ResourceARN: StreamARN })).rejects.toThrow(ResourceNotFoundException);

  const left = await register('two');
  expect(await readBack(provider), 'consumers and policies are no difference').toEqual(INITIAL);
  const remove = (EnforceConsumerDeletion: boolean) =>
    kinesis.send(new DeleteStreamCommand({ StreamName, EnforceConsumerDeletion }));
  await expect(remove(false)).rejects.toThrow(ResourceInUseException);
  expect((await summaryOf(provider)).StreamStatus).toBe('ACTIVE');
  await remove(true);
  await pollStream(provider, StreamStatus.DELETING, GONE);
  await expect(look(left.ConsumerARN!)).rejects.toThrow(ResourceNotFoundException);
});
