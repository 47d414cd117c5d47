/**
 * The AWS CLI, unchanged, reshards a stream and keeps its consumers; it has no command for SubscribeToShard. Each command
 * takes a second, so this runs with `npm run test:clients`.
 */
import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { startMillrace } from '../support/process.ts';
import { temporaryDirectory } from '../support/server.ts';

const execute = promisify(execFile);
const ALL = process.env.CLIENTS === 'all';

it.runIf(ALL)('the AWS CLI reshards, and registers and removes a consumer', { timeout: 120_000 }, async ({ skip }) => {
  if (spawnSync('aws', ['--version']).status !== 0) skip('the AWS CLI is not installed');
  const settings = { DATA_DIR: temporaryDirectory(), TRANSITION_MS: '0', INITIALIZE_STREAMS: 'cli:2' };
  const { url } = await startMillrace(settings);
  const env = { ...process.env, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_PAGER: '' };
  const aws = async (...args: string[]) => {
    const common = ['--endpoint-url', url, '--region', 'us-east-1', '--output', 'json', 'kinesis'];
    const { stdout } = await execute('aws', [...common, ...args], { env });
    return stdout === '' ? undefined : JSON.parse(stdout);
  };
  const reshard = ['--target-shard-count', '4', '--scaling-type', 'UNIFORM_SCALING'];
  const answer = await aws('update-shard-count', '--stream-name', 'cli', ...reshard);
  expect(answer).toMatchObject({ StreamName: 'cli', CurrentShardCount: 2, TargetShardCount: 4 });
  expect((await aws('list-shards', '--stream-name', 'cli')).Shards).toHaveLength(6);
  const latest = await aws('list-shards', '--stream-name', 'cli', '--shard-filter', 'Type=AT_LATEST');
  expect(latest.Shards).toHaveLength(4);

  const consumer = ['--stream-arn', answer.StreamARN, '--consumer-name', 'one'];
  const { Consumer } = await aws('register-stream-consumer', ...consumer);
  const { ConsumerDescription } = await aws('describe-stream-consumer', ...consumer);
  expect(ConsumerDescription).toMatchObject({ ConsumerARN: Consumer.ConsumerARN, ConsumerStatus: 'ACTIVE' });
  expect(await aws('deregister-stream-consumer', ...consumer)).toBeUndefined();
  expect(await aws('list-stream-consumers', '--stream-arn', answer.StreamARN)).toEqual({ Consumers: [] });
  await expect(aws('describe-stream-consumer', ...consumer)).rejects.toThrow('ResourceNotFoundException');
  await expect(aws('subscribe-to-shard'), 'the CLI has no such command').rejects.toThrow(/invalid choice/i);
});
