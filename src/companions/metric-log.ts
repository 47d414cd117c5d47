/**
 * The metrics that are kept: the newest of all accounts, limited by their bytes. Ids are places in bytes: each row's is
 * the one before and the size of the row, so that how much there is follows from the newest id, without counting.
 */
import type { Call } from '../call.ts';
import { query } from '../database/query.ts';
import type { Sample } from './metric-datum.ts';

/** What is kept, in bytes as `sizeOf` tells them: some 200,000 metrics of a usual size. The oldest may begin before. */
const KEPT_BYTES = 64 * 1024 * 1024;

/** What a row takes beside its texts. */
const ROW_BYTES = 128;

interface MetricRow extends Sample {
  id: number;
  account: string;
  region: string;
  namespace: string;
  now: number;
}

const newestId = query((_bind, db) => db.selectFrom('metric_data').select((eb) => eb.fn.max('id').as('id')));

const insertMetric = query<MetricRow>((bind, db) =>
  db.insertInto('metric_data').values({
    id: bind('id'),
    account_id: bind('account'),
    region: bind('region'),
    namespace: bind('namespace'),
    metric_name: bind('metricName'),
    dimensions: bind('dimensions'),
    timestamp_ms: bind('timestampMs'),
    unit: bind('unit'),
    samples: bind('samples'),
    sum: bind('sum'),
    minimum: bind('minimum'),
    maximum: bind('maximum'),
    received_ms: bind('now'),
  }),
);

const deleteUpTo = query<{ id: number }>((bind, db) => db.deleteFrom('metric_data').where('id', '<=', bind('id')));

/**
 * Keeps `samples`, which `call` has brought, and drops what is older than the newest `keptBytes`. Only inside the body of
 * a write.
 */
export function store(namespace: string, samples: readonly Sample[], call: Call, keptBytes = KEPT_BYTES): void {
  const { database, account, region, now } = call;
  let id = database.get(newestId, {})?.id ?? 0;
  for (const sample of samples) {
    id += sizeOf(namespace, sample);
    database.run(insertMetric, { id, account, region, namespace, now, ...sample });
  }
  database.run(deleteUpTo, { id: id - keptBytes });
}

const sizeOf = (namespace: string, { metricName, dimensions }: Sample) =>
  ROW_BYTES + Buffer.byteLength(namespace) + Buffer.byteLength(metricName) + Buffer.byteLength(dimensions);
