/** STS and CloudWatch as boto3 and the AWS CLI call them, verified; skipped with a reason where they are not installed. */
import { execFile, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { metricRows } from '../support/companions.ts';
import { startMillrace } from '../support/process.ts';
import { temporaryDirectory } from '../support/server.ts';

const execute = promisify(execFile);
const works = (command: string, ...args: string[]) => spawnSync(command, args).status === 0;

const ACCOUNT = '333344445555';
const ENVIRONMENT = {
  ...process.env,
  AWS_REGION: 'us-east-1',
  AWS_DEFAULT_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_PAGER: '',
  EXPECTED_ACCOUNT: ACCOUNT,
};

async function startStrict() {
  const directory = temporaryDirectory();
  const file = join(directory, 'credentials');
  const key = 'aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret';
  writeFileSync(file, `[a]\n${key}\naws_account_id = ${ACCOUNT}\n`);
  const data = join(directory, 'data');
  const { url } = await startMillrace({ DATA_DIR: data, AUTH: 'strict', CREDENTIALS_FILE: file });
  return { url, data };
}

it('boto3 puts metrics in all protocols that it knows for it, and asks who it is', { timeout: 60_000 }, async ({
  skip,
}) => {
  if (!works('python3', '-c', 'import boto3')) skip('boto3 is not installed');
  const { url, data } = await startStrict();
  const script = join(import.meta.dirname, 'python', 'companions.py');
  const { stdout } = await execute('python3', [script, url], { env: ENVIRONMENT });
  const spoken = stdout.trim().split(' ');
  expect(spoken).toContain('query');
  const kept = { metric: 'UserRecordsPut', unit: 'Bytes/Second', samples: 4, sum: 60000000001.5, maximum: 2e10 };
  const rows = metricRows(data);
  expect(rows).toHaveLength(101 * spoken.length);
  for (const row of rows) {
    expect(row).toMatchObject({ ...kept, account: ACCOUNT, dimensions: '{"StreamName":"a","ÄÖ":"x & y + 100 %"}' });
  }
});

it('the AWS CLI puts a metric, and asks who it is', { timeout: 60_000 }, async ({ skip }) => {
  if (!works('which', 'aws')) skip('the AWS CLI is not installed');
  const { url, data } = await startStrict();
  const aws = async (...args: string[]) => {
    const { stdout } = await execute('aws', ['--endpoint-url', url, '--output', 'json', ...args], { env: ENVIRONMENT });
    return stdout === '' ? undefined : JSON.parse(stdout);
  };
  const Arn = `arn:aws:iam::${ACCOUNT}:root`;
  expect(await aws('sts', 'get-caller-identity')).toEqual({ UserId: ACCOUNT, Account: ACCOUNT, Arn });
  const metric = ['--namespace', 'n', '--metric-name', 'm', '--value', '1.5', '--unit', 'Count', '--dimensions', 'a=b'];
  expect(await aws('cloudwatch', 'put-metric-data', ...metric)).toBeUndefined();
  expect(metricRows(data)).toMatchObject([
    { namespace: 'n', metric: 'm', sum: 1.5, unit: 'Count', dimensions: '{"a":"b"}' },
  ]);
});
