/** T1 to T3: clocks that jump, the edge of the retention, and a server that was down for longer than that. */
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import { eventually } from './api.ts';
import { JUMPS, jump } from './clock-jumps.ts';
import { ClockScene, DAY_MS, HOUR_MS } from './clock-scene.ts';
import { pause } from './within.ts';

async function runJumps(context: Context): Promise<Result> {
  const violations: Violation[] = [];
  let done = 0;
  for (const one of JUMPS) {
    if (done > 0 && context.isTimeUp()) break;
    context.progress(`the clock: ${one.name}`);
    for (const message of await jump(one, context)) violations.push({ guarantee: 'Time', message });
    done += 1;
  }
  return { violations, done, sometimes: { jumps: done }, figures: {} };
}

/** Longer than a sweep takes, and the pause between two. */
const SWEEP_LIMIT_MS = 10_000;
const EDGE_MS = 1000;
/** More than the machine may take between moving the clock and being answered. */
const APART_MS = 10 * 60_000;

/**
 * A record can be read until its last second, cannot be read after it, and is gone from the file soon. The server is
 * started anew shortly before, because a clock that jumps by a day would not be trusted with deletions.
 */
async function runRetention(context: Context): Promise<Result> {
  const scene = new ClockScene('retention', context);
  await scene.start();
  await scene.createStreams(0);
  const [edge] = await scene.put(1);
  const arrivedMs = (await scene.read()).at(-1)!.arrivedMs;
  scene.clock.moveBy(APART_MS);
  const [later] = await scene.put(1);
  await scene.end('SIGTERM');
  const messages: string[] = [];
  const edgeMs = arrivedMs + DAY_MS;
  const canRead = async (number: number) => (await scene.read()).some((record) => record.number === number);

  scene.clock.moveTo(edgeMs - 60_000);
  await scene.start();
  const before = await justBefore(edgeMs, scene, () => canRead(edge!));
  if (!before) messages.push('A record cannot be read any more a second before the end of its retention.');
  if (scene.rows(edge) !== 1) messages.push('Its row was deleted before that.');
  scene.clock.moveTo(edgeMs + EDGE_MS);
  if (await canRead(edge!)) messages.push('A record can be read a second after the end of its retention.');
  const movedMs = performance.now();
  while (scene.rows(edge) > 0 && performance.now() - movedMs < SWEEP_LIMIT_MS) await pause(50);
  const sweptMs = performance.now() - movedMs;
  if (scene.rows(edge) > 0) messages.push(`Its row is still there ${SWEEP_LIMIT_MS} ms later.`);
  if (!(await canRead(later!)) || scene.rows(later) !== 1) messages.push('A record that has not expired is gone.');
  await scene.end('SIGTERM');
  return {
    violations: messages.map((message) => ({ guarantee: 'Retention', message })),
    done: 1,
    sometimes: { 'read at the edge': Number(before) },
    figures: { 'row deleted after ms': Math.round(sweptMs) },
  };
}

/** Time goes on while the question is asked: an answer counts when the edge had not been reached by then. */
async function justBefore(edgeMs: number, scene: ClockScene, question: () => Promise<boolean>): Promise<boolean> {
  for (;;) {
    scene.clock.moveTo(edgeMs - EDGE_MS);
    const answer = await question();
    if (answer || scene.clock.now() < edgeMs) return answer;
  }
}

interface Downtime {
  readonly hours: number;
  /** A clock that is further from the newest record than a weekend is not believed at first. */
  readonly isTrusted: boolean;
}

const DOWNTIMES: readonly Downtime[] = [
  { hours: 25, isTrusted: true },
  { hours: 60, isTrusted: false },
];

/** What was buffered is delivered, however long nobody was there to do it; expired records of streams are hidden. */
async function runDowntime(context: Context): Promise<Result> {
  const violations: Violation[] = [];
  let delivered = 0;
  for (const downtime of DOWNTIMES) {
    context.progress(`down for ${downtime.hours} h`);
    const scene = new ClockScene(`down-${downtime.hours}`, context);
    const { messages, count } = await sleepThrough(downtime, scene);
    for (const message of messages)
      violations.push({ guarantee: 'Downtime', message: `${downtime.hours} h: ${message}` });
    delivered += count;
  }
  return { violations, done: DOWNTIMES.length, sometimes: { delivered }, figures: {} };
}

async function sleepThrough(
  { hours, isTrusted }: Downtime,
  scene: ClockScene,
): Promise<{ messages: string[]; count: number }> {
  await scene.start();
  await scene.createStreams(900);
  await scene.put(200);
  const buffered = await scene.deliver(200);
  await scene.end('SIGKILL');
  const stored = scene.rows();
  scene.clock.moveBy(hours * HOUR_MS);
  await scene.start();
  const messages: string[] = [];
  const readable = await scene.read();
  if (readable.length > 0) messages.push(`${readable.length} expired records can be read.`);
  const isDelivered = () => {
    const found = new Set(scene.delivered());
    return buffered.every((number) => found.has(number));
  };
  await eventually('what was buffered is delivered', isDelivered).catch((error: Error) => messages.push(error.message));
  const delivered = scene.delivered();
  if (new Set(delivered).size !== delivered.length) messages.push('A record was delivered twice.');
  if (scene.incidents() > 0) messages.push('Data was given up.');
  const areSwept = () => scene.rows() === 0;
  if (isTrusted)
    await eventually('expired rows are deleted', areSwept).catch((error: Error) => messages.push(error.message));
  else {
    await pause(3000);
    if (scene.rows() !== stored)
      messages.push(`Of ${stored} rows ${scene.rows()} are left, with a clock not to be trusted.`);
  }
  await scene.end('SIGTERM');
  return { messages, count: delivered.length };
}

const needs = ['faketime', 'sqlite3'] as const;

export const clockJumps: Scenario = {
  name: 'T1',
  title: 'the wall clock jumps while the server runs',
  needs,
  counts: { short: 1, long: 1 },
  run: runJumps,
};

export const retentionEdge: Scenario = {
  name: 'T2',
  title: 'a record a second before and after the end of its retention',
  needs,
  counts: { short: 1, long: 1 },
  run: runRetention,
};

export const longDowntime: Scenario = {
  name: 'T3',
  title: 'nobody was there for 25 hours',
  needs,
  counts: { short: 1, long: 1 },
  run: runDowntime,
};
