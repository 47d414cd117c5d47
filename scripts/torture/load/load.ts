/** A load: many clients at once, each with one thing to do again and again. */
import { setMaxListeners } from 'node:events';
import { BODY_BYTES_MIN, type Bodies } from '../bodies.ts';
import { type Entry, nowUs } from '../history.ts';
import { SOURCE } from '../layout.ts';
import type { Ledger } from '../ledger.ts';
import type { Random } from '../random.ts';
import type { Load, LoadKind, LoadShape, LoadSummary } from '../world.ts';
import { changeTag, flush, passThrough, reshard } from './control.ts';
import { follow } from './reading.ts';
import { putDirect, putInto } from './records.ts';
import { type Ground, openSession, type Session, type Tally } from './session.ts';
import { changeConsumer, changeSetting } from './settings.ts';

/** What a client does once, and goes on doing. */
type Act = (session: Session) => Promise<void>;

interface Role {
  readonly kinds: readonly LoadKind[];
  readonly act: Act;
  /** How many of the usual clients have it; the first of each role come first. */
  readonly clients: number;
}

const ROLES: readonly Role[] = [
  { kinds: ['kinesis'], act: putInto(['plain', 'wide', 'wide']), clients: 11 },
  { kinds: ['firehose'], act: putDirect, clients: 5 },
  { kinds: ['sourced'], act: putInto([SOURCE]), clients: 3 },
  { kinds: ['kinesis', 'reshard'], act: putInto(['fluid']), clients: 3 },
  { kinds: ['firehose', 'sourced'], act: flush, clients: 1 },
  { kinds: ['control'], act: changeTag, clients: 3 },
  { kinds: ['reshard'], act: reshard('fluid'), clients: 1 },
  { kinds: ['reshard'], act: reshard(SOURCE), clients: 1 },
  { kinds: ['control'], act: passThrough, clients: 2 },
  { kinds: ['control'], act: changeSetting, clients: 1 },
  { kinds: ['control'], act: changeConsumer, clients: 1 },
  { kinds: ['kinesis'], act: follow, clients: 2 },
];

const KINDS: readonly LoadKind[] = ['kinesis', 'firehose', 'sourced', 'control', 'reshard'];
const CLIENTS = 34;
const BODY_BYTES = { min: 40, max: 300 };

export interface LoadGround {
  readonly url: string;
  readonly bodies: Bodies;
  readonly ledger: Ledger;
  readonly random: Random;
  newClient(): number;
  record(entry: Entry): void;
}

export function startLoad(given: LoadGround, shape: LoadShape = {}): Load {
  const { clients = CLIENTS, kinds = KINDS, bodyBytes = BODY_BYTES, paceMs = 0 } = shape;
  const ending = new AbortController();
  // Every client that pauses listens.
  setMaxListeners(0, ending.signal);
  const tally: Tally = {
    acknowledged: 0,
    unknown: 0,
    failed: 0,
    requests: 0,
    latenciesMs: [],
    lastOkUs: nowUs(),
    longestGapUs: 0,
  };
  const watchers = new Set<{ readonly count: number; readonly tell: () => void }>();
  const record = (entry: Entry) => {
    given.record(entry);
    for (const watcher of watchers) {
      if (tally.acknowledged < watcher.count) continue;
      watchers.delete(watcher);
      watcher.tell();
    }
  };
  const sizes = { min: Math.max(bodyBytes.min, BODY_BYTES_MIN), max: Math.max(bodyBytes.max, BODY_BYTES_MIN) };
  const ground: Ground = { ...given, bodyBytes: sizes, paceMs, ending: ending.signal, tally, record };
  const acts = actsOf(kinds);
  const running = Array.from({ length: clients }, async (_, slot) => {
    const session = openSession(slot, given.random.fork(`client ${slot}`), ground);
    const act = acts[slot % acts.length]!;
    while (!session.isOver) await act(session);
    session.close();
  });
  const ended = Promise.all(running).then(() => {
    for (const { tell } of watchers) tell();
  });
  return {
    reached: (count) =>
      tally.acknowledged >= count
        ? Promise.resolve()
        : Promise.race([ended, new Promise<void>((tell) => watchers.add({ count, tell }))]),
    async stop() {
      ending.abort();
      await ended;
      return summaryOf(tally);
    },
  };
}

/** What the clients do, in their order: with few clients, one of each role. */
function actsOf(kinds: readonly LoadKind[]): Act[] {
  const left = ROLES.filter((role) => role.kinds.some((kind) => kinds.includes(kind))).map((role) => ({ ...role }));
  const acts: Act[] = [];
  for (let isMore = true; isMore; ) {
    isMore = false;
    for (const role of left) {
      if (role.clients === 0) continue;
      role.clients -= 1;
      acts.push(role.act);
      isMore = true;
    }
  }
  return acts;
}

function summaryOf(tally: Tally): LoadSummary {
  const { acknowledged, unknown, failed, requests, latenciesMs } = tally;
  const longestGapUs = Math.max(tally.longestGapUs, nowUs() - tally.lastOkUs);
  return { acknowledged, unknown, failed, requests, latenciesMs, longestGapMs: longestGapUs / 1000 };
}
