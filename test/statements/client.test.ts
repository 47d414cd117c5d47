/** S-001 to S-007 and S-180 to S-185: boto3 itself, unchanged, in real time; skipped with a reason where it is missing. */
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { PROFILES, type Profile } from '../../src/quotas.ts';
import { startMillrace } from '../support/process.ts';
import { temporaryDirectory } from '../support/server.ts';

const execute = promisify(execFile);
const SCRIPT = join(import.meta.dirname, '..', 'clients', 'python', 'statements.py');
const STATEMENTS = {
  'S-001': 'the client has the thirteen operations',
  'S-002': 'the client has its helpers',
  'S-003': 'can_paginate is true for the pageable operations only',
  'S-004': 'get_paginator of another operation raises OperationNotPageableError',
  'S-005': 'a presigned request is accepted; it is valid for an hour and a POST by default',
  'S-006': 'operations without output answer an empty success',
  'S-007': 'blobs come back byte for byte, and their limits count bytes before base64',
  'S-180': 'describe_stream and list_streams have paginators',
  'S-181': 'a paginator that stopped at MaxItems goes on from its token',
  'S-182': 'describe_stream pages by the last shard id until HasMoreShards is false',
  'S-183': 'list_streams pages by the last name or by token until HasMoreStreams is false',
  'S-184': 'the waiter checks every ten seconds, at most eighteen times, until the stream is ACTIVE',
  'S-185': 'the waiter takes StreamName, Limit and ExclusiveStartShardId',
} as const;

const hasBoto = spawnSync('python3', ['-c', 'import boto3']).status === 0;

/** What the script says about each statement: null, or what was wrong. */
async function check(profile: Profile): Promise<Record<string, string | null>> {
  const { url } = await startMillrace({ DATA_DIR: temporaryDirectory(), QUOTAS: profile, TRANSITION_MS: '3500' });
  const { stdout } = await execute('python3', [SCRIPT, url, profile], { timeout: 90_000 });
  return JSON.parse(stdout);
}

/** The three profiles at once, because most of the time is spent waiting; by the first test for all. */
let results: Promise<Record<string, string | null>[]> | undefined;

describe.each(PROFILES)('boto3 with QUOTAS=%s', (profile) => {
  it.for(Object.entries(STATEMENTS))(`%s %s [${profile}]`, { timeout: 100_000 }, async ([number], { skip }) => {
    if (!hasBoto) skip('boto3 is not installed');
    results ??= Promise.all(PROFILES.map(check));
    const ofProfile = (await results)[PROFILES.indexOf(profile)]!;
    expect(ofProfile[number], `what boto3 says about ${number}`).toBeNull();
  });
});
