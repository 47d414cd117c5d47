/**
 * A consumer that follows all shards of a stream by subscriptions, children after their parents, and goes on after the end
 * of a server where it was: behind the last ContinuationSequenceNumber that it has received.
 */
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { SIGNATURE } from '../client.ts';
import { frameReader } from '../event-frames.ts';
import { indexOfShard, shardIdOf } from '../layout.ts';

/** How far one shard is. */
interface Progress {
  /** The sequence numbers of its records, in the order in which they came. */
  readonly numbers: string[];
  readonly parents: readonly number[];
  /** Undefined: nothing was received yet. */
  continuation: string | undefined;
  isRead: boolean;
  /** Whether the last event said that nothing more is there. */
  isAtTip: boolean;
}

export interface Subscriber {
  readonly shards: ReadonlyMap<number, Progress>;
  /** Subscriptions that went on behind a number. */
  readonly resumed: number;
  /** Events with records. */
  readonly events: number;
  /** Follows the stream on this server until `ending` is aborted; when the server is gone it waits for that. */
  follow(url: string, ending: AbortSignal): Promise<void>;
}

/** Between two tries; a subscription that broke off may still be known to the server. */
const AGAIN_MS = 30;

/** `first`: the number of shards that the stream was created with. */
export function createSubscriber(consumerArn: string, first: number): Subscriber {
  const shards = new Map<number, Progress>();
  const counts = { resumed: 0, events: 0 };

  const add = (index: number, parents: readonly number[]): void => {
    if (!shards.has(index)) {
      shards.set(index, { numbers: [], parents, continuation: undefined, isRead: false, isAtTip: false });
    }
  };
  for (let index = 0; index < first; index += 1) add(index, []);

  const isDue = ({ isRead, parents }: Progress): boolean =>
    !isRead && parents.every((parent) => shards.get(parent)?.isRead === true);

  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into, not typed
  const take = (progress: Progress, event: any): void => {
    const { Records, ContinuationSequenceNumber, MillisBehindLatest, ChildShards = [] } = event;
    if (Records.length > 0) counts.events += 1;
    for (const { SequenceNumber } of Records) progress.numbers.push(SequenceNumber);
    progress.isAtTip = MillisBehindLatest === 0;
    progress.continuation = ContinuationSequenceNumber;
    for (const { ShardId, ParentShards } of ChildShards) add(indexOfShard(ShardId), ParentShards.map(indexOfShard));
    progress.isRead = ContinuationSequenceNumber === undefined;
  };

  return {
    shards,
    get resumed() {
      return counts.resumed;
    },
    get events() {
      return counts.events;
    },
    async follow(url, ending) {
      const running = new Map<number, Promise<void>>();
      while (!ending.aborted) {
        for (const [index, progress] of shards) {
          if (running.has(index) || !isDue(progress)) continue;
          const { continuation } = progress;
          progress.isAtTip = false;
          const from =
            continuation === undefined
              ? { Type: 'TRIM_HORIZON' }
              : { Type: 'AFTER_SEQUENCE_NUMBER', SequenceNumber: continuation };
          if (continuation !== undefined) counts.resumed += 1;
          const request = { ConsumerARN: consumerArn, ShardId: shardIdOf(index), StartingPosition: from };
          const subscription = subscribe(url, request, (event) => take(progress, event), ending);
          running.set(
            index,
            subscription.finally(() => running.delete(index)),
          );
        }
        await sleep(AGAIN_MS, undefined, { signal: ending }).catch(() => {});
      }
      await Promise.all(running.values());
    },
  };
}

/** Resolves when the subscription has ended, for whatever reason. */
function subscribe(
  url: string,
  input: object,
  // biome-ignore lint/suspicious/noExplicitAny: answers are looked into, not typed
  onEvent: (event: any) => void,
  ending: AbortSignal,
): Promise<void> {
  return new Promise((resolve) => {
    const read = frameReader();
    const headers = {
      ...SIGNATURE,
      'Content-Type': 'application/x-amz-json-1.1',
      'X-Amz-Target': 'Kinesis_20131202.SubscribeToShard',
    };
    const request = http.request(url, { method: 'POST', headers, agent: false }, (response) => {
      response.on('data', (bytes: Buffer) => {
        if (response.statusCode !== 200) return;
        for (const { headers: of, payload } of read(bytes)) {
          if (of[':event-type'] === 'SubscribeToShardEvent') onEvent(payload);
        }
      });
      response.on('error', () => resolve());
      response.on('close', () => resolve());
    });
    request.on('error', () => resolve());
    request.on('close', () => resolve());
    ending.addEventListener('abort', () => request.destroy(), { once: true });
    request.end(JSON.stringify(input));
  });
}
