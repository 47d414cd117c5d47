/** However many channels and delivery streams there are, an operation looks at those that it is about. */
import { join } from 'node:path';
import BetterSqlite3 from 'better-sqlite3';
import { expect, it, vi } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { channelInput, createChannel, createOnDemand, streamArn } from '../support/channels.ts';
import { startTestServer } from '../support/server.ts';

it('statements of channels find their rows by key', async () => {
  const prepare = vi.spyOn(BetterSqlite3.prototype, 'prepare');
  const server = await startTestServer();
  await createOnDemand(server);
  // The flusher looks at all delivery streams.
  prepare.mockClear();
  const ChannelARN = await createChannel(server, 'c', { more: { Tags: { a: 'b' } } });
  await server.call('CreateChannel', channelInput('c'));
  await server.call('DeleteStream', { StreamName: 's' });
  await server.ok('DescribeChannel', { ChannelARN });
  await server.ok('ListChannels', { StreamFilter: [{ StreamARN: streamArn('s') }] });
  await server.ok('UpdateChannel', { ChannelARN, S3DestinationConfiguration: { DataFreshnessInSeconds: 1 } });
  server.clock.advance(1000);
  await server.ok('DeleteChannel', { ChannelARN });
  const statements = [...new Set(prepare.mock.calls.map(([sql]) => sql))].filter((sql) =>
    /^(select|update|delete).* "?(channels|delivery_streams|buffers|source_checkpoints|tags)\b/s.test(sql),
  );
  prepare.mockRestore();
  expect(
    statements.filter((sql) => sql.includes('"channels"')).length,
    'the statements were seen',
  ).toBeGreaterThanOrEqual(9);

  const handle = openHandle(join(server.directory, 'millrace.db'), { readonly: true });
  const planOf = (sql: string) => {
    const values = Array(sql.split('?').length - 1).fill('[]');
    const steps = handle.prepare(`explain query plan ${sql}`).all(...values) as { detail: string }[];
    return steps.map(({ detail }) => detail).join('; ');
  };
  for (const sql of statements) {
    expect.soft(planOf(sql), sql).not.toMatch(/SCAN (?!wanted)/);
    // A filter of thousands of streams is read once, and not again for each channel.
    expect.soft(planOf(sql), sql).not.toMatch(/CORRELATED/);
  }
  handle.close();
});
