/**
 * kill -9 while delivery streams load tables and index documents: each record that was acknowledged is in its table
 * once, and in its index under one id. Half of the kills come the moment a load is committed in the target database.
 * SEED replays the kills; RECORDS and KILLS make the run longer.
 */
import { join } from 'node:path';
import fc from 'fast-check';
import pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openHandle } from '../../src/database/handle.ts';
import { base64 } from '../support/firehose.ts';
import { realLines } from '../support/lines.ts';
import { hasPostgres, PASSWORD, type PostgresServer, startPostgres, USER } from '../support/postgres.ts';
import { type RunningMillrace, startMillrace } from '../support/process.ts';
import { AWS_CLUSTER, embeddedSql, provideEmbedded, redshiftTo } from '../support/redshift.ts';
import { elasticsearchAt, type SearchServer, startSearchServer } from '../support/search-server.ts';
import { temporaryDirectory } from '../support/server.ts';
import { createWireClient } from '../support/wire.ts';

const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000);
const KILLS = Number(process.env.KILLS ?? 2);
/** Per delivery stream; the figure is for all of them. */
const RECORDS = Number(process.env.RECORDS ?? 6000) / 4;
const BATCH = 25;

let postgres: PostgresServer | undefined;
beforeAll(async () => {
  if (hasPostgres) postgres = await startPostgres();
}, 60_000);
afterAll(() => postgres?.remove());

/** What a client knows of its delivery stream: numbers of records that were acknowledged, or may have been taken. */
interface Ledger {
  sent: number;
  readonly acknowledged: Set<number>;
  readonly unknown: Set<number>;
}

/** Where records of a delivery stream end up, and how often each is there. */
interface Sink {
  readonly name: string;
  readonly configuration: object;
  readonly numbers: (millrace: RunningMillrace) => Promise<readonly number[]>;
}

const COPY = { DataTableName: 'lines', CopyOptions: "json 'auto'" };
const TABLE = 'create table lines (n int, line text)';

async function sinksOf(directory: string, cluster: SearchServer): Promise<Sink[]> {
  const sinks: Sink[] = [
    {
      name: 'embedded',
      configuration: redshiftTo(`${AWS_CLUSTER}/dev`, COPY),
      // As one value: of more than 10,000 rows the control shows the first ones only.
      numbers: async (millrace) => (await embeddedSql(millrace, 'dev', 'select array_agg(n) as all from lines'))[0].all,
    },
    {
      name: 'cluster',
      configuration: elasticsearchAt(cluster.url),
      numbers: async () => oncePerId(cluster.requests.flat().map(({ index, body }) => [index._id!, body])),
    },
    {
      name: 'local',
      configuration: elasticsearchAt(undefined),
      numbers: async () => {
        const handle = openHandle(join(directory, 'millrace.db'), { readonly: true });
        const rows = handle.prepare('select id, body from search_documents').all() as { id: string; body: string }[];
        handle.close();
        return oncePerId(rows.map(({ id, body }) => [id, body]));
      },
    },
  ];
  if (postgres === undefined) return sinks;
  const { port, query, createDatabase } = postgres;
  const database = await createDatabase();
  await query(database, TABLE);
  const configuration = redshiftTo(`jdbc:postgresql://127.0.0.1:${port}/${database}`, COPY);
  const numbers = async () => (await query(database, 'select n from lines')).map(({ n }) => n);
  return [...sinks, { name: 'postgres', configuration, numbers }];
}

/** The numbers of documents by their ids. The same id always has the same document. */
function oncePerId(documents: readonly (readonly [id: string, body: string])[]): number[] {
  const byId = new Map<string, string>();
  for (const [id, body] of documents) {
    expect(byId.get(id) ?? body, `the document ${id} is always the same`).toBe(body);
    byId.set(id, body);
  }
  return [...byId.values()].map((body) => JSON.parse(body).n);
}

/** Kills the process as soon as another load is committed in the database; `undefined` where there is no server. */
async function killAtCommit(millrace: RunningMillrace, configuration: object): Promise<void> {
  const { ClusterJDBCURL } = (configuration as { RedshiftDestinationConfiguration: { ClusterJDBCURL: string } })
    .RedshiftDestinationConfiguration;
  const database = ClusterJDBCURL.split('/').at(-1)!;
  const client = new pg.Client({ host: '127.0.0.1', port: postgres!.port, user: USER, password: PASSWORD, database });
  await client.connect();
  const count = async () => {
    const { rows } = await client.query("select to_regclass('millrace.loads') is null as none");
    return rows[0].none ? 0 : (await client.query('select count(*)::int as n from millrace.loads')).rows[0].n;
  };
  const before = await count();
  const latest = Date.now() + 4000;
  while ((await count()) === before && Date.now() < latest) await new Promise((resolve) => setImmediate(resolve));
  millrace.child.kill('SIGKILL');
  await client.end();
}

/** Batches that are in the table of the server although Millrace has not noted it. */
async function unheard(directory: string, { configuration }: Sink): Promise<number> {
  const handle = openHandle(join(directory, 'millrace.db'), { readonly: true });
  const sql = "select load_id from redshift_loads join deliveries on deliveries.id = delivery where state = 'PLANNED'";
  const open = (handle.prepare(sql).all() as { load_id: string }[]).map(({ load_id }) => load_id);
  handle.close();
  const { ClusterJDBCURL } = (configuration as { RedshiftDestinationConfiguration: { ClusterJDBCURL: string } })
    .RedshiftDestinationConfiguration;
  const loads = await postgres!
    .query(ClusterJDBCURL.split('/').at(-1)!, 'select load_id from millrace.loads')
    .catch(() => []);
  return loads.filter(({ load_id }) => open.includes(load_id)).length;
}

it(`each record is in its table once and in its index under one id after ${KILLS} kills (SEED=${SEED})`, {
  timeout: 600_000,
}, async () => {
  const directory = temporaryDirectory();
  const cluster = await startSearchServer();
  await provideEmbedded({ directory }, 'dev');
  const sinks = await sinksOf(directory, cluster);
  const ledgers = new Map<string, Ledger>(
    sinks.map(({ name }) => [name, { sent: 0, acknowledged: new Set(), unknown: new Set() }]),
  );
  const lines = realLines(RECORDS);
  const settings = { DATA_DIR: directory, TRANSITION_MS: '0' };
  const delays = fc.sample(fc.integer({ min: 200, max: 3000 }), { numRuns: KILLS, seed: SEED });
  const server = sinks.find(({ name }) => name === 'postgres');
  let interrupted = 0;

  /** Puts the share of one round of a delivery stream, or until the server is gone. */
  const putOn = async ({ url }: RunningMillrace, name: string, until: number): Promise<void> => {
    const ledger = ledgers.get(name)!;
    const wire = createWireClient(url, 'Firehose_20150804');
    while (ledger.sent < until) {
      const batch = Array.from({ length: Math.min(BATCH, until - ledger.sent) }, (_, index) => ledger.sent + index);
      ledger.sent += batch.length;
      const Records = batch.map((n) => ({ Data: base64(JSON.stringify({ n, line: lines[n] })) }));
      const answer = await wire.send('PutRecordBatch', { DeliveryStreamName: name, Records });
      for (const n of batch) (answer === undefined ? ledger.unknown : ledger.acknowledged).add(n);
      if (answer === undefined) break;
      // So that a round takes as long as its kill needs.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    wire.close();
  };

  for (const [round, delay] of [...delays, undefined].entries()) {
    const millrace = await startMillrace(settings);
    if (round === 0) {
      await embeddedSql(millrace, 'dev', TABLE);
      const wire = createWireClient(millrace.url, 'Firehose_20150804');
      for (const { name, configuration } of sinks) {
        await wire.send('CreateDeliveryStream', { DeliveryStreamName: name, ...configuration });
      }
      wire.close();
    }
    const share = Math.floor((RECORDS * (round + 1)) / (KILLS + 1));
    const puts = sinks.map(({ name }) => putOn(millrace, name, share));
    if (delay === undefined) {
      await Promise.all(puts);
      await flushAll(millrace, sinks);
      for (const sink of sinks) assertOnce(sink.name, await sink.numbers(millrace), ledgers.get(sink.name)!);
      await millrace.kill('SIGTERM');
      break;
    }
    if (round % 2 === 1 && server !== undefined) await killAtCommit(millrace, server.configuration);
    else setTimeout(() => millrace.child.kill('SIGKILL'), delay).unref();
    await Promise.all([...puts, millrace.exited]);
    if (server !== undefined) interrupted += await unheard(directory, server);
  }
  if (process.env.RECORDS) {
    const known = [...ledgers].map(([name, { acknowledged }]) => `${name} ${acknowledged.size}`).join(', ');
    process.stdout.write(`acknowledged: ${known}; ${interrupted} kills between a commit there and the note here\n`);
  }
});

/** Until nothing waits; what failed because a former process's session still held the load is tried again. */
async function flushAll({ url }: RunningMillrace, sinks: readonly Sink[]): Promise<void> {
  for (const { name } of sinks) {
    for (let attempt = 1; ; attempt += 1) {
      const response = await fetch(`${url}/_millrace/delivery-streams/${name}/flush`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
      });
      if (response.status === 200) break;
      if (attempt === 3) throw new Error(`The flush of ${name} answered ${response.status}: ${await response.text()}`);
    }
  }
}

function assertOnce(name: string, numbers: readonly number[], { acknowledged, unknown }: Ledger): void {
  const found = new Set(numbers);
  expect(numbers.length, `${name}: nothing is there twice`).toBe(found.size);
  const lost = [...acknowledged].filter((n) => !found.has(n));
  expect(lost.slice(0, 5), `${name}: of ${acknowledged.size} acknowledged records none is missing`).toEqual([]);
  const foreign = numbers.filter((n) => !acknowledged.has(n) && !unknown.has(n));
  expect(foreign.slice(0, 5), `${name}: nothing is there that nobody sent`).toEqual([]);
  expect(acknowledged.size, `${name}: the test put enough to mean something`).toBeGreaterThan(RECORDS / 2);
}
