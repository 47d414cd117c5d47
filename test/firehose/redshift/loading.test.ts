/** Records in tables: what COPY makes of them, exactly once, on a PostgreSQL server and on the embedded database. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openHandle } from '../../../src/database/handle.ts';
import { bucketFiles, deliverAllAfter, firehose, flushNow, putRecords, S3, select } from '../../support/firehose.ts';
import { hasPostgres } from '../../support/postgres.ts';
import { createLoader, embeddedEngine, postgresEngine } from '../../support/redshift.ts';
import { startS3Server } from '../../support/s3-server.ts';

const HOUR_S = 3600;
const engines = [...(hasPostgres ? [postgresEngine()] : []), embeddedEngine()];

beforeAll(() => Promise.all(engines.map((engine) => engine.prepare())), 60_000);
afterAll(() => Promise.all(engines.map((engine) => engine.remove())));

describe.each(engines)('with $name', (engine) => {
  it('JSON objects become rows, by way of an object and its manifest', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    await sql('create table events (id bigint, name text, at timestamptz, price numeric, tags text, ok boolean)');
    await createLoader(warehouse, { DataTableName: 'events', CopyOptions: "json 'auto'" });
    await putRecords(server, 'd', [
      '{"id": 9007199254740993, "name": "Zoë\\tß", "at": "2026-01-02T03:04:05Z", "price": 1.10, "ok": true}',
      '{"name": null, "tags": {"a": [1.0, "x"]}, "other": 1}\n',
    ]);
    await deliverAllAfter(server, 1000);
    expect(
      await sql('select id::text, name, price::text, tags, ok, at is null as never from events order by 1'),
    ).toEqual([
      { id: '9007199254740993', name: 'Zoë\tß', price: '1.10', tags: null, ok: true, never: false },
      { id: null, name: null, price: null, tags: '{"a":[1.0,"x"]}', ok: null, never: true },
    ]);
    const [manifest, object] = bucketFiles(server).toReversed();
    const day = '2026/01/02/03/';
    expect(object!.path).toMatch(/^2026\/01\/02\/03\/d-1-2026-01-02-03-04-06-[0-9a-f-]{36}$/);
    expect(manifest!.path).toBe(`manifests/${day}${object!.path.slice(day.length).replace('d-1-', 'd-')}`);
    expect(JSON.parse(manifest!.content.toString())).toEqual({
      entries: [{ url: `s3://b/${object!.path}`, mandatory: true }],
    });
    expect(select(server, 'select kind, state, step, records, rows_loaded, failed, key from v_deliveries')).toEqual([
      { kind: 'redshift', state: 'DELIVERED', step: null, records: 2, rows_loaded: 2, failed: 0, key: object!.path },
    ]);
    expect(select(server, 'select count(*) as left from buffered_records')).toEqual([{ left: 0 }]);
    expect(await sql('select table_name, rows_loaded::int as rows from millrace.loads')).toEqual([
      { table_name: '"events"', rows: 2 },
    ]);
  });

  it('MAXERROR lets bad rows pass, and keeps them', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    await sql('create table t (a int not null, b text)');
    await createLoader(warehouse, { DataTableName: 't', CopyOptions: "maxerror 5 json 'auto'" });
    await putRecords(server, 'd', [
      '{"a": 1}\n{"a": "x"}\n{"a": 2}\n{"a": null}\n',
      Buffer.from('7b2261223a332c2262223a22ff227d0a', 'hex'),
      'no json\n{"a": 4}',
    ]);
    await deliverAllAfter(server, 1000);
    expect(await sql('select a from t order by a')).toEqual([{ a: 1 }, { a: 2 }, { a: 4 }]);
    expect(select(server, 'select state, rows_loaded, failed from v_deliveries')).toEqual([
      { state: 'DELIVERED', rows_loaded: 3, failed: 4 },
    ]);
    expect(await sql('select row_number::int as n, raw_row, error from millrace.load_errors order by 1')).toEqual([
      { n: 2, raw_row: '{"a": "x"}', error: expect.stringContaining('invalid input syntax') },
      { n: 4, raw_row: '{"a": null}', error: expect.stringContaining('null value in column "a"') },
      { n: 5, raw_row: expect.stringContaining('"a":3'), error: 'It is not valid UTF-8.' },
      { n: 6, raw_row: 'no json', error: expect.stringContaining('It is not JSON') },
    ]);

    await putRecords(server, 'd', ['{"a":"x"}'.repeat(5)]);
    await deliverAllAfter(server, 1000);
    expect(select(server, 'select last_error from v_deliveries where delivery_id = 2')[0].last_error).toMatch(/Row 5/);
    expect(await sql('select count(*)::int as n from millrace.load_errors'), 'undone').toEqual([{ n: 4 }]);
  });
});

// What does not depend on the engine is tested with the faster one.
describe(`with ${engines[0]!.name}`, () => {
  const engine = engines[0]!;

  it('a batch is loaded once, even if nobody heard that it was', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    await sql('create table t (a int)');
    await createLoader(warehouse, { DataTableName: 't', CopyOptions: 'csv' });
    await putRecords(server, 'd', ['1\n', '2\n']);
    await deliverAllAfter(server, 1000);
    // As if the process had ended between the commit there and the confirmation here.
    const handle = openHandle(join(server.directory, 'millrace.db'));
    handle.exec("update deliveries set state = 'PLANNED', step = 'LOAD', is_cleared = 0");
    handle.close();
    await server.restart();
    await deliverAllAfter(server, 1000);
    expect(select(server, 'select state, rows_loaded from v_deliveries')).toEqual([
      { state: 'DELIVERED', rows_loaded: 2 },
    ]);
    expect(await sql('select a from t order by a')).toEqual([{ a: 1 }, { a: 2 }]);
  });

  it('MAXERROR loses no good row where bad ones stand before each other', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    await sql('create table t (id int primary key, n int)');
    await createLoader(warehouse, { DataTableName: 't', CopyOptions: 'maxerror 10' });
    // The database finds the bad value before it finds the keys that occur twice.
    await putRecords(server, 'd', ['1|1\n2|2\n1|3\n4|4\n2|7\n5|x\n6|6\n']);
    await deliverAllAfter(server, 1000);
    expect(await sql('select id, n from t order by id')).toEqual([
      { id: 1, n: 1 },
      { id: 2, n: 2 },
      { id: 4, n: 4 },
      { id: 6, n: 6 },
    ]);
    expect(select(server, 'select rows_loaded, failed from v_deliveries')).toEqual([{ rows_loaded: 4, failed: 3 }]);
    expect(await sql('select row_number::int as n from millrace.load_errors order by 1')).toEqual([
      { n: 3 },
      { n: 5 },
      { n: 6 },
    ]);
  });

  it('a large batch with bad rows, in pieces', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    await sql('create table t (a int)');
    await createLoader(warehouse, { DataTableName: 't', CopyOptions: 'csv maxerror 100' });
    const lines = Array.from({ length: 5000 }, (_, index) => (index % 100 === 7 ? 'bad\n' : `${index}\n`));
    await putRecords(server, 'd', [lines.join('')]);
    await deliverAllAfter(server, 1000);
    expect(await sql('select count(*)::int as n, count(distinct a)::int as d from t')).toEqual([{ n: 4950, d: 4950 }]);
  });

  it('the formats and options of COPY', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    const rows = async (
      name: string,
      [columns, CopyOptions, more = {}]: readonly [columns: string, options: string, more?: object],
      records: readonly (string | Buffer)[],
    ) => {
      await sql(`create table ${name} (${columns})`);
      const { DataTableColumns, ...configuration } = more as { DataTableColumns?: string };
      const copy = { DataTableName: name, CopyOptions, ...(DataTableColumns && { DataTableColumns }) };
      await createLoader(warehouse, copy, configuration, name);
      await putRecords(server, name, records);
      await deliverAllAfter(server, 1000);
      expect(select(server, `select last_error from v_deliveries where delivery_stream = '${name}'`), name).toEqual([
        { last_error: null },
      ]);
      return (await sql(`select * from ${name}`)).map((row) => Object.values(row));
    };
    const three = 'a int, b text, c varchar(3)';

    expect(await rows('plain', [three, ''], ['1|x|y\n', '|\\N|\n', '3|a\\b|zß'])).toEqual([
      [1, 'x', 'y'],
      [null, null, ''],
      [3, 'a\\b', 'zß'],
    ]);
    expect(
      await rows(
        'escaped',
        [three, "delimiter ',' escape null as 'nil' ignoreheader 2"],
        ['a,b,c\nx\n1,a\\,b,\\\\\n2,l\\\nm,nil\n3,nil,\\nil\n'],
      ),
    ).toEqual([
      [1, 'a,b', '\\'],
      [2, 'l\nm', null],
      [3, null, 'nil'],
    ]);
    expect(
      await rows(
        'csv',
        [three, "FORMAT AS CSV QUOTE AS '%' DELIMITER AS '\\t' TRUNCATECOLUMNS IGNOREHEADER 1"],
        ['a\tb\tc\r\n1\t%x\ty\n%%%\tlonger\r\n', '2\t\\N\t\r\n'],
      ),
    ).toEqual([
      [1, 'x\ty\n%', 'lon'],
      [2, null, ''],
    ]);
    expect(
      await rows('caseless', ['id int, "B" text', "json 'auto ignorecase'"], ['{"ID": 1, "b": "x"}{"Id":2}', '\n']),
    ).toEqual([
      [1, 'x'],
      [2, null],
    ]);
    expect(
      await rows(
        'chosen',
        ['a int, b int, c text default $$d$$', "json 'auto'", { DataTableColumns: 'b, A' }],
        ['{"a":1,"b":2,"c":"x"}'],
      ),
    ).toEqual([[1, 2, 'd']]);
    const packed = {
      S3Configuration: { ...S3, BufferingHints: { IntervalInSeconds: 0, SizeInMBs: 5 }, CompressionFormat: 'GZIP' },
    };
    expect(await rows('packed', ['a int', 'gzip', packed], ['1\n2\n'])).toEqual([[1], [2]]);
    expect(await rows('twice', ['a int', 'gzip'], [gzipSync('1\n'), gzipSync('2\n')])).toEqual([[1], [2]]);
    expect(
      await rows(
        'times',
        ['a date, b timestamp', "csv dateformat 'auto' timeformat as 'auto'"],
        ['Jan 8 1999,2026-01-02T03:04:05.678Z\n'],
      ).then(([row]) => row!.map((value) => new Date(value as string).getTime() > 0)),
    ).toEqual([true, true]);

    writeFileSync(
      join(server.directory, 's3', 'b', 'paths.json'),
      '{"jsonpaths": ["$.u[\'x.y\']", "$[\'l\'][1].z", "$.none"]}',
    );
    expect(
      await rows('paths', [three, "json 's3://b/paths.json'"], ['{"u": {"x.y": 7}, "l": [0, {"z": "deep"}]}']),
    ).toEqual([[7, 'deep', null]]);
  });

  it('a table that is not there yet, a column, a bad row: tried again, and loaded when it is mended', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    await createLoader(warehouse, { DataTableName: 'public.t', CopyOptions: "json 'auto'" });
    await putRecords(server, 'd', ['{"a": "x"}']);
    const lastError = () => select(server, 'select last_error from v_deliveries')[0].last_error;
    await deliverAllAfter(server, 1000);
    expect(lastError()).toBe('Redshift.TableNotFound: The table "public"."t" is not there.');
    expect(select(server, 'select state, step, attempts from v_deliveries')).toEqual([
      { state: 'PLANNED', step: 'LOAD', attempts: 1 },
    ]);
    await deliverAllAfter(server, 4000);
    expect(select(server, 'select attempts from v_deliveries'), 'not before 5 seconds').toEqual([{ attempts: 1 }]);
    await sql('create table t (a int)');
    await deliverAllAfter(server, 1000);
    expect(lastError()).toMatch(
      /^Redshift\.DataLoadFailed: Row 1 of the object cannot be loaded: invalid input syntax for type integer: "x"\.$/,
    );
    await sql('alter table t alter a type text');
    await deliverAllAfter(server, 10_000);
    expect(await sql('select a from t')).toEqual([{ a: 'x' }]);
    expect(select(server, 'select state, last_error from v_deliveries')).toEqual([
      { state: 'DELIVERED', last_error: null },
    ]);
  });

  it('a table that is dropped between batches holds up the later ones until it is back', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    await sql('create table t (a int)');
    await createLoader(warehouse, { DataTableName: 't' });
    await putRecords(server, 'd', ['1\n']);
    await deliverAllAfter(server, 1000);
    await sql('drop table t');
    await putRecords(server, 'd', ['2\n']);
    await deliverAllAfter(server, 1000);
    expect(select(server, 'select state, last_error from v_deliveries order by delivery_id')).toEqual([
      { state: 'DELIVERED', last_error: null },
      { state: 'PLANNED', last_error: 'Redshift.TableNotFound: The table "t" is not there.' },
    ]);
    await sql('create table t (a int)');
    await deliverAllAfter(server, 5000);
    expect(await sql('select a from t')).toEqual([{ a: 2 }]);
  });

  it('what cannot be loaded in time is skipped: its object stays, a manifest among the errors names it', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    await sql('create table t (a int)');
    await createLoader(warehouse, { DataTableName: 't' });
    await putRecords(server, 'd', ['x\n', '2\n']);
    await deliverAllAfter(server, 1000);
    await putRecords(server, 'd', ['3\n']);
    await deliverAllAfter(server, 1000);
    expect(await sql('select a from t'), 'later batches do not wait').toEqual([{ a: 3 }]);
    await deliverAllAfter(server, (HOUR_S - 2) * 1000);
    expect(select(server, 'select state from deliveries'), 'not before the hour is over').toContainEqual({
      state: 'PLANNED',
    });
    await deliverAllAfter(server, 3000);
    expect(select(server, 'select state, step from deliveries order by id')).toEqual([
      { state: 'DROPPED', step: 'REPORT' },
      { state: 'DELIVERED', step: 'LOAD' },
    ]);
    const report = bucketFiles(server).find(({ path }) => path.startsWith('errors/'))!;
    expect(report.path).toMatch(/^errors\/manifests\/2026\/01\/02\/03\/d-2026-01-02-03-04-06-[0-9a-f-]{36}$/);
    const [{ url }] = JSON.parse(report.content.toString()).entries;
    expect(
      bucketFiles(server)
        .find(({ path }) => `s3://b/${path}` === url)
        ?.content.toString(),
    ).toBe('x\n2\n');
    expect(select(server, 'select kind, subject, records, reason from incidents')).toEqual([
      {
        kind: 'SKIPPED',
        subject: 'd',
        records: 2,
        reason: expect.stringMatching(
          /^They are in s3:\/\/b\/\S+, but not in Redshift: .*Row 1 of the object cannot be/,
        ),
      },
    ]);
    expect(await sql('select a from t')).toEqual([{ a: 3 }]);
  });

  it('what was mended in the configuration counts for batches that wait', async () => {
    const warehouse = await engine.open();
    const { server, sql } = warehouse;
    await sql('create table right_one (a int)');
    await createLoader(warehouse, { DataTableName: 'wrong_one' }, { RetryOptions: { DurationInSeconds: 60 } });
    await putRecords(server, 'd', ['1\n']);
    await deliverAllAfter(server, 1000);
    await firehose(server, 'UpdateDestination', {
      DeliveryStreamName: 'd',
      CurrentDeliveryStreamVersionId: '1',
      DestinationId: 'destinationId-000000000001',
      RedshiftDestinationUpdate: { CopyCommand: { DataTableName: 'right_one' } },
    });
    const { deliveries } = (await (await flushNow(server, 'd')).json()) as { deliveries: object[] };
    expect(deliveries, 'a flush does not wait for the next attempt').toMatchObject([
      { state: 'DELIVERED', error: null },
    ]);
    expect(await sql('select a from right_one')).toEqual([{ a: 1 }]);
  });

  it('no retries: skipped at once; an object that is gone is named', async () => {
    const warehouse = await engine.open();
    const { server } = warehouse;
    await createLoader(warehouse, { DataTableName: 't' }, { RetryOptions: { DurationInSeconds: 0 } });
    await putRecords(server, 'd', ['1\n']);
    await deliverAllAfter(server, 1000);
    expect(select(server, 'select state from deliveries')).toEqual([{ state: 'DROPPED' }]);
    expect(bucketFiles(server).map(({ path }) => path.split('/')[0])).toEqual(['2026', 'errors', 'manifests']);
  });

  it('by way of a real S3', async () => {
    const s3 = await startS3Server('b');
    const warehouse = await engine.open({ settings: { S3_ENDPOINT: s3.url } });
    const { server, sql } = warehouse;
    await sql('create table t (a int)');
    await createLoader(warehouse, { DataTableName: 't', CopyOptions: 'csv' });
    await putRecords(server, 'd', ['1\n', '2\n']);
    await deliverAllAfter(server, 1000);
    expect(await sql('select a from t order by a')).toEqual([{ a: 1 }, { a: 2 }]);
    expect(s3.requests.length, 'object, manifest, and the object read back').toBe(3);
  });
});
