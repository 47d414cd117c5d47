import { describe, expect, it } from 'vitest';
import { startTestServer, type TestServer } from '../support/server.ts';

const ALL = [
  'IncomingBytes',
  'IncomingRecords',
  'OutgoingBytes',
  'OutgoingRecords',
  'WriteProvisionedThroughputExceeded',
  'ReadProvisionedThroughputExceeded',
  'IteratorAgeMilliseconds',
];
const ARN = 'arn:aws:kinesis:us-east-1:000000000000:stream/s';

type Operation = 'EnableEnhancedMonitoring' | 'DisableEnhancedMonitoring';
const OPERATIONS: readonly Operation[] = ['EnableEnhancedMonitoring', 'DisableEnhancedMonitoring'];

async function describedBy(server: TestServer) {
  const { StreamDescription: described } = await server.ok('DescribeStream', { StreamName: 's' });
  const { StreamDescriptionSummary: summary } = await server.ok('DescribeStreamSummary', { StreamName: 's' });
  expect(summary.EnhancedMonitoring).toEqual(described.EnhancedMonitoring);
  return described;
}

describe('EnableEnhancedMonitoring and DisableEnhancedMonitoring', () => {
  it('tell the metrics before and after, which describes show, and survive a restart', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const steps: readonly (readonly [Operation, named: string[], after: string[]])[] = [
      ['EnableEnhancedMonitoring', ['OutgoingBytes', 'IncomingBytes'], ['IncomingBytes', 'OutgoingBytes']],
      ['EnableEnhancedMonitoring', ['IncomingBytes', 'IncomingRecords'], ALL.slice(0, 3)],
      ['DisableEnhancedMonitoring', ['IncomingRecords', 'OutgoingRecords'], ['IncomingBytes', 'OutgoingBytes']],
      ['EnableEnhancedMonitoring', ['ALL'], ALL],
      ['DisableEnhancedMonitoring', ['IncomingBytes'], ALL.slice(1)],
      ['EnableEnhancedMonitoring', ['IncomingBytes', 'IncomingBytes', 'ALL'], ALL],
      ['DisableEnhancedMonitoring', ['ALL', 'IncomingBytes'], []],
    ];
    let before: string[] = [];
    for (const [operation, ShardLevelMetrics, after] of steps) {
      expect(await server.ok(operation, { StreamName: 's', ShardLevelMetrics })).toEqual({
        StreamName: 's',
        StreamARN: ARN,
        CurrentShardLevelMetrics: before,
        DesiredShardLevelMetrics: after,
      });
      expect(await describedBy(server)).toMatchObject({
        StreamStatus: 'UPDATING',
        EnhancedMonitoring: [{ ShardLevelMetrics: after }],
      });
      server.clock.advance(500);
      expect((await describedBy(server)).StreamStatus).toBe('ACTIVE');
      before = after;
      if (after.length === 6) await server.restart();
    }
  });

  it('leave the stream ACTIVE when nothing changes', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const off = await server.ok('DisableEnhancedMonitoring', { StreamARN: ARN, ShardLevelMetrics: ['ALL'] });
    expect([off.CurrentShardLevelMetrics, off.DesiredShardLevelMetrics]).toEqual([[], []]);
    expect((await describedBy(server)).StreamStatus).toBe('ACTIVE');
  });

  it.each(OPERATIONS)(
    '%s refuses a missing stream, one that is not ACTIVE, and what is no metric',
    async (operation) => {
      const server = await startTestServer();
      const ask = async (ShardLevelMetrics: string[]) =>
        (await server.call(operation, { StreamName: 's', ShardLevelMetrics })).body;
      expect(await ask(['ALL'])).toEqual({
        __type: 'ResourceNotFoundException',
        message: 'Stream s under account 000000000000 not found.',
      });
      await server.ok('CreateStream', { StreamName: 's', ShardCount: 1 });
      expect(await ask(['ALL'])).toEqual({
        __type: 'ResourceInUseException',
        message: 'Stream s under account 000000000000 not ACTIVE, instead in state CREATING',
      });
      expect((await ask([...ALL, 'ALL'])).message).toContain('Member must have length less than or equal to 7');
      expect((await ask(['all'])).message).toContain(
        `Member must satisfy enum value set: [${[...ALL, 'ALL'].join(', ')}]`,
      );
    },
  );

  it('change the stream of one account and region only', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    const options = { region: 'eu-west-1' };
    await server.createStream('s', 1, options);
    await server.ok('EnableEnhancedMonitoring', { StreamName: 's', ShardLevelMetrics: ['ALL'] }, options);
    expect((await describedBy(server)).EnhancedMonitoring).toEqual([{ ShardLevelMetrics: [] }]);
  });
});
