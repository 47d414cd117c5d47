/**
 * The flusher: sees to it that what delivery streams have buffered is delivered. Each delivery stream has a lane of its
 * own, in which its work is done in order; a destination that hangs or fails holds up its own lane only.
 */
import { setMaxListeners } from 'node:events';
import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import { pause } from '../clock.ts';
import { createClockTrust } from '../clock-trust.ts';
import { type Bind, query } from '../database/query.ts';
import { WriteUnavailable } from '../database/writer.ts';
import { existsAt } from '../lifecycle.ts';
import type { DeliveryStreamName } from './delivery-stream-store.ts';
import { work } from './lane.ts';
import { Busy, type Delivering, type Task } from './step.ts';

/** So many delivery streams are served at the same time, not counting those that wait for servers of others. */
const LANES_MAX = 8;
/** So many wait for them at the same time, each with a few megabytes. */
const AWAY_MAX = 64;

/** A run waits so long for its lanes, then leaves them to themselves: the next run serves the others. */
const PATIENCE_MS = 900;

type Named = DeliveryStreamName & { readonly id: number };

export interface Flusher {
  /** Delivers everything that is due and waits for that a moment: the job on the schedule. */
  run(signal: AbortSignal): Promise<void>;
  /** Delivers everything that a delivery stream has buffered, due or not, with one attempt for each batch. */
  flush(deliveryStream: Named): Promise<void>;
  /** Ends the lanes at their next step and waits for that. */
  end(): Promise<void>;
}

/** Delivery streams for which there may be something to do. */
const selectLive = query((bind: Bind<{ now: number }>, db) =>
  db
    .selectFrom('delivery_streams')
    .select(['id', 'account_id as account', 'region', 'name'])
    .where((column) =>
      column.or([
        sql<boolean>`(gone_ms is null and stream_type = 'KinesisStreamAsSource')`,
        sql<boolean>`exists (
          select 1 from buffers
          where buffers.delivery_stream = delivery_streams.id and (
            planned_position < next_position
            or exists (select 1 from deliveries where buffer = buffers.id and is_cleared = 0)
            or not ${existsAt(bind('now'))}
          )
        )`,
      ]),
    )
    .orderBy('id'),
);

const selectNewest = query((_bind: Bind<object>, db) =>
  db.selectFrom('buffers').select(sql<number | null>`nullif(max(last_arrived_ms), 0)`.as('newestMs')),
);

export function createFlusher(delivering: Delivering): Flusher {
  const { database, clock, log } = delivering.world;
  const isClockTrusted = createClockTrust(delivering.world, database.get(selectNewest, {})?.newestMs ?? null);
  const ending = new AbortController();
  // Every lane listens.
  setMaxListeners(0, ending.signal);
  const lanes = new Map<number, Lane>();
  const lanesAway = () => [...lanes.values()].filter(({ isAway }) => isAway).length;

  const allEnded = () => Promise.all([...lanes.values()].map(({ ended }) => ended));

  const enter = (named: Named, task: Pick<Task, 'occasion' | 'mayExpire'>): Lane => {
    const lane = newLane();
    const remotely: Task['remotely'] = async (errand) => {
      // Whoever asks for a flush waits for its end, and cannot come back a second later.
      if (lanesAway() >= AWAY_MAX && task.occasion !== 'flush') throw new Busy();
      lane.leave();
      try {
        return await errand();
      } finally {
        lane.return();
      }
    };
    lane.ended = work(named, { ...task, signal: ending.signal, remotely }, delivering)
      .catch((error) => {
        // It was said already what is wrong with the database; it is tried again.
        const level = error instanceof WriteUnavailable ? 'debug' : 'error';
        log[level]({ err: error, deliveryStream: named.name }, 'A delivery stream could not be served.');
      })
      .finally(() => lanes.delete(named.id));
    lanes.set(named.id, lane);
    return lane;
  };

  return {
    async run(signal) {
      const mayExpire = isClockTrusted();
      const queue = database.all(selectLive, { now: clock.now() });
      const serve = async () => {
        for (let next = queue.shift(); next !== undefined && !signal.aborted; next = queue.shift()) {
          if (!lanes.has(next.id)) {
            const lane = enter(next, { occasion: 'due', mayExpire });
            await Promise.race([lane.ended, lane.left]);
          }
          // Where nothing is due nothing is waited for: without this, thousands would be looked at in one go.
          await setImmediate();
        }
      };
      const patience = new AbortController();
      const serving = Array.from({ length: Math.max(0, LANES_MAX - (lanes.size - lanesAway())) }, serve);
      const served = Promise.all(serving).then(() => allEnded());
      await Promise.race([served.finally(() => patience.abort()), pause(PATIENCE_MS, clock, patience.signal)]);
    },
    async flush(deliveryStream) {
      while (lanes.has(deliveryStream.id)) await lanes.get(deliveryStream.id)!.ended;
      if (!ending.signal.aborted) await enter(deliveryStream, { occasion: 'flush', mayExpire: false }).ended;
    },
    async end() {
      ending.abort();
      await allEnded();
    },
  };
}

/** The work for one delivery stream while it goes on. */
interface Lane {
  ended: Promise<void>;
  /** Resolves when it waits for a server of others for the first time. */
  readonly left: Promise<void>;
  readonly isAway: boolean;
  leave(): void;
  return(): void;
}

function newLane(): Lane {
  let isAway = false;
  let tell = () => {};
  const left = new Promise<void>((resolve) => {
    tell = resolve;
  });
  return {
    ended: Promise.resolve(),
    left,
    get isAway() {
      return isAway;
    },
    leave() {
      isAway = true;
      tell();
    },
    return() {
      isAway = false;
    },
  };
}
