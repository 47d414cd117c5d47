import { describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.ts';

const DAY_MS = 24 * 3_600_000;
const arnOf = (name: string, region = 'us-east-1') => `arn:aws:kinesis:${region}:000000000000:stream/${name}`;
const StreamARN = arnOf('s');
const modeOf = (StreamMode: string) => ({ StreamModeDetails: { StreamMode } });
const ON_DEMAND = modeOf('ON_DEMAND');
const PROVISIONED = modeOf('PROVISIONED');
const NOT_FOUND = {
  __type: 'ResourceNotFoundException',
  message: 'Stream s under account 000000000000 not found.',
};
const notActive = (state: string) => ({
  __type: 'ResourceInUseException',
  message: `Stream s under account 000000000000 not ACTIVE, instead in state ${state}`,
});
const notCommitted = (region = 'us-east-1') => ({
  __type: 'ValidationException',
  message:
    'Request is invalid. WarmThroughputMiBps needs MinimumThroughputBillingCommitment, which the account 000000000000 ' +
    `has not enabled in ${region}. Enable it with UpdateAccountSettings.`,
});
const TOO_WARM = {
  __type: 'LimitExceededException',
  message: 'WarmThroughputMiBps 10241 exceeds the limit of an On-Demand stream. Limit: 10240.',
};

const changeMode = (server: TestServer, mode: object, more: object = {}) =>
  server.call('UpdateStreamMode', { StreamARN, ...mode, ...more });
const warm = (server: TestServer, WarmThroughputMiBps: number, more: object = { StreamARN }) =>
  server.call('UpdateStreamWarmThroughput', { WarmThroughputMiBps, ...more });
const setMaxSize = (server: TestServer, MaxRecordSizeInKiB: number, more: object = { StreamARN }) =>
  server.call('UpdateMaxRecordSize', { MaxRecordSizeInKiB, ...more });
const commit = (server: TestServer) =>
  server.ok('UpdateAccountSettings', { MinimumThroughputBillingCommitment: { Status: 'ENABLED' } });

async function summaryOf(server: TestServer, StreamName = 's') {
  return (await server.ok('DescribeStreamSummary', { StreamName })).StreamDescriptionSummary;
}

async function startOnDemand(settings: Record<string, string> = {}): Promise<TestServer> {
  const server = await startTestServer({ settings });
  await server.ok('CreateStream', { StreamName: 's', ...ON_DEMAND });
  server.clock.advance(1000);
  return server;
}

describe('UpdateStreamMode', () => {
  it('keeps the shards, answers nothing, and leaves the stream UPDATING for a while', async () => {
    const server = await startTestServer();
    await server.createStream('s', 3);
    for (const [mode, name] of [
      [ON_DEMAND, 'ON_DEMAND'],
      [PROVISIONED, 'PROVISIONED'],
    ] as const) {
      expect(await changeMode(server, mode)).toMatchObject({ status: 200, text: '' });
      expect(await summaryOf(server)).toMatchObject({ StreamStatus: 'UPDATING', OpenShardCount: 3, ...modeOf(name) });
      server.clock.advance(500);
      const { StreamSummaries } = await server.ok('ListStreams', {});
      expect(StreamSummaries).toMatchObject([{ StreamStatus: 'ACTIVE', ...modeOf(name) }]);
    }
    await changeMode(server, ON_DEMAND);
    await server.restart();
    expect(await summaryOf(server)).toMatchObject(ON_DEMAND);
  });

  it('does nothing when the stream has the mode already', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'current' } });
    await server.createStream('s');
    for (let round = 0; round < 3; round += 1) expect((await changeMode(server, PROVISIONED)).status).toBe(200);
    expect((await summaryOf(server)).StreamStatus).toBe('ACTIVE');
  });

  it('takes a warm throughput for on-demand only, which ends with that mode as the distribution of records does', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    expect((await changeMode(server, PROVISIONED, { WarmThroughputMiBps: 5 })).body).toEqual({
      __type: 'InvalidArgumentException',
      message: 'WarmThroughputMiBps is not expected when StreamMode=PROVISIONED',
    });
    expect((await changeMode(server, ON_DEMAND, { WarmThroughputMiBps: 5 })).body).toEqual(notCommitted());
    await commit(server);
    expect((await changeMode(server, ON_DEMAND, { WarmThroughputMiBps: 10_241 })).body).toEqual(TOO_WARM);
    expect((await summaryOf(server)).StreamStatus).toBe('ACTIVE');
    expect((await changeMode(server, ON_DEMAND, { WarmThroughputMiBps: 5 })).status).toBe(200);
    server.clock.advance(500);
    expect((await summaryOf(server)).WarmThroughput).toEqual({ TargetMiBps: 5, CurrentMiBps: 5 });
    expect((await changeMode(server, ON_DEMAND, { WarmThroughputMiBps: 6 })).body).toEqual({
      __type: 'InvalidArgumentException',
      message:
        'Stream s is in On-Demand mode already. Use UpdateStreamWarmThroughput to change its WarmThroughputMiBps.',
    });
    const AUTO = { RecordDistributionStrategy: 'AUTO' };
    await server.ok('UpdateStreamRecordDistributionStrategy', { StreamARN, ...AUTO });
    expect(await summaryOf(server)).toMatchObject(AUTO);
    for (const mode of [PROVISIONED, ON_DEMAND]) {
      expect((await changeMode(server, mode)).status).toBe(200);
      server.clock.advance(500);
    }
    const summary = await summaryOf(server);
    expect(summary).not.toHaveProperty('WarmThroughput');
    expect(summary.RecordDistributionStrategy).toBe('USER_PARTITION_KEY');
  });

  it('refuses, in this order: no stream, what does not go together, a stream that is not ACTIVE', async () => {
    const server = await startTestServer();
    expect((await changeMode(server, PROVISIONED, { WarmThroughputMiBps: 5 })).body).toEqual(NOT_FOUND);
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
    const { body } = await changeMode(server, PROVISIONED, { WarmThroughputMiBps: 5 });
    expect(body.__type).toBe('InvalidArgumentException');
    expect((await changeMode(server, ON_DEMAND)).body).toEqual(notActive('CREATING'));
    expect((await changeMode(server, PROVISIONED)).body).toEqual(notActive('CREATING'));
    server.clock.advance(500);
    const answers = await Promise.all([changeMode(server, ON_DEMAND), changeMode(server, ON_DEMAND)]);
    expect(answers.map(({ body }) => body)).toEqual([undefined, notActive('UPDATING')]);
  });

  it('is possible twice in any 24 hours where AWS counts', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'current' } });
    await server.createStream('s');
    for (const mode of [ON_DEMAND, PROVISIONED]) {
      expect((await changeMode(server, mode)).status).toBe(200);
      server.clock.advance(500);
    }
    const { body } = await changeMode(server, ON_DEMAND);
    expect(body.__type).toBe('LimitExceededException');
    expect(body.message).toContain('quota updateStreamModePerDay');
    server.clock.advance(DAY_MS - 1000);
    expect((await changeMode(server, ON_DEMAND)).status).toBe(200);
  });

  it('keeps to fifty on-demand streams where AWS does', async () => {
    const server = await startTestServer({ settings: { QUOTAS: 'current', TRANSITION_MS: '0' } });
    for (let index = 0; index < 50; index += 1) {
      await server.ok('CreateStream', { StreamName: `demand${index}`, ...ON_DEMAND });
      server.clock.advance(1000);
    }
    await server.createStream('s');
    expect((await changeMode(server, ON_DEMAND)).body).toEqual({
      __type: 'LimitExceededException',
      message:
        'This request would exceed the limit on the number of On-Demand streams for the account 000000000000 in ' +
        'us-east-1. Current On-Demand streams count: 50. Limit: 50.',
    });
    expect(await summaryOf(server)).toMatchObject(PROVISIONED);
    const elsewhere = { region: 'eu-west-1' };
    await server.createStream('s', 1, elsewhere);
    await server.ok('UpdateStreamMode', { StreamARN: arnOf('s', 'eu-west-1'), ...ON_DEMAND });
  });
});

describe('UpdateStreamWarmThroughput', () => {
  it('tells the throughput, which describes show, and leaves the stream UPDATING for a while', async () => {
    const server = await startOnDemand();
    await commit(server);
    for (const [mibps, more] of [
      [10_240, { StreamARN }],
      [100, { StreamName: 's' }],
      [100, { StreamName: 's', StreamARN }],
      [0, { StreamARN }],
    ] as const) {
      const WarmThroughput = { TargetMiBps: mibps, CurrentMiBps: mibps };
      expect((await warm(server, mibps, more)).body).toEqual({ StreamARN, StreamName: 's', WarmThroughput });
      expect(await summaryOf(server)).toMatchObject({ StreamStatus: 'UPDATING', WarmThroughput });
      server.clock.advance(500);
      expect(await summaryOf(server)).toMatchObject({ StreamStatus: 'ACTIVE', WarmThroughput });
    }
    await server.restart();
    expect((await summaryOf(server)).WarmThroughput).toEqual({ TargetMiBps: 0, CurrentMiBps: 0 });
  });

  it('refuses, in this order: no stream, a provisioned one, no commitment, too much, one that is not ACTIVE', async () => {
    const server = await startTestServer();
    expect((await warm(server, 10_241)).body).toEqual(NOT_FOUND);
    await server.ok('CreateStream', { StreamName: 's', ...ON_DEMAND });
    expect((await warm(server, 10_241)).body).toEqual(notCommitted());
    await commit(server);
    expect((await warm(server, 10_241)).body).toEqual(TOO_WARM);
    expect((await warm(server, 1)).body).toEqual(notActive('CREATING'));
    await server.createStream('provisioned');
    expect((await warm(server, 10_241, { StreamName: 'provisioned' })).body).toEqual({
      __type: 'ValidationException',
      message:
        'Request is invalid. Stream provisioned under account 000000000000 is in Provisioned mode. Use ' +
        'UpdateStreamMode to make it On-Demand.',
    });
    expect((await warm(server, 1, {})).body).toEqual({
      __type: 'InvalidArgumentException',
      message: 'Either StreamName or StreamARN must be provided.',
    });
  });

  it('asks for the commitment of the account and region of the stream, as CreateStream does', async () => {
    const server = await startOnDemand();
    await commit(server);
    const options = { region: 'eu-west-1' };
    const input = { StreamName: 's', ...ON_DEMAND, WarmThroughputMiBps: 1 };
    expect((await server.call('CreateStream', input, options)).body).toEqual(notCommitted('eu-west-1'));
    await server.ok('CreateStream', { ...input, StreamName: 'warm' });
    const tooWarm = { ...input, StreamName: 'hot', WarmThroughputMiBps: 10_241 };
    expect((await server.call('CreateStream', tooWarm)).body).toEqual(TOO_WARM);
    await server.ok('CreateStream', { StreamName: 's', ...ON_DEMAND }, options);
    expect((await warm(server, 1, { StreamARN: arnOf('s', 'eu-west-1') })).body).toEqual(notCommitted('eu-west-1'));
  });
});

describe('UpdateMaxRecordSize', () => {
  const put = (server: TestServer, bytes: number) =>
    server.call('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: Buffer.alloc(bytes - 1).toString('base64') });
  const KIB = 1024;

  it('is what the next puts go by, and leaves the stream UPDATING for a while', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    expect((await put(server, 1024 * KIB + 1)).status).toBe(400);
    expect(await setMaxSize(server, 1025)).toMatchObject({ status: 200, text: '' });
    expect(await summaryOf(server)).toMatchObject({ StreamStatus: 'UPDATING', MaxRecordSizeInKiB: 1025 });
    expect((await put(server, 1025 * KIB)).status).toBe(200);
    expect((await put(server, 1025 * KIB + 1)).body.message).toContain(`less than or equal to ${1025 * KIB}`);
    await server.restart();
    server.clock.advance(500);
    expect(await summaryOf(server)).toMatchObject({ StreamStatus: 'ACTIVE', MaxRecordSizeInKiB: 1025 });
    expect((await put(server, 1025 * KIB)).status).toBe(200);
    expect((await setMaxSize(server, 1024)).status).toBe(200);
    expect((await put(server, 1025 * KIB)).status).toBe(400);
  });

  it('refuses a size that no stream has, no ARN, no stream, and a stream that is not ACTIVE', async () => {
    const server = await startTestServer();
    for (const [size, constraint] of [
      [1023, 'greater than or equal to 1024'],
      [10_241, 'less than or equal to 10240'],
    ] as const) {
      expect((await setMaxSize(server, size)).body).toEqual({
        __type: 'ValidationException',
        message: `1 validation error detected: Value '${size}' at 'maxRecordSizeInKiB' failed to satisfy constraint: Member must have value ${constraint}`,
      });
    }
    for (const more of [{}, { StreamName: 's' }]) {
      expect((await setMaxSize(server, 2048, more)).body).toEqual({
        __type: 'InvalidArgumentException',
        message: 'StreamARN must be provided.',
      });
    }
    expect((await setMaxSize(server, 2048)).body).toEqual(NOT_FOUND);
    await server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
    expect((await setMaxSize(server, 2048)).body).toEqual(notActive('CREATING'));
  });
});
