/** One client during one load: its connection, its name in the history, and what it is owed. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Bodies, Body } from '../bodies.ts';
import { type Answer, type Client, createClient } from '../client.ts';
import type { Entry } from '../history.ts';
import type { Ledger } from '../ledger.ts';
import type { Random } from '../random.ts';

/** What all clients of a load share. */
export interface Ground {
  readonly url: string;
  readonly bodies: Bodies;
  readonly ledger: Ledger;
  readonly bodyBytes: { readonly min: number; readonly max: number };
  readonly paceMs: number;
  /** Aborted when no further request is to be sent. */
  readonly ending: AbortSignal;
  readonly tally: Tally;
  /** A number that no client of this world has had. */
  newClient(): number;
  record(entry: Entry): void;
}

/** What a load did. */
export interface Tally {
  acknowledged: number;
  unknown: number;
  failed: number;
  requests: number;
  readonly latenciesMs: number[];
  lastOkUs: number;
  longestGapUs: number;
}

export interface Session {
  readonly ground: Ground;
  readonly random: Random;
  /** Which of the clients of the load: what it owns has this number in its name. */
  readonly slot: number;
  /** In the history. What has an unknown outcome may still be done later, between others of the same client. */
  readonly client: number;
  /** Whether no further request is to be sent. */
  readonly isOver: boolean;
  call(operation: string, input: object): Promise<Answer>;
  post(path: string): Promise<Answer>;
  /** Names for `sizes.length` bodies that were never sent. */
  newBodies(sizes: readonly number[]): Body[];
  /** Goes on as another client: to be called when an outcome is unknown, after it was recorded. */
  renew(): void;
  /** Ends early with the load. */
  pause(limitMs: number): Promise<void>;
  close(): void;
}

/** After an unknown outcome, so that a server that fails all the time is not asked all the time. */
const AFTER_UNKNOWN_MS = 20;

export function openSession(slot: number, random: Random, ground: Ground): Session {
  let connection: Client = createClient(ground.url);
  let client = ground.newClient();
  let counter = 0;
  let isGone = false;

  const pause = (limitMs: number) => sleep(limitMs, undefined, { signal: ground.ending }).catch(() => {});

  const after = async (answer: Answer): Promise<Answer> => {
    count(answer, ground.tally);
    isGone ||= answer.isGone;
    if (answer.outcome === 'unknown') await pause(AFTER_UNKNOWN_MS);
    else if (ground.paceMs > 0) await pause(ground.paceMs);
    return answer;
  };

  return {
    ground,
    random,
    slot,
    get client() {
      return client;
    },
    get isOver() {
      return isGone || ground.ending.aborted;
    },
    call: async (operation, input) => after(await connection.call(operation, input)),
    post: async (path) => after(await connection.post(path)),
    newBodies: (sizes) => sizes.map((size) => ({ client, counter: counter++, size })),
    renew() {
      client = ground.newClient();
      counter = 0;
      connection.close();
      connection = createClient(ground.url);
    },
    pause,
    close: () => connection.close(),
  };
}

function count(answer: Answer, tally: Tally): void {
  tally.requests += 1;
  if (answer.outcome !== 'ok') return;
  tally.latenciesMs.push((answer.endUs - answer.startUs) / 1000);
  tally.longestGapUs = Math.max(tally.longestGapUs, answer.endUs - tally.lastOkUs);
  tally.lastOkUs = answer.endUs;
}
