/** The program as a process: its ready line, its exit codes and sentences, its signals. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import https from 'node:https';
import net from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { systemClock } from '../src/clock.ts';
import { openHandle } from '../src/database/handle.ts';
import { EXIT_CODES } from '../src/refusal.ts';
import { spawnMillrace, startMillrace } from './support/process.ts';
import { temporaryDirectory } from './support/server.ts';
import { createWireClient } from './support/wire.ts';

/** Runs the program to its end and expects one sentence on standard error. */
async function refusal(settings: Record<string, string>, args: readonly string[] = []) {
  const millrace = spawnMillrace({ PORT: '0', ...settings }, args);
  const { code } = await millrace.exited;
  expect(millrace.stdout(), 'nothing on standard output').toBe('');
  expect(millrace.stderr(), 'one sentence').toMatch(/^millrace: [^\n]+[.\w]\n$/);
  return { code, text: millrace.stderr() };
}

describe('a start', () => {
  it('prints one ready line and a line for the AWS CLI', async () => {
    const directory = temporaryDirectory();
    const { stdout, url } = await startMillrace({ DATA_DIR: directory });
    const [ready, cli, ...rest] = stdout().split('\n');
    expect(ready).toMatch(/^Millrace \d+\.\d+\.\d+ ready in \d+ ms at http:\/\/127\.0\.0\.1:\d+ with data in \//);
    expect(ready!.endsWith(` with data in ${directory}`), ready).toBe(true);
    expect(cli).toContain(`aws --endpoint-url ${url} --region us-east-1 kinesis list-streams`);
    expect(rest.join('')).toBe('');
  });

  it('names the certificate in the ready line, and clients that trust it reach the same port', async () => {
    const directory = temporaryDirectory();
    const { stdout, url, certificate } = await startMillrace({ DATA_DIR: directory, TLS: 'on' });
    expect(stdout().split('\n')[0]).toMatch(/; https with \/.*\/tls\/certificate\.pem$/);
    expect(certificate).toBe(join(directory, 'tls', 'certificate.pem'));
    const answer = await new Promise<number | undefined>((resolve, reject) => {
      const trusting = { ca: readFileSync(certificate), agent: false } as const;
      https
        .get(`${url.replace('http:', 'https:')}/health`, trusting, ({ statusCode }) => resolve(statusCode))
        .on('error', reject);
    });
    expect(answer).toBe(200);
  });

  it('has the streams of INITIALIZE_STREAMS when it is ready, whatever ended it before', async () => {
    const settings = { DATA_DIR: temporaryDirectory(), KINESIS_INITIALIZE_STREAMS: 'orders:2,clicks:1' };
    for (const said of ['created orders, clicks', 'already there: orders, clicks']) {
      const millrace = await startMillrace({ ...settings, TRANSITION_MS: '60000', LOG_LEVEL: 'info' });
      const { StreamSummaries } = await createWireClient(millrace.url).send('ListStreams', {});
      expect(StreamSummaries).toMatchObject([
        { StreamName: 'clicks', StreamStatus: 'ACTIVE' },
        { StreamName: 'orders', StreamStatus: 'ACTIVE' },
      ]);
      expect(millrace.stderr()).toContain(`INITIALIZE_STREAMS: ${said}.`);
      await millrace.kill('SIGKILL');
    }
  });

  it('keeps its files to the user', async () => {
    const directory = join(temporaryDirectory(), 'data');
    await startMillrace({ DATA_DIR: directory, TLS: 'on' });
    const files = ['', 'millrace.db', 'millrace.db-wal', 'lock.db', 'instance.json', 'tls', 'tls/key.pem'];
    for (const path of files.map((file) => join(directory, file))) {
      expect(statSync(path).mode & 0o077, `${path} has no permissions for others`).toBe(0);
    }
  });
});

describe('a start succeeds', () => {
  it('while another program holds a write lock, because it has nothing to write', async () => {
    const directory = temporaryDirectory();
    await (await startMillrace({ DATA_DIR: directory })).kill('SIGTERM');
    const handle = openHandle(join(directory, 'millrace.db'));
    onTestFinished(() => void handle.close());
    handle.exec('begin immediate');
    const millrace = await startMillrace({ DATA_DIR: directory });
    expect(await createWireClient(millrace.url).send('ListStreams', {})).toMatchObject({ StreamNames: [] });
    expect(await millrace.kill('SIGTERM')).toEqual({ code: EXIT_CODES.clean, signal: null });
  });

  it('after a kill at any moment of the very first start', { timeout: 60_000 }, async () => {
    for (let delayMs = 60; delayMs <= 300; delayMs += 48) {
      const directory = temporaryDirectory();
      const first = spawnMillrace({ PORT: '0', DATA_DIR: directory });
      const cancel = systemClock.after(delayMs, () => first.child.kill('SIGKILL'));
      await Promise.race([first.exited, new Promise((resolve) => first.child.stdout!.once('data', resolve))]);
      cancel();
      await first.kill('SIGKILL');
      const again = await startMillrace({ DATA_DIR: directory });
      expect(await createWireClient(again.url).send('ListStreams', {}), `killed after ${delayMs} ms`).toBeDefined();
      await again.kill('SIGKILL');
    }
  });
});

describe('a start is refused', () => {
  it('with exit code 2 for a bad setting, which it names', async () => {
    const { code, text } = await refusal({ DATA_DIR: temporaryDirectory(), QUOTAS: 'loose' });
    expect(code).toBe(EXIT_CODES.badSetting);
    expect(text).toContain('QUOTAS must be one of relaxed, current, documented; it is "loose".');
  });

  it.each([
    ['orders:2,bad name', 'INITIALIZE_STREAMS must be streams as name[:shards[:region]] separated by commas'],
    ['orders:2,orders:3', 'INITIALIZE_STREAMS names orders in us-east-1 twice, with 2 and with 3 shards.'],
  ])('with exit code 2 for INITIALIZE_STREAMS=%s', async (streams, sentence) => {
    const { code, text } = await refusal({ DATA_DIR: temporaryDirectory(), INITIALIZE_STREAMS: streams });
    expect(code).toBe(EXIT_CODES.badSetting);
    expect(text).toContain(sentence);
  });

  it('with exit code 2 for an unknown flag', async () => {
    const { code, text } = await refusal({}, ['--prot', '1']);
    expect(code).toBe(EXIT_CODES.badSetting);
    expect(text).toContain('--prot');
  });

  it('with exit code 3 for data of a newer version, which stays as it is', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'millrace.db');
    await (await startMillrace({ DATA_DIR: directory })).kill('SIGTERM');
    const handle = openHandle(path);
    handle.pragma('user_version = 9999');
    handle.prepare("update server_state set value = '9.9.9' where name = 'written_by'").run();
    handle.close();
    const before = readFileSync(path);
    const { code, text } = await refusal({ DATA_DIR: directory });
    expect(code).toBe(EXIT_CODES.newerData);
    expect(text).toContain('was written by Millrace 9.9.9');
    expect(readFileSync(path).equals(before), 'not a byte of the file has changed').toBe(true);
  });

  it('with exit code 4 and the pid of the holder when the data directory is in use', async () => {
    const directory = temporaryDirectory();
    const first = await startMillrace({ DATA_DIR: directory });
    const { code, text } = await refusal({ DATA_DIR: directory });
    expect(code).toBe(EXIT_CODES.dataInUse);
    expect(text).toContain(`pid ${first.child.pid}`);
    expect(text).toContain(first.url);
    expect(await createWireClient(first.url).send('ListStreams', {}), 'the first goes on').toBeDefined();
  });

  it('with exit code 4 and no pid while the note is still that of an instance that was killed', async () => {
    const directory = temporaryDirectory();
    const killed = await startMillrace({ DATA_DIR: directory });
    await killed.kill('SIGKILL');
    // As a start has it between taking the lock and removing the note.
    const lock = openHandle(join(directory, 'lock.db'));
    onTestFinished(() => void lock.close());
    lock.exec('begin exclusive');
    const { code, text } = await refusal({ DATA_DIR: directory });
    expect(code).toBe(EXIT_CODES.dataInUse);
    expect(existsSync(join(directory, 'instance.json')), 'the note is there to be mistaken').toBe(true);
    expect(text).toContain(`The data directory ${directory} is in use by another Millrace; stop it`);
    expect(text, 'nobody is sent after a process that is gone').not.toContain('pid');
  });

  it('with exit code 5 for a damaged file, which stays as it is', async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'millrace.db');
    writeFileSync(path, Buffer.alloc(16_384, 'not a database '));
    const { code, text } = await refusal({ DATA_DIR: directory });
    expect(code).toBe(EXIT_CODES.damagedData);
    expect(text).toContain(`${path} is damaged`);
    expect(readFileSync(path).equals(Buffer.alloc(16_384, 'not a database '))).toBe(true);
  });

  it('with exit code 4 when another program holds a write lock and there is something to write', async () => {
    const directory = temporaryDirectory();
    await (await startMillrace({ DATA_DIR: directory })).kill('SIGTERM');
    const handle = openHandle(join(directory, 'millrace.db'));
    onTestFinished(() => void handle.close());
    handle.prepare("update server_state set value = '0.0.1' where name = 'written_by'").run();
    handle.exec('begin immediate');
    const { code, text } = await refusal({ DATA_DIR: directory });
    expect(code).toBe(EXIT_CODES.dataInUse);
    expect(text).toContain('Another program holds a write lock');
  });

  it("with exit code 7 for another program's database, which stays as it is", async () => {
    const directory = temporaryDirectory();
    const path = join(directory, 'millrace.db');
    const handle = openHandle(path);
    handle.exec('create table contacts (name)');
    handle.close();
    const before = readFileSync(path);
    const { code, text } = await refusal({ DATA_DIR: directory });
    expect(code).toBe(EXIT_CODES.dataNotUsable);
    expect(text).toContain('is not a Millrace database');
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  it('with exit code 6 for a port in use', async () => {
    const blocker = net.createServer();
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void blocker.close());
    const { port } = blocker.address() as net.AddressInfo;
    const { code, text } = await refusal({ DATA_DIR: temporaryDirectory(), PORT: String(port) });
    expect(code).toBe(EXIT_CODES.portInUse);
    expect(text).toContain(`Port ${port} on 127.0.0.1 is in use`);
  });

  it('with exit code 7 for a data directory that is a file', async () => {
    const path = join(temporaryDirectory(), 'file');
    writeFileSync(path, '');
    const { code, text } = await refusal({ DATA_DIR: path });
    expect(code).toBe(EXIT_CODES.dataNotUsable);
    expect(text).toContain(path);
    expect(text).toContain('DATA_DIR');
  });

  it('with exit code 7 for a data directory that cannot be written', async () => {
    const directory = unwritableDirectory();
    const { code, text } = await refusal({ DATA_DIR: directory });
    expect(code).toBe(EXIT_CODES.dataNotUsable);
    expect(text).toContain(`The data directory ${directory} cannot be written`);
  });
});

/** Permissions do not stop root, but nobody can make a directory in /proc. */
function unwritableDirectory(): string {
  if (process.getuid?.() === 0) return '/proc/millrace';
  const directory = join(temporaryDirectory(), 'sealed');
  mkdirSync(directory, { mode: 0o500 });
  return directory;
}

describe('a signal', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s stops it in order: exit code 0 and everything in the data file',
    async (signal) => {
      const directory = temporaryDirectory();
      const millrace = await startMillrace({ DATA_DIR: directory, TRANSITION_MS: '0' });
      const client = createWireClient(millrace.url);
      await client.send('CreateStream', { StreamName: 's', ShardCount: 1 });
      await client.send('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: 'aGVsbG8=' });
      expect(await millrace.kill(signal)).toEqual({ code: EXIT_CODES.clean, signal: null });
      expect(existsSync(join(directory, 'millrace.db-wal')), 'the WAL is gone').toBe(false);
      const handle = openHandle(join(directory, 'millrace.db'), { readonly: true });
      expect(handle.prepare('select count(*) from records').pluck().get()).toBe(1);
      handle.close();
      client.close();
    },
  );

  it('lets requests in progress end', async () => {
    const millrace = await startMillrace({ DATA_DIR: temporaryDirectory(), TRANSITION_MS: '0' });
    const client = createWireClient(millrace.url);
    await client.send('CreateStream', { StreamName: 's', ShardCount: 1 });
    const data = Buffer.alloc(700_000).toString('base64');
    const clients = Array.from({ length: 8 }, () => createWireClient(millrace.url));
    const puts = clients.map((one) => one.send('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: data }));
    const first = await Promise.race(puts);
    const exit = await millrace.kill('SIGTERM');
    expect(first.SequenceNumber).toBeDefined();
    expect(exit.code).toBe(EXIT_CODES.clean);
  });
});

it('--help lists every setting and --version prints the version', async () => {
  const help = spawnMillrace({}, ['--help']);
  expect((await help.exited).code).toBe(0);
  expect(help.stdout()).toContain('--data-dir, DATA_DIR');
  const version = spawnMillrace({}, ['--version']);
  expect((await version.exited).code).toBe(0);
  expect(version.stdout()).toMatch(/^\d+\.\d+\.\d+\n$/);
});
