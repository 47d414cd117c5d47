/** What the running server notices of its files, and what it can be asked for, through its port. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { startTestServer, type TestServer, temporaryDirectory } from '../support/server.ts';

const put = (server: TestServer, data: string) =>
  server.call('PutRecord', { StreamName: 's', PartitionKey: 'k', Data: Buffer.from(data).toString('base64') });

function dataIn(path: string): string[] {
  const handle = openHandle(path, { readonly: true });
  const data = handle.prepare('select cast(data as text) from records order by id').pluck().all() as string[];
  handle.close();
  return data;
}

describe('files that lose their names while they are used', () => {
  it.each<[string, (directory: string) => void]>([
    ['the data file removed', (directory) => rmSync(join(directory, 'millrace.db'))],
    ['the -wal file removed', (directory) => rmSync(join(directory, 'millrace.db-wal'))],
    ['the data file moved', (directory) => renameSync(join(directory, 'millrace.db'), join(directory, 'elsewhere.db'))],
    [
      'the data file replaced',
      (directory) => {
        writeFileSync(join(directory, 'new'), 'something else');
        renameSync(join(directory, 'new'), join(directory, 'millrace.db'));
      },
    ],
    [
      'the whole directory moved',
      (directory) => {
        renameSync(directory, `${directory}-moved`);
        mkdirSync(directory);
      },
    ],
  ])('%s: the next write is not acknowledged, and all is rescued', async (_what, change) => {
    const server = await startTestServer({ directory: join(temporaryDirectory(), 'data') });
    await server.createStream('s');
    for (const data of ['one', 'two']) expect((await put(server, data)).status).toBe(200);
    change(server.directory);
    const answer = await put(server, 'three');
    expect([answer.status, answer.body.__type]).toEqual([500, 'InternalFailure']);
    expect((await put(server, 'four')).status, 'nor is any other').toBe(500);
    const [rescued, ...others] = readdirSync(join(server.directory, 'rescue'));
    expect(others).toEqual([]);
    expect(dataIn(join(server.directory, 'rescue', rescued!))).toEqual(expect.arrayContaining(['one', 'two']));
    expect(server.log.take('error').length).toBeGreaterThan(0);
    await expect(server.close(), 'it does not stop in order').rejects.toThrow(/(removed|replaced)/);
    expect(readdirSync(join(server.directory, 'rescue')), 'one copy is enough').toEqual([rescued]);
  });

  it('are noticed at the end, when nothing was written since', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await put(server, 'one');
    rmSync(join(server.directory, 'millrace.db'));
    await expect(server.close()).rejects.toThrow(/was removed while it was in use; everything .* is in .*: put it/);
    const [rescued] = readdirSync(join(server.directory, 'rescue'));
    expect(dataIn(join(server.directory, 'rescue', rescued!))).toEqual(['one']);
  });
});

describe('a snapshot', () => {
  const ask = (server: TestServer, type = 'application/json') =>
    fetch(`${server.url}/_millrace/snapshot`, { method: 'POST', headers: { 'Content-Type': type } });

  it('is a whole copy at one moment, which a server can start from', async () => {
    const server = await startTestServer();
    await server.createStream('s');
    await put(server, 'before');
    const [first, second] = await Promise.all([ask(server), ask(server), put(server, 'meanwhile')]);
    expect([first.status, second.status]).toEqual([200, 200]);
    const { path, bytes } = (await first.json()) as { path: string; bytes: number };
    expect(await second.json(), 'whoever asks meanwhile gets the same').toEqual({ path, bytes });
    expect(statSync(path).size).toBe(bytes);
    expect(dataIn(path)).toContain('before');
    await put(server, 'after');

    const directory = temporaryDirectory();
    renameSync(path, join(directory, 'millrace.db'));
    const restored = await startTestServer({ directory });
    expect((await restored.ok('ListStreams', {})).StreamNames).toEqual(['s']);
    expect((await put(restored, 'goes on')).status).toBe(200);
  });

  it('has a name of its own each time, and leaves nothing half made', async () => {
    const server = await startTestServer();
    const paths = [];
    for (let index = 0; index < 3; index += 1)
      paths.push(((await (await ask(server)).json()) as { path: string }).path);
    expect(new Set(paths).size).toBe(3);
    expect(readdirSync(join(server.directory, 'snapshots')).length).toBe(3);
  });

  it('that a kill has cut short is removed at the next start', async () => {
    const server = await startTestServer();
    const { path } = (await (await ask(server)).json()) as { path: string };
    const half = `${path.replace('.db', '-2.db')}.partial`;
    writeFileSync(half, 'half');
    await server.restart();
    expect([existsSync(path), existsSync(half)]).toEqual([true, false]);
  });

  it('says why when it cannot be made', async () => {
    const server = await startTestServer();
    writeFileSync(join(server.directory, 'snapshots'), 'a file');
    const response = await ask(server);
    expect(response.status).toBe(500);
    expect(((await response.json()) as { message: string }).message).toMatch(/^The snapshot could not be made: /);
    rmSync(join(server.directory, 'snapshots'));
    expect((await ask(server)).status, 'the next one can').toBe(200);
  });

  it('is nothing that a form of a web page can ask for', async () => {
    const server = await startTestServer();
    expect((await ask(server, 'text/plain')).status).toBe(415);
    expect(existsSync(join(server.directory, 'snapshots'))).toBe(false);
  });
});

it('metrics tell the sizes of the database and the commits', async () => {
  const server = await startTestServer();
  await server.createStream('s');
  const figure = async (name: string) =>
    Number(new RegExp(`^${name} (.*)$`, 'm').exec(await (await fetch(`${server.url}/metrics`)).text())?.[1]);
  const before = await figure('millrace_commits_total');
  await put(server, 'x');
  expect(await figure('millrace_commits_total')).toBe(before + 1);
  expect(await figure('millrace_database_bytes')).toBe(statSync(join(server.directory, 'millrace.db')).size);
  expect(await figure('millrace_wal_bytes')).toBe(statSync(join(server.directory, 'millrace.db-wal')).size);
  expect(await figure('millrace_disk_full')).toBe(0);
});
