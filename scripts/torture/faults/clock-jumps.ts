/** T1: the wall clock of a running server jumps. What must hold then, one expectation at a time. */

import type { Context } from '../scenario.ts';
import { ErrorAnswer } from './api.ts';
import { ClockScene, DAY_MS, HOUR_MS } from './clock-scene.ts';
import { pause } from './within.ts';

export interface Jump {
  readonly name: string;
  /** By how much; one after the other. */
  readonly steps: readonly ((scene: ClockScene) => void)[];
  readonly environment?: Readonly<Record<string, string>>;
  /** The instant at which the server starts, if not now. */
  readonly startMs?: number;
}

const by = (ms: number) => (scene: ClockScene) => scene.clock.moveBy(ms);
const to = (text: string) => (scene: ClockScene) => scene.clock.moveTo(Date.parse(text));
const MINUTE_MS = 60_000;

export const JUMPS: readonly Jump[] = [
  { name: 'back 2 h', steps: [by(-2 * HOUR_MS)] },
  { name: 'back 2 d', steps: [by(-2 * DAY_MS)] },
  { name: 'forward 23 h 59 m', steps: [by(DAY_MS - MINUTE_MS)] },
  { name: 'forward 25 h and back', steps: [by(25 * HOUR_MS), by(-25 * HOUR_MS)] },
  { name: 'to the last second of 32 bits', steps: [to('2038-01-19T03:14:06Z')] },
  { name: 'to 2100', steps: [to('2100-02-28T23:59:58Z')] },
  {
    name: 'summer time begins',
    environment: { TZ: 'Europe/Berlin' },
    startMs: Date.parse('2026-03-29T00:59:50Z'),
    steps: [to('2026-03-29T00:59:58Z')],
  },
  {
    name: 'summer time ends',
    environment: { TZ: 'America/New_York' },
    startMs: Date.parse('2026-11-01T05:59:50Z'),
    steps: [to('2026-11-01T05:59:58Z')],
  },
];

const PUTS = 20;
/** Sweeps and flushes come every second. */
const SETTLE_MS = 2500;
const DELIVERY_LIMIT_MS = 8000;
/** An idle server takes a few hundredths of a core; one that spins takes one. */
const CPU_SHARE_MAX = 0.5;
const ITERATOR_LIFE_MS = 5 * MINUTE_MS;

/** What is wrong after one of the jumps. */
export async function jump({ name, steps, environment, startMs }: Jump, context: Context): Promise<string[]> {
  const scene = new ClockScene(name.replaceAll(' ', '-'), context, environment);
  if (startMs !== undefined) scene.clock.moveTo(startMs);
  await scene.start();
  await scene.createStreams(0);
  await scene.put(PUTS);
  const messages: string[] = [];
  for (const step of steps) {
    const before = { atMs: scene.clock.now(), iterator: await scene.iterator() };
    step(scene);
    try {
      messages.push(...(await expectAfter(before, scene)));
    } catch (error) {
      // A server that stands still answers nothing from here on.
      messages.push(`A request failed: ${(error as Error).message}`);
      await scene.end('SIGKILL');
      return messages.map((message) => `${name}: ${message}`);
    }
  }
  await scene.end('SIGTERM');
  return messages.map((message) => `${name}: ${message}`);
}

interface Before {
  readonly atMs: number;
  readonly iterator: string;
}

async function expectAfter(before: Before, scene: ClockScene): Promise<string[]> {
  const jumpedMs = scene.clock.now() - before.atMs;
  const messages = await expectIteratorRule(before.iterator, jumpedMs, scene);
  const cpuBeforeMs = scene.cpuMs();
  const beganMs = performance.now();
  await pause(SETTLE_MS);
  const share = (scene.cpuMs() - cpuBeforeMs) / (performance.now() - beganMs);
  if (share > CPU_SHARE_MAX) messages.push(`Idle, the server takes ${Math.round(share * 100)} % of a core.`);
  await scene.put(PUTS);
  messages.push(...expectOrder(scene), ...(await expectReads(scene)), ...(await expectDelivery(scene)));
  return messages;
}

/** An iterator lives for five minutes; one "from the future" is not taken for an old one. */
async function expectIteratorRule(iterator: string, jumpedMs: number, scene: ClockScene): Promise<string[]> {
  const wanted = jumpedMs > ITERATOR_LIFE_MS ? 'ExpiredIteratorException' : 'records';
  const found = await scene.read(iterator).then(
    () => 'records',
    (error: unknown) => (error instanceof ErrorAnswer ? error.type : String(error)),
  );
  return found === wanted ? [] : [`An iterator of before the jump should give ${wanted}, not ${found}.`];
}

function expectOrder({ sequenceNumbers }: ClockScene): string[] {
  const at = sequenceNumbers.findIndex((number, index) => index > 0 && number <= sequenceNumbers[index - 1]!);
  return at === -1 ? [] : [`Sequence number ${sequenceNumbers[at]} follows ${sequenceNumbers[at - 1]}.`];
}

async function expectReads(scene: ClockScene): Promise<string[]> {
  const messages: string[] = [];
  const rows = scene.rows();
  if (rows !== scene.sequenceNumbers.length) {
    messages.push(`Of ${scene.sequenceNumbers.length} records only ${rows} are stored, right after the jump.`);
  }
  const records = await scene.read();
  const backwards = records.findIndex(({ arrivedMs }, index) => index > 0 && arrivedMs < records[index - 1]!.arrivedMs);
  if (backwards !== -1) messages.push(`The record ${records[backwards]!.number} arrived before its predecessor.`);
  const horizonMs = scene.clock.now() - DAY_MS;
  const newest = records.at(-1);
  if (newest?.sequenceNumber !== scene.sequenceNumbers.at(-1)) messages.push('The newest record cannot be read.');
  if (records.some(({ arrivedMs }) => arrivedMs < horizonMs - 1000)) messages.push('An expired record is read.');
  if (newest !== undefined && newest.arrivedMs - DAY_MS < horizonMs && records.length < PUTS) {
    messages.push(`Only ${records.length} records can be read.`);
  }
  return [...messages, ...(await expectTimestamps(records, scene))];
}

/** AT_TIMESTAMP begins with the first record that is not older; nobody may ask for the future. */
async function expectTimestamps(records: readonly ReadonlyRecord[], scene: ClockScene): Promise<string[]> {
  const messages: string[] = [];
  for (const share of [0, 0.5, 0.99]) {
    const asked = records[Math.floor(records.length * share)];
    if (asked === undefined || asked.arrivedMs > scene.clock.now()) continue;
    const iterator = await scene.iterator({ ShardIteratorType: 'AT_TIMESTAMP', Timestamp: asked.arrivedMs / 1000 });
    const [found] = await scene.read(iterator);
    const wanted = records.find(({ arrivedMs }) => arrivedMs >= asked.arrivedMs);
    if (found?.number !== wanted?.number) {
      messages.push(`AT_TIMESTAMP ${asked.arrivedMs} begins with ${found?.number}, not with ${wanted?.number}.`);
    }
  }
  return messages;
}

type ReadonlyRecord = Awaited<ReturnType<ClockScene['read']>>[number];

/** With an interval of 0 a buffer is due at once, whatever the clock says. */
async function expectDelivery(scene: ClockScene): Promise<string[]> {
  const numbers = await scene.deliver(5);
  const endMs = performance.now() + DELIVERY_LIMIT_MS;
  const isThere = () => {
    const delivered = new Set(scene.delivered());
    return numbers.every((number) => delivered.has(number));
  };
  while (!isThere() && performance.now() < endMs) await pause(50);
  const delivered = scene.delivered();
  const messages = isThere() ? [] : [`Nothing was delivered within ${DELIVERY_LIMIT_MS} ms.`];
  if (new Set(delivered).size !== delivered.length) messages.push('A record was delivered twice.');
  return messages;
}
