/** The embedded databases: how they are made, looked at, ended and killed. */
import { existsSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startEngine } from '../../../src/firehose/redshift/engine.ts';
import { createDeliveryStream, flushNow, putRecords, select } from '../../support/firehose.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { AWS_CLUSTER, embeddedSql, provideEmbedded, redshiftTo } from '../../support/redshift.ts';
import { startTestServer, temporaryDirectory } from '../../support/server.ts';
import { until } from '../../support/until.ts';

it('a database is made when it is needed, also where half of one was left; it ends after a minute and starts again', {
  timeout: 120_000,
}, async () => {
  const clock = createManualClock();
  const server = await startTestServer({ clock });
  const root = join(server.directory, 'redshift');
  mkdirSync(join(root, 'dev.new', 'base'), { recursive: true });
  writeFileSync(join(root, 'dev.new', 'PG_VERSION'), '18\n');
  await createDeliveryStream(server, 'd', redshiftTo(`${AWS_CLUSTER}/dev`, { DataTableName: 't' }));
  expect(existsSync(join(root, 'dev')), 'not before it is needed').toBe(false);
  await putRecords(server, 'd', ['1\n']);
  expect((await flushNow(server, 'd')).status).toBe(502);
  expect(select(server, 'select last_error from v_deliveries')).toEqual([
    { last_error: 'Redshift.TableNotFound: The table "t" is not there.' },
  ]);
  expect(readdirSync(root)).toEqual(['dev']);
  await embeddedSql(server, 'dev', 'create table t (a int)');
  expect((await flushNow(server, 'd')).status).toBe(200);
  expect(statSync(root).mode & 0o077, 'nobody else can look into the directory').toBe(0);
  expect(clock.waiting(60_000)).toBe(1);
  clock.fire(60_000);
  expect(await embeddedSql(server, 'dev', 'select a from t')).toEqual([{ a: 1 }]);
});

it('SQL: each statement has its result; a transaction or a setting that is left open ends with the script', async () => {
  const server = await startTestServer();
  await provideEmbedded(server, 'dev');
  const ask = (body: string, headers: Record<string, string> = { 'Content-Type': 'application/sql' }, name = 'dev') =>
    fetch(`${server.url}/_millrace/redshift/${name}/query`, { method: 'POST', body, headers });
  const answer = async (body: string) => (await ask(body)).json();

  expect(
    await answer(
      "create table t (a int, b bigint, c text, d timestamptz); insert into t values (1, 9007199254740993, 'ß', '2026-01-02Z'); select * from t",
    ),
  ).toEqual({
    results: [
      { columns: [], rows: [], rowCount: 0 },
      { columns: [], rows: [], rowCount: 1 },
      {
        columns: ['a', 'b', 'c', 'd'],
        rows: [{ a: 1, b: '9007199254740993', c: 'ß', d: '2026-01-02T00:00:00.000Z' }],
        rowCount: 1,
      },
    ],
  });
  await answer('begin; insert into t (a) values (2); set search_path = nowhere');
  expect(await embeddedSql(server, 'dev', 'select count(*)::int as n from t')).toEqual([{ n: 1 }]);
  expect(await embeddedSql(server, 'dev', 'select 1 as a, 2 as a, 3 as a_2')).toEqual([{ a: 1, a_2: 2, a_2_2: 3 }]);
  const [many] = (
    (await answer('select * from generate_series(1, 20000) as n')) as {
      results: { rows: object[]; rowCount: number }[];
    }
  ).results;
  expect([many!.rows.length, many!.rowCount], 'no more than 10,000 rows are shown').toEqual([10_000, 20_000]);

  const odd = "select array[9007199254740993::int8] as a, '{\"b\": 1}'::jsonb as b, '\\xff'::bytea as c";
  expect(await embeddedSql(server, 'dev', odd)).toEqual([{ a: ['9007199254740993'], b: { b: 1 }, c: '\\xff' }]);
  const wide = await embeddedSql(server, 'dev', "select repeat('x', 1000000) from generate_series(1, 100)");
  expect(wide.length, 'no more than 16 MiB are shown').toBe(16);

  const wrong = await ask('select * from missing');
  expect([wrong.status, await wrong.json()]).toEqual([400, { message: 'relation "missing" does not exist' }]);
  expect((await ask('select 1', { 'Content-Type': 'application/x-www-form-urlencoded' })).status, 'a form').toBe(415);
  expect((await ask('select 1', { 'Content-Type': 'text/plain' })).status, 'a form').toBe(415);
  expect((await ask('select 1', { 'Content-Type': 'application/sql', Origin: 'http://evil.example' })).status).toBe(
    403,
  );
  expect((await ask('select 1', undefined, '..%2Fetc')).status, 'no name of a database').toBe(404);
  const large = await ask(`select '${'x'.repeat(1_100_000)}'`);
  expect([large.status, await large.json()]).toEqual([413, { message: 'request entity too large' }]);
});

it('a script that does not end is killed; the database recovers', async () => {
  const clock = createManualClock();
  const server = await startTestServer({ clock });
  await provideEmbedded(server, 'dev');
  await embeddedSql(server, 'dev', 'create table t (a int); insert into t values (1)');
  clock.fire(60_000);
  const endless = embeddedSql(
    server,
    'dev',
    'insert into t values (2); select count(*) from generate_series(1, 1e12::bigint)',
  );
  endless.catch(() => {});
  await until(() => clock.waiting(120_000) === 0 && clock.waiting(60_000) === 1);
  await new Promise((resolve) => setTimeout(resolve, 500));
  clock.fire(60_000);
  await expect(endless).rejects.toThrow('The embedded database dev did not finish within 60 seconds');
  expect(await embeddedSql(server, 'dev', 'select a from t')).toEqual([{ a: 1 }]);
});

it('stopping does not wait for scripts, nor for those who wait for them', async () => {
  const server = await startTestServer();
  await provideEmbedded(server, 'dev');
  await createDeliveryStream(server, 'd', redshiftTo(`${AWS_CLUSTER}/dev`, { DataTableName: 't' }));
  await putRecords(server, 'd', ['1\n']);
  const endless = 'select count(*) from generate_series(1, 1e12::bigint)';
  const scripts = [endless, endless].map((sql) =>
    embeddedSql(server, 'dev', sql).catch((error: Error) => error.message),
  );
  server.clock.advance(1000);
  await server.runJob('flush');
  await server.restart();
  expect(await Promise.all(scripts)).toEqual(['The server stops', 'The server stops']);
  expect(select(server, 'select step, attempts from v_deliveries')).toEqual([{ step: 'LOAD', attempts: 0 }]);
});

it('a database starts again also where an engine was killed before it had written its lock file', async () => {
  const server = await startTestServer();
  await provideEmbedded(server, 'dev');
  writeFileSync(join(server.directory, 'redshift', 'dev', 'postmaster.pid'), '');
  expect(await embeddedSql(server, 'dev', 'select 1 as a')).toEqual([{ a: 1 }]);
});

it('a database that cannot start is refused with what PostgreSQL says of it', async () => {
  const server = await startTestServer();
  await provideEmbedded(server, 'dev');
  const directory = join(server.directory, 'redshift', 'dev');
  writeFileSync(join(directory, 'PG_VERSION'), '9\n');
  const refusal = `The embedded database in ${directory} did not start: database files are incompatible with server`;
  await expect(embeddedSql(server, 'dev', 'select 1')).rejects.toThrow(refusal);
});

it('two databases take turns', async () => {
  const server = await startTestServer();
  await provideEmbedded(server, 'one');
  await provideEmbedded(server, 'two');
  const names = await Promise.all(
    ['one', 'two'].map((name) => embeddedSql(server, name, `create table ${name} (a int); select '${name}' as name`)),
  );
  expect(names.map(([row]) => row.name)).toEqual(['one', 'two']);
  await expect(embeddedSql(server, 'one', 'select * from two')).rejects.toThrow('does not exist');
});

it('an engine answers or rejects; after its end it does nothing more', async () => {
  const directory = join(temporaryDirectory(), 'db');
  await provideEmbedded({ directory: join(directory, '..') }, 'x');
  const engine = await startEngine(join(directory, '..', 'redshift', 'x')).ready;
  await expect(engine.query('select $1::int as a', [7])).resolves.toEqual([{ a: 7 }]);
  await engine.query('create table t (a int)');
  await expect(engine.copy('t (a)', Buffer.from('1\nx\n'))).rejects.toMatchObject({
    code: '22P02',
    where: expect.stringContaining('COPY t, line 2, column a'),
  });
  await engine.kill();
  expect(engine.hasEnded).toBe(true);
  await expect(engine.query('select 1')).rejects.toThrow('has ended');
  await expect(startEngine('/proc/none').ready).rejects.toThrow();
});
