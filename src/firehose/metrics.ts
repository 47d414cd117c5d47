/** What the metrics tell about delivery streams, computed from the rows: it survives restarts. */
import { sql } from 'kysely';
import type { World } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import type { Series } from '../series.ts';

const LABELS = ['deliveryStream', 'account', 'region', 'role'] as const;

const selectBuffers = query((_bind: Bind<object>, db) =>
  db
    .selectFrom('buffers')
    .innerJoin('delivery_streams', 'delivery_streams.id', 'buffers.delivery_stream')
    .select([
      'name as deliveryStream',
      'account_id as account',
      'region',
      'role',
      sql<number>`next_position - 1`.as('incomingRecords'),
      'total_bytes as incomingBytes',
      sql<number>`(
        select min(arrived_ms) from (
          select arrived_ms from buffered_records
          where id >= ((buffers.id << 40) | planned_position) and id < ((buffers.id + 1) << 40)
          limit 1
        )
      )`.as('oldestWaitingMs'),
      sql<number | null>`(
        select min(first_arrived_ms) from deliveries
        where buffer = buffers.id and is_cleared = 0 and state = 'PLANNED'
      )`.as('oldestPlannedMs'),
    ])
    .where('gone_ms', 'is', null),
);

const selectDeliveries = query((_bind: Bind<object>, db) =>
  db
    .selectFrom('deliveries')
    .innerJoin('delivery_streams', 'delivery_streams.id', 'deliveries.delivery_stream')
    .select(['name as deliveryStream', 'account_id as account', 'region', 'role'])
    .leftJoin('redshift_loads', 'redshift_loads.delivery', 'deliveries.id')
    .leftJoin('search_batches', 'search_batches.delivery', 'deliveries.id')
    .select([
      // A batch of documents makes an object only when some of them fail.
      sql<number>`count(object_bytes)`.as('objects'),
      sql<number>`sum(last_position - first_position + 1)`.as('records'),
      sql<number>`sum(bytes)`.as('bytes'),
      sql<number>`sum(coalesce(search_batches.failed, rows_rejected, 0))`.as('failed'),
    ])
    .where('state', '=', sql.lit('DELIVERED'))
    .groupBy(['delivery_streams.id', 'role']),
);

const selectIncidents = query((_bind: Bind<object>, db) =>
  db
    .selectFrom('incidents')
    // Of other kinds are incidents of the whole database.
    .where('kind', 'in', [sql.lit('EXPIRED'), sql.lit('EXPIRED_IN_SOURCE'), sql.lit('SKIPPED')])
    .select(['subject as deliveryStream', 'account_id as account', 'region', 'kind'])
    .select(sql<number>`sum(records)`.as('records'))
    .groupBy(['subject', 'account_id', 'region', 'kind']),
);

interface Labelled {
  readonly deliveryStream: string;
  readonly account: string;
  readonly region: string;
  readonly role: string;
}

const labelsOf = ({ deliveryStream, account, region, role }: Labelled) => ({ deliveryStream, account, region, role });

/** The series of the service; each looks at the rows when it is asked. */
export function firehoseSeries({ database, clock }: World): readonly Series[] {
  const ofBuffers = (name: string, kind: Series['kind'], help: string, read: (row: BufferRow) => number): Series => ({
    name,
    help,
    kind,
    labels: LABELS,
    collect: () => database.all(selectBuffers, {}).map((row) => ({ labels: labelsOf(row), value: read(row) })),
  });
  const ofDeliveries = (name: string, help: string, read: (row: DeliveryRow) => number): Series => ({
    name,
    help,
    kind: 'counter',
    labels: LABELS,
    collect: () => database.all(selectDeliveries, {}).map((row) => ({ labels: labelsOf(row), value: read(row) })),
  });
  return [
    ofBuffers(
      'millrace_firehose_incoming_records_total',
      'counter',
      'Records that delivery streams took into their buffers.',
      ({ incomingRecords }) => incomingRecords,
    ),
    ofBuffers(
      'millrace_firehose_incoming_bytes_total',
      'counter',
      'Bytes of those records.',
      ({ incomingBytes }) => incomingBytes,
    ),
    ofBuffers(
      'millrace_firehose_data_freshness_seconds',
      'gauge',
      'Age of the oldest record that is not delivered; 0 when all are.',
      ({ oldestWaitingMs, oldestPlannedMs }) => {
        const oldestMs = Math.min(oldestWaitingMs ?? Infinity, oldestPlannedMs ?? Infinity);
        return Number.isFinite(oldestMs) ? Math.max(0, clock.now() - oldestMs) / 1000 : 0;
      },
    ),
    ofDeliveries('millrace_firehose_delivered_objects_total', 'Objects that were delivered.', ({ objects }) => objects),
    ofDeliveries(
      'millrace_firehose_delivered_records_total',
      'Records of batches that were delivered.',
      ({ records }) => records,
    ),
    ofDeliveries('millrace_firehose_delivered_bytes_total', 'Bytes of those records.', ({ bytes }) => bytes),
    ofDeliveries(
      'millrace_firehose_failed_records_total',
      'Of those batches: documents that the cluster refused and that are in the bucket instead, and rows that MAXERROR let pass.',
      ({ failed }) => failed,
    ),
    {
      name: 'millrace_firehose_dropped_records_total',
      help: 'Records that expired before they could be delivered, or were not loaded in time; see the table incidents.',
      kind: 'counter',
      labels: ['deliveryStream', 'account', 'region', 'kind'],
      collect: () =>
        database.all(selectIncidents, {}).map(({ records, ...labels }) => ({ labels: { ...labels }, value: records })),
    },
  ];
}

type BufferRow = NonNullable<(typeof selectBuffers)['row']>;
type DeliveryRow = NonNullable<(typeof selectDeliveries)['row']>;
