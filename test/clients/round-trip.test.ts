/**
 * The same round trip with every SDK: over http with any credentials, and over https with the generated certificate,
 * verified signatures and a session token. Those that are made first or take long run with `npm run test:clients`.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CHECKS, PROGRAMS, prepare, runProgram } from '../support/client-program.ts';
import { startMillrace } from '../support/process.ts';
import { temporaryDirectory } from '../support/server.ts';

const ALL = process.env.CLIENTS === 'all';

/** What `npm test` runs, over https: made of nothing, and done in a few seconds. */
const QUICK = ['JavaScript SDK v3', 'boto3'];

const KEY = {
  AWS_ACCESS_KEY_ID: 'ASIAROUNDTRIP',
  AWS_SECRET_ACCESS_KEY: 'secret/with+signs',
  AWS_SESSION_TOKEN: 'a/b+c==',
};

/** Only HTTP without TLS begins with prior knowledge. */
const CLEAR_ONLY = ['h2c'];

const runs = PROGRAMS.flatMap((program) => program.transports.map((transport) => ({ program, transport }))).filter(
  ({ program, transport }) => ALL || (QUICK.includes(program.name) && transport === 'default'),
);

describe.each(runs)('$program.name, $transport', { timeout: 1_000_000 }, ({ program, transport }) => {
  it.runIf(ALL)('over http', async ({ skip }) => {
    const reason = await prepare(program);
    if (reason !== undefined) skip(reason);
    const { url } = await startMillrace({ DATA_DIR: temporaryDirectory() });
    const environment = { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'test', AWS_REGION: 'us-east-1' };
    const { passed, said } = await runProgram(program, [url, 'round-trip', transport], environment);
    expect(passed, said).toEqual(CHECKS);
  });

  it.skipIf(CLEAR_ONLY.includes(transport))('over https, with verified signatures', async ({ skip }) => {
    const reason = await prepare(program);
    if (reason !== undefined) skip(reason);
    const directory = temporaryDirectory();
    const file = join(directory, 'credentials');
    const lines = Object.entries(KEY).map(([name, value]) => `${name.toLowerCase()} = ${value}`);
    writeFileSync(file, `[round-trip]\n${lines.join('\n')}\n`);
    const settings = { DATA_DIR: join(directory, 'data'), TLS: 'on', AUTH: 'strict', CREDENTIALS_FILE: file };
    const { url, certificate } = await startMillrace(settings);
    const endpoint = url.replace('http://127.0.0.1', 'https://localhost');
    const environment = { ...KEY, AWS_REGION: 'us-east-1', CA_FILE: certificate };
    const { passed, said } = await runProgram(program, [endpoint, 'round-trip', transport], environment);
    expect(passed, said).toEqual(CHECKS);
  });
});
