/** The work for one delivery stream, in its order: read the source, plan batches, deliver, give up, clean up. */
import type { Call } from '../call.ts';
import { pause } from '../clock.ts';
import { findFeed } from '../kinesis/feed.ts';
import { removeGone } from './cleaning.ts';
import {
  clear,
  drop,
  expiredDeliveries,
  hastenRetries,
  readyDelivery,
  spanOf,
  unclearedDelivery,
} from './deliveries.ts';
import { deliver } from './delivering.ts';
import { type DeliveryStream, type DeliveryStreamName, findDeliveryStream } from './delivery-stream-store.ts';
import { addIncident } from './incidents.ts';
import { isAnythingDue, planBatches } from './planning.ts';
import { readSource } from './source.ts';
import type { Delivering, Task } from './step.ts';

const HOUR_MS = 3_600_000;

/** Between two slices of deletion, so that the disk and the checkpoints are not busy with deletion alone. */
const PAUSE_MS = 1;

/** Does what there is to do for the delivery stream with this name and row id. */
export async function work(
  name: DeliveryStreamName & { readonly id: number },
  task: Task,
  delivering: Delivering,
): Promise<void> {
  const { world } = delivering;
  const found = findDeliveryStream(name, momentOf(delivering));
  if (found?.id !== name.id) return removeGone(name.id, world, task.signal);
  if (found.goneMs === null) {
    await deliverAll(found, task, delivering);
    if (task.mayExpire) await expire(found, delivering);
  }
  await clearEnded(found, task.signal, delivering);
}

const momentOf = ({ world }: Delivering): Pick<Call, 'database' | 'log' | 'clock' | 'now'> => ({
  database: world.database,
  log: world.log,
  clock: world.clock,
  now: world.clock.now(),
});

async function deliverAll(deliveryStream: DeliveryStream, task: Task, delivering: Delivering): Promise<void> {
  const { world } = delivering;
  const { id, type } = deliveryStream;
  if (task.occasion === 'flush') await world.database.write(() => hastenRetries(id, world.database));
  for (let isMore = true; isMore && !task.signal.aborted; ) {
    const isHeldBack = type === 'KinesisStreamAsSource' && (await readSource(deliveryStream, world, task.signal));
    isMore = await plan(deliveryStream, task, delivering);
    const delivered = await deliverReady(deliveryStream, task, delivering);
    // There is room now for what was held back in the source.
    isMore ||= isHeldBack && delivered > 0;
  }
}

/** Returns whether there may be more to plan. Nothing is written when nothing is due. */
async function plan({ id }: DeliveryStream, { occasion }: Task, delivering: Delivering): Promise<boolean> {
  if (!isAnythingDue(id, occasion, momentOf(delivering))) return false;
  return delivering.world.database.write(() => planBatches(id, occasion, momentOf(delivering)));
}

/** Returns how many steps of deliveries were done. */
async function deliverReady(deliveryStream: DeliveryStream, task: Task, delivering: Delivering): Promise<number> {
  const { clock, database } = delivering.world;
  let done = 0;
  while (!task.signal.aborted) {
    const delivery = readyDelivery(deliveryStream.id, clock.now(), database);
    // As it is by now: its destination may have been changed since the last step.
    const current = findDeliveryStream(deliveryStream, { database, now: clock.now() });
    if (delivery === undefined || current?.id !== deliveryStream.id) break;
    const end = await deliver({ delivery, deliveryStream: current, delivering, task });
    if (end === 'put off') break;
    if (end === 'done') done += 1;
  }
  return done;
}

/** Gives up what could not be delivered for as long as records are kept: a day, or as long as the source keeps them. */
async function expire(deliveryStream: DeliveryStream, delivering: Delivering): Promise<void> {
  const { world } = delivering;
  const { id } = deliveryStream;
  const untilMs = world.clock.now() - retentionHours(deliveryStream, delivering) * HOUR_MS;
  const expired = expiredDeliveries(id, untilMs, world.database);
  if (expired.length === 0) return;
  await world.database.write(() => {
    const moment = momentOf(delivering);
    for (const delivery of expired) {
      drop(delivery, moment);
      // It was told already that this one was given up; only the report of it could not be written.
      if (delivery.step === 'REPORT') continue;
      const span = { buffer: delivery.buffer, ...spanOf(delivery) };
      const reason = `They expired because their delivery failed: ${delivery.last_error}`;
      const { account, region, name } = deliveryStream;
      const records = span.until - span.from + 1;
      addIncident({ kind: 'EXPIRED', account, region, name, records, bytes: delivery.bytes, span, reason }, moment);
    }
  });
}

function retentionHours({ source }: DeliveryStream, delivering: Delivering): number {
  const arn = source?.KinesisStreamSourceDescription?.KinesisStreamARN;
  const feed = arn === undefined ? undefined : findFeed(arn, momentOf(delivering));
  return feed?.retentionHours ?? delivering.world.quotas.deliveryRetentionHours;
}

/** Deletes the buffered records of batches that have ended. */
async function clearEnded({ id }: DeliveryStream, signal: AbortSignal, { world }: Delivering): Promise<void> {
  const { clock, database } = world;
  while (!signal.aborted) {
    const delivery = unclearedDelivery(id, database);
    if (delivery === undefined) return;
    await database.reclaim(() => clear(delivery, database));
    await pause(PAUSE_MS, clock, signal);
  }
}
