/** What goes wrong between Millrace and a PostgreSQL server: the documented outcome, and nothing lost. */
import { readdirSync, readFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  bucketText,
  callFirehose,
  createDeliveryStream,
  deliverAllAfter,
  describeDeliveryStream,
  firehose,
  flushNow,
  putRecords,
  S3,
  select,
} from '../../support/firehose.ts';
import { createManualClock } from '../../support/manual-clock.ts';
import { freePort, hasPostgres, PASSWORD, USER } from '../../support/postgres.ts';
import { createLoader, postgresEngine, redshiftTo } from '../../support/redshift.ts';
import { startTestServer, type TestServer } from '../../support/server.ts';
import { until } from '../../support/until.ts';

const engine = postgresEngine();
const lastErrors = (server: TestServer) =>
  select(server, 'select last_error from v_deliveries order by delivery_id').map(({ last_error }) => last_error);
const states = (server: TestServer) =>
  select(server, 'select state from deliveries order by id').map(({ state }) => state);

/** Accepts connections and says nothing on them. */
async function startSilentServer(): Promise<{ readonly port: number; readonly sockets: readonly Socket[] }> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { port: (server.address() as { port: number }).port, sockets };
}

describe.runIf(hasPostgres)('a PostgreSQL server', () => {
  beforeAll(() => engine.prepare(), 60_000);
  afterAll(() => engine.remove());

  it('at an address of its own is contacted there', async () => {
    const { server, jdbcUrl, sql } = await engine.open({ settings: { REDSHIFT_ENDPOINT: '' } });
    const database = jdbcUrl.split('/').at(-1);
    await sql('create table t (a int)');
    const { port } = engine.postgres();
    await createDeliveryStream(
      server,
      'd',
      redshiftTo(`jdbc:postgresql://localhost:${port}/${database}`, { DataTableName: 't' }),
    );
    await createDeliveryStream(
      server,
      'e',
      redshiftTo(`jdbc:redshift://127.0.0.1:${port}/${database}`, { DataTableName: 't' }),
    );
    await putRecords(server, 'd', ['1\n']);
    await putRecords(server, 'e', ['2\n']);
    await deliverAllAfter(server, 1000);
    expect(await sql('select a from t order by a')).toEqual([{ a: 1 }, { a: 2 }]);
  });

  it('a wrong password is named, and mended by UpdateDestination', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    await sql('create table t (a int)');
    await createLoader(warehouse, { DataTableName: 't' }, { Password: 'canary-wrong' });
    await putRecords(server, 'd', ['1\n']);
    await deliverAllAfter(server, 1000);
    expect(lastErrors(server)).toEqual([
      `Redshift.AuthenticationFailed: password authentication failed for user "${USER}".`,
    ]);
    await firehose(server, 'UpdateDestination', {
      DeliveryStreamName: 'd',
      CurrentDeliveryStreamVersionId: '1',
      DestinationId: 'destinationId-000000000001',
      RedshiftDestinationUpdate: { Password: PASSWORD },
    });
    expect((await flushNow(server, 'd')).status).toBe(200);
    expect(await sql('select a from t')).toEqual([{ a: 1 }]);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    const described = await describeDeliveryStream(server, 'd');
    const told = JSON.stringify([described, server.log.entries, lastErrors(server), metrics]);
    await server.close();
    for (const secret of ['canary-wrong', PASSWORD]) {
      expect(told, 'in answers and logs').not.toContain(secret);
      for (const name of readdirSync(server.directory).filter((file) => file.startsWith('millrace.db'))) {
        const bytes = readFileSync(join(server.directory, name));
        for (const form of [secret, Buffer.from(secret).toString('base64'), Buffer.from(secret, 'utf16le')]) {
          expect(bytes.includes(form), `${name} contains a password`).toBe(false);
        }
      }
    }
  });

  it('that is down for the whole time: skipped in the end, loaded afterwards what came later', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    const { stop, start } = engine.postgres();
    await sql('create table t (a int)');
    await createLoader(warehouse, { DataTableName: 't' }, { RetryOptions: { DurationInSeconds: 600 } });
    await createDeliveryStream(server, 'z', {
      ExtendedS3DestinationConfiguration: {
        ...S3,
        BucketARN: 'arn:aws:s3:::z',
        BufferingHints: { IntervalInSeconds: 0 },
      },
    });
    await stop();
    await putRecords(server, 'd', ['1\n']);
    await deliverAllAfter(server, 1000);
    expect(lastErrors(server)).toEqual([expect.stringMatching(/^Redshift\.ConnectionFailed: connect ECONNREFUSED /)]);
    await putRecords(server, 'd', ['2\n']);
    await putRecords(server, 'z', ['others go on']);
    for (let minute = 0; minute < 10; minute += 1) await deliverAllAfter(server, 60_000);
    expect(bucketText(server, 'z')).toBe('others go on');
    expect(states(server)).toEqual(['DROPPED', 'PLANNED', 'DELIVERED']);
    expect(select(server, 'select kind, records from incidents')).toEqual([{ kind: 'SKIPPED', records: 1 }]);
    await start();
    await deliverAllAfter(server, 300_000);
    expect(states(server)).toEqual(['DROPPED', 'DELIVERED', 'DELIVERED']);
    expect(await sql('select a from t')).toEqual([{ a: 2 }]);
  });

  it('that ends in the middle of a load has nothing of the batch, and later all of it', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    const { stop, start } = engine.postgres();
    await sql('create table t (a int)');
    // The load waits for this lock, and with it the connection is in the middle of a transaction.
    await sql(
      'create function wait() returns trigger language plpgsql as $$ begin perform pg_sleep(60); return new; end $$',
    );
    await sql('create trigger slow before insert on t for each row execute function wait()');
    await createLoader(warehouse, { DataTableName: 't' });
    await putRecords(server, 'd', ['1\n']);
    server.clock.advance(1000);
    const job = server.runJob('flush');
    const loading =
      "select count(*)::int as n from pg_stat_activity where application_name = 'millrace' and query like 'copy%'";
    for (let n = 0; n === 0; ) [{ n }] = (await sql(loading)) as [{ n: number }];
    await stop();
    await job;
    await deliverAllAfter(server, 0);
    expect(lastErrors(server)[0]).toMatch(/^Redshift\.ConnectionFailed: /);
    await start();
    expect(await sql('select a from t')).toEqual([]);
    await sql('drop trigger slow on t');
    await deliverAllAfter(server, 5000);
    expect(await sql('select a from t')).toEqual([{ a: 1 }]);
  });

  it('where the user may not make the schema of the books: says what to do', async () => {
    const warehouse = await engine.open();
    const { server, sql, jdbcUrl } = warehouse;
    const database = jdbcUrl.split('/').at(-1);
    await sql(
      `do $$ begin create role poor login password '${PASSWORD}'; exception when duplicate_object then null; end $$`,
    );
    await sql('create table t (a int); grant insert on t to poor');
    await createLoader(warehouse, { DataTableName: 't' }, { Username: 'poor' });
    await putRecords(server, 'd', ['1\n']);
    await deliverAllAfter(server, 1000);
    expect(lastErrors(server)).toEqual([
      `Redshift.InsufficientPrivilege: Millrace keeps its books in the schema millrace of the target and may not make it ` +
        `(permission denied for database ${database}); let an administrator run "create schema millrace authorization ` +
        '<the user of the delivery stream>".',
    ]);
    await sql('create schema millrace authorization poor');
    await deliverAllAfter(server, 5000);
    expect(states(server), lastErrors(server)[0]).toEqual(['DELIVERED']);
    expect(await sql('select a from t')).toEqual([{ a: 1 }]);
  });

  it('a database, a column or a schema that is not there is named', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    await sql('create table t (a int)');
    await createLoader(warehouse, { DataTableName: 'nowhere.t' });
    await createLoader(warehouse, { DataTableName: 't', DataTableColumns: 'a, "B"' }, {}, 'e');
    await createDeliveryStream(
      server,
      'f',
      redshiftTo(warehouse.jdbcUrl.replace(/\/\w+$/, '/missing'), { DataTableName: 't' }),
    );
    await createLoader(warehouse, { DataTableName: 't', CopyOptions: "json 's3://b/no.json'" }, {}, 'g');
    for (const name of ['d', 'e', 'f', 'g']) await putRecords(server, name, ['1\n']);
    await deliverAllAfter(server, 1000);
    expect(lastErrors(server)).toEqual([
      'Redshift.TableNotFound: The table "nowhere"."t" is not there.',
      'Redshift.ColumnNotFound: The table "t" has no column "B".',
      'Redshift.DatabaseNotFound: database "missing" does not exist.',
      'Redshift.MissingS3File: There is no object s3://b/no.json.',
    ]);
  });

  it('names are names and never SQL', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    await sql('create table "a""b" ("x; drop table" int); create table victim (a int)');
    await createLoader(warehouse, { DataTableName: '"a""b"', DataTableColumns: '"x; drop table"' });
    await putRecords(server, 'd', ['1\n']);
    await deliverAllAfter(server, 1000);
    expect(await sql('select * from "a""b"')).toEqual([{ 'x; drop table': 1 }]);
    const { body } = await callFirehose(server, 'CreateDeliveryStream', {
      DeliveryStreamName: 'e',
      ...redshiftTo(warehouse.jdbcUrl, { DataTableName: 't; drop table victim' }),
    });
    expect(body.message).toBe(
      'DataTableName must be the name of a table, or of a schema and a table with a dot between them.',
    );
  });

  it('two delivery streams into one table at once', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    await sql('create table t (a int)');
    for (const name of ['d', 'e', 'f']) await createLoader(warehouse, { DataTableName: 't' }, {}, name);
    for (const name of ['d', 'e', 'f']) await putRecords(server, name, ['1\n']);
    await deliverAllAfter(server, 1000);
    // Whoever came second when the books were made tries again.
    await deliverAllAfter(server, 5000);
    expect(await sql('select count(*)::int as n from t')).toEqual([{ n: 3 }]);
  });
});

it('a server that accepts connections and says nothing is given up; others go on', async () => {
  const { port, sockets } = await startSilentServer();
  const clock = createManualClock();
  const server = await startTestServer({ clock });
  await createDeliveryStream(
    server,
    'd',
    redshiftTo(`jdbc:postgresql://127.0.0.1:${port}/dev`, { DataTableName: 't' }),
  );
  await createDeliveryStream(server, 'z', {
    ExtendedS3DestinationConfiguration: {
      ...S3,
      BucketARN: 'arn:aws:s3:::z',
      BufferingHints: { IntervalInSeconds: 0 },
    },
  });
  await putRecords(server, 'd', ['1\n']);
  await putRecords(server, 'z', ['others go on']);
  clock.advance(1000);
  const job = server.runJob('flush');
  await until(() => sockets.length === 1 && bucketText(server, 'z') !== '');
  clock.fire(900);
  await job;
  clock.fire(10_000);
  await until(() => lastErrors(server)[0] !== null);
  expect(lastErrors(server)[0]).toBe(`Redshift.ConnectionFailed: 127.0.0.1:${port} did not answer within 10 seconds.`);
});

it('where too many wait, the others wait their turn and lose no attempt', async () => {
  const { port, sockets } = await startSilentServer();
  const clock = createManualClock();
  const server = await startTestServer({ clock });
  const more = { RetryOptions: { DurationInSeconds: 0 } };
  for (let n = 0; n < 70; n += 1) {
    const target = redshiftTo(`jdbc:postgresql://127.0.0.1:${port}/dev`, { DataTableName: 't' }, more);
    await createDeliveryStream(server, `d${n}`, target);
    await putRecords(server, `d${n}`, ['1\n']);
  }
  clock.advance(1000);
  const job = server.runJob('flush');
  const count = (what: string) => select(server, `select count(*) as count from v_deliveries where ${what}`)[0].count;
  await until(() => sockets.length === 64 && count("step = 'LOAD'") === 70);
  clock.fire(900);
  await job;
  clock.fire(10_000);
  await until(() => count("last_error like '%did not answer within 10 seconds.'") === 64);
  expect(count("state = 'PLANNED' and attempts = 0 and last_error is null"), 'not tried, not given up').toBe(6);
});

it('stopping does not wait for a server that says nothing', async () => {
  const { port, sockets } = await startSilentServer();
  const server = await startTestServer();
  await createDeliveryStream(
    server,
    'd',
    redshiftTo(`jdbc:postgresql://127.0.0.1:${port}/dev`, { DataTableName: 't' }),
  );
  await putRecords(server, 'd', ['1\n']);
  server.clock.advance(1000);
  void server.runJob('flush');
  await until(() => sockets.length === 1);
  await server.restart();
  expect(select(server, 'select state, step, attempts from v_deliveries')).toEqual([
    { state: 'PLANNED', step: 'LOAD', attempts: 0 },
  ]);
});

it('a delivery stream without a user is not taken for somebody else', async () => {
  const server = await startTestServer();
  const target = redshiftTo('jdbc:postgresql://localhost:5432/x', { DataTableName: 't' }, { Username: undefined });
  await createDeliveryStream(server, 'd', target);
  await putRecords(server, 'd', ['1\n']);
  await deliverAllAfter(server, 1000);
  expect(lastErrors(server)).toEqual(['Redshift.AuthenticationFailed: The delivery stream has no Username.']);
});

it('a link-local address is never contacted, a port where nothing listens is named', async () => {
  const server = await startTestServer();
  const port = await freePort();
  const urls = ['jdbc:postgresql://169.254.169.254:80/x', `jdbc:redshift://localhost:${port}/x`];
  for (const [index, url] of urls.entries()) {
    await createDeliveryStream(server, `d${index}`, redshiftTo(url, { DataTableName: 't' }));
    await putRecords(server, `d${index}`, ['1\n']);
  }
  await deliverAllAfter(server, 1000);
  expect(lastErrors(server)).toEqual([
    'Redshift.ConnectionFailed: Nothing is delivered to 169.254.169.254: it is link-local or stands for no host.',
    expect.stringMatching(/^Redshift\.ConnectionFailed: connect ECONNREFUSED /),
  ]);
});

it('options that Millrace does not do are refused by name', async () => {
  const server = await startTestServer();
  const refusal = async (CopyOptions: string) =>
    (
      await callFirehose(server, 'CreateDeliveryStream', {
        DeliveryStreamName: 'd',
        ...redshiftTo('jdbc:redshift://localhost:5439/dev', { DataTableName: 't', CopyOptions }),
      })
    ).body.message;
  expect(await refusal('gzip fixedwidth')).toBe(
    'Millrace does not support the CopyOptions FIXEDWIDTH; it supports CSV, JSON, DELIMITER, QUOTE, ESCAPE, NULL, GZIP, ' +
      'IGNOREHEADER, MAXERROR, TRUNCATECOLUMNS, DATEFORMAT, TIMEFORMAT, REGION.',
  );
  expect(await refusal("json 'noshred'")).toMatch(/^Millrace does not support JSON 'noshred' in CopyOptions; /);
});
