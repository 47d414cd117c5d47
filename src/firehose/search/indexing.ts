/** The step of a batch that becomes documents of an index. */
import { type BufferedRecord, recordsAt, recordsOf } from '../buffer-log.ts';
import { clear, confirm, type Delivery, nextStep } from '../deliveries.ts';
import type { DeliveryStream } from '../delivery-stream-store.ts';
import type { ElasticsearchDescription } from '../destinations/elasticsearch.ts';
import type { Moment, Occupation, Step } from '../step.ts';
import {
  countRejected,
  noteFailed,
  noteOutcomes,
  noteUnsent,
  rejectedAfter,
  type SearchBatch,
  searchBatchOf,
} from './batches.ts';
import type { SearchCluster } from './clusters.ts';
import { documentOf, isDocument, type Outcome } from './documents.ts';
import { indexLocally } from './local-index.ts';
import type { ClusterError } from './remote-cluster.ts';

const S_MS = 1000;

export const indexStep: Step = {
  run: index,
  retries: {
    durationMs: (deliveryStream) => descriptionOf(deliveryStream).RetryOptions.DurationInSeconds * S_MS,
    giveUp,
  },
};

/** The type of a delivery stream does not change to or from Elasticsearch. */
const descriptionOf = ({ destination }: DeliveryStream) => destination.description as ElasticsearchDescription;

/** So many documents that were refused before are sent again at once. */
const AGAIN_AT_ONCE = 500;

async function index(occupation: Occupation): Promise<void> {
  const { delivery, deliveryStream, delivering, task } = occupation;
  const { database } = delivering.world;
  const { buffer, id, last_position: until } = delivery;
  const batch = searchBatchOf(id, database);
  const cluster = await delivering.clusters.of(descriptionOf(deliveryStream));
  const send = (records: readonly BufferedRecord[]) => sendRecords(records, batch, cluster, occupation);
  for (const positions of positionsToRetry(occupation)) {
    for (const records of recordsAt(buffer, positions, database)) await send(records);
  }
  for (const chunk of recordsOf(buffer, { from: batch.nextPosition, until }, database)) {
    for (const records of cluster.kind === 'local' ? slicesOf(chunk) : [chunk]) {
      task.signal.throwIfAborted();
      await send(records);
    }
  }
  await finish(occupation);
}

/** A request to a cluster may be large; a transaction of the database is one that all others wait for. */
const LOCAL_SLICE = 200;

function* slicesOf(records: readonly BufferedRecord[]): Generator<readonly BufferedRecord[]> {
  for (let from = 0; from < records.length; from += LOCAL_SLICE) {
    yield records.slice(from, from + LOCAL_SLICE);
  }
}

/** Refused documents that may yet be taken, some at a time. */
function* positionsToRetry({ delivery, delivering }: Occupation): Generator<number[]> {
  const { database } = delivering.world;
  let after = 0;
  for (;;) {
    const page = rejectedAfter(delivery.id, after, AGAIN_AT_ONCE, database);
    if (page.length === 0) return;
    const positions = page.filter(({ is_final }) => is_final === 0).map(({ position }) => position);
    if (positions.length > 0) yield positions;
    after = page.at(-1)!.position;
  }
}

/** Sends records, and notes after each request what became of them. */
async function sendRecords(
  records: readonly BufferedRecord[],
  batch: SearchBatch,
  cluster: SearchCluster,
  { delivery, delivering, task }: Occupation,
): Promise<void> {
  const { database, clock } = delivering.world;
  const all = records.map((record) => documentOf(record, batch));
  const documents = all.filter(isDocument);
  let unfit = all.filter((one): one is Outcome => !isDocument(one));
  const end = records.at(-1)!.position + 1;
  const note = (outcomes: readonly Outcome[], nextPosition: number) => {
    const passed = unfit.filter(({ position }) => position < nextPosition);
    noteOutcomes(delivery.id, [...passed, ...outcomes], nextPosition, { database, now: clock.now() });
    unfit = unfit.filter(({ position }) => position >= nextPosition);
  };
  if (cluster.kind === 'local' || documents.length === 0) {
    const domain = cluster.kind === 'local' ? cluster.domain : '';
    await database.write(() => note(indexLocally(domain, documents, { database, clock }), end));
    return;
  }
  let left = documents.length;
  const requests = cluster.cluster.index(documents, task.signal);
  for (;;) {
    const { value: outcomes, done } = await task.remotely(() => requests.next());
    if (done) return;
    left -= outcomes.length;
    await database.write(() => note(outcomes, left === 0 ? end : outcomes.at(-1)!.position + 1));
  }
}

/**
 * The end of a batch of which every document was sent.
 * @throws Error when some of them are to be sent again
 */
async function finish({ delivery, delivering }: Occupation): Promise<void> {
  const { database, clock } = delivering.world;
  const { all, retryable, message } = countRejected(delivery.id, database);
  if (retryable > 0) throw new Error(`The cluster refused ${retryable} documents for now, one of them with ${message}`);
  await database.write(() => {
    if (all > 0) giveFailedToBucket(delivery, all, database);
    else end(delivery, { database, now: clock.now() });
  });
}

function end(delivery: Delivery, moment: Omit<Moment, 'log'>): void {
  confirm(delivery, moment);
  clear(delivery, moment.database);
}

function giveFailedToBucket(delivery: Delivery, failed: number, database: Moment['database']): void {
  noteFailed(delivery.id, failed, database);
  nextStep(delivery, 'STORE', null, database);
}

/** What the cluster has not taken by now is written into the bucket. */
function giveUp(delivery: Delivery, error: Error, { name }: DeliveryStream, { database, log, now }: Moment): void {
  const { id, attempts, last_position } = delivery;
  const unsent = last_position - searchBatchOf(id, database).nextPosition + 1;
  if (unsent > 0) {
    const { code = 'ES.ServiceException' } = error as Partial<ClusterError>;
    noteUnsent({ delivery: id, attempts: attempts + 1, code, message: error.message, now }, database);
  }
  const failed = countRejected(id, database).all + unsent;
  if (failed === 0) return end(delivery, { database, now });
  log.warn({ deliveryStream: name, delivery: id, failed, reason: error.message }, 'Documents go to the bucket.');
  giveFailedToBucket(delivery, failed, database);
}
