/** boto3 and the AWS CLI, unchanged, against the running program; skipped with a reason where they are not installed. */
import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { realLines } from '../support/lines.ts';
import { startMillrace } from '../support/process.ts';
import { temporaryDirectory } from '../support/server.ts';

const execute = promisify(execFile);
const works = (command: string, ...args: string[]) => spawnSync(command, args).status === 0;
const LINES = Number(process.env.CLIENT_LINES ?? 800);

it(`boto3 reads back ${LINES} lines of 8 concurrent clients, each once and in order`, { timeout: 90_000 }, async ({
  skip,
}) => {
  if (!works('python3', '-c', 'import boto3')) skip('boto3 is not installed');
  const directory = temporaryDirectory();
  const { url } = await startMillrace({ DATA_DIR: join(directory, 'data') });
  const file = join(directory, 'lines');
  writeFileSync(file, realLines(LINES).join('\n'));
  const script = join(import.meta.dirname, 'python', 'round_trip.py');
  const { stdout } = await execute('python3', [script, url, file, String(LINES)]);
  expect(stdout).toBe(`${LINES} records\n`);
});

it('boto3 applies a delivery stream as Terraform does', { timeout: 60_000 }, async ({ skip }) => {
  if (!works('python3', '-c', 'import boto3')) skip('boto3 is not installed');
  const { url } = await startMillrace({ DATA_DIR: temporaryDirectory(), TRANSITION_MS: '100' });
  const { stdout } = await execute('python3', [join(import.meta.dirname, 'python', 'firehose.py'), url]);
  expect(stdout).toBe('applied\n');
});

it('boto3 subscribes to a shard, whose end it is told', { timeout: 60_000 }, async ({ skip }) => {
  if (!works('python3', '-c', 'import boto3')) skip('boto3 is not installed');
  const { url } = await startMillrace({ DATA_DIR: temporaryDirectory(), TRANSITION_MS: '0' });
  const { stdout } = await execute('python3', [join(import.meta.dirname, 'python', 'subscribe.py'), url]);
  expect(stdout).toBe('subscribed\n');
});

it('boto3 presigns URLs, which are verified', { timeout: 60_000 }, async ({ skip }) => {
  if (!works('python3', '-c', 'import boto3')) skip('boto3 is not installed');
  const directory = temporaryDirectory();
  const file = join(directory, 'credentials');
  writeFileSync(file, '[a]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n');
  const settings = { DATA_DIR: join(directory, 'data'), AUTH: 'strict', CREDENTIALS_FILE: file };
  const { url } = await startMillrace({ ...settings, TRANSITION_MS: '0' });
  const script = join(import.meta.dirname, 'python', 'presigned.py');
  const present = (secret: string) => {
    const env = {
      ...process.env,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: secret,
    };
    return execute('python3', [script, url], { env });
  };
  expect((await present('secret')).stdout).toBe('');
  await expect(present('another')).rejects.toThrow('InvalidSignatureException');
});

it('the AWS CLI creates a stream, puts a record and reads it', { timeout: 60_000 }, async ({ skip }) => {
  if (!works('aws', '--version')) skip('the AWS CLI is not installed');
  const { url } = await startMillrace({ DATA_DIR: temporaryDirectory(), TRANSITION_MS: '0' });
  const env = { ...process.env, AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_PAGER: '' };
  const aws = async (...args: string[]) => {
    const common = ['--endpoint-url', url, '--region', 'us-east-1', '--output', 'json', 'kinesis'];
    const { stdout } = await execute('aws', [...common, ...args], { env });
    return stdout === '' ? undefined : JSON.parse(stdout);
  };
  expect(await aws('create-stream', '--stream-name', 's', '--shard-count', '1')).toBeUndefined();
  // Read as base64 by version 2 of the CLI and as text by version 1; both are told back by the record's size.
  const put = await aws('put-record', '--stream-name', 's', '--partition-key', 'k', '--data', 'aGVsbG8=');
  expect(put.ShardId).toBe('shardId-000000000000');
  const position = ['--shard-id', put.ShardId, '--shard-iterator-type', 'TRIM_HORIZON'];
  const { ShardIterator } = await aws('get-shard-iterator', '--stream-name', 's', ...position);
  const { Records } = await aws('get-records', '--shard-iterator', ShardIterator);
  expect(Records).toHaveLength(1);
  expect(['aGVsbG8=', Buffer.from('aGVsbG8=').toString('base64')]).toContain(Records[0].Data);
});
