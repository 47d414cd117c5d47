/**
 * C4: a server under load is recorded, write by write and sync by sync, and afterwards the states are built that a power
 * cut at one moment or another could have left; see disk/crash-states.ts. Each is judged by what clients knew at that
 * moment. Unlike C3 this needs no rights, cuts in the middle of syncs too, and loses what a real file system may lose
 * but seldom does.
 *
 * Of the states some are judged by a server that starts upon them, and through its API; the others by their rows and
 * objects, which is quicker. Where there is no whole database yet it is always a server.
 */
import { cpSync, mkdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Case, judgeAtRest, judgeByServer, materialize, SMALL } from '../disk/crash-check.ts';
import { type CrashState, type Cut, crashState, HABITS, MODELS } from '../disk/crash-states.ts';
import { historyAt } from '../disk/history-cut.ts';
import { compileRecorder, recordingEnvironment } from '../disk/recorder.ts';
import { type Recording, resolveRecording } from '../disk/recording.ts';
import { readWriteLog } from '../disk/write-log.ts';
import { type Entry, readHistory } from '../history.ts';
import type { Random } from '../random.ts';
import type { Context, Result, Scenario, Violation } from '../scenario.ts';
import { start } from '../server.ts';
import { createWorld, type LoadShape } from '../world.ts';

const STATES_PER_RECORDING = 60;
const JUDGES = 2;
const SERVER_CHANCE = 1 / 4;
/** Of a cut before there is anything that could be lost: the next server must start all the same. */
const EARLY_CHANCE = 1 / 10;
const LOAD_LIMIT_MS = 5_000;

export const recordedWrites: Scenario = {
  name: 'C4',
  title: 'the power is cut at any moment (states rebuilt from recorded writes)',
  needs: ['gcc'],
  counts: { short: 200, long: 20_000 },
  run,
};

interface Tally {
  states: number;
  recordings: number;
  operations: number;
  acknowledged: number;
  byServer: number;
  /** States in which something was lost that had not been synced. */
  withLoss: number;
  insideSync: number;
  beforePromises: number;
  checkpoints: number;
  renames: number;
  lostChanges: number;
}

async function run(context: Context): Promise<Result> {
  const { count, directory } = context;
  const library = await compileRecorder(directory);
  const violations: Violation[] = [];
  const tally: Tally = {
    states: 0,
    recordings: 0,
    operations: 0,
    acknowledged: 0,
    byServer: 0,
    withLoss: 0,
    insideSync: 0,
    beforePromises: 0,
    checkpoints: 0,
    renames: 0,
    lostChanges: 0,
  };
  while (violations.length === 0 && tally.states < count && !context.isTimeUp()) {
    const recorded = await record(context, library, tally);
    violations.push(...(await judgeStates(context, recorded, tally)));
  }
  const { states, acknowledged, byServer, withLoss, insideSync, checkpoints, renames } = tally;
  return {
    violations,
    done: states,
    sometimes: {
      acknowledged,
      'judged by a server': byServer,
      'something un-synced lost': withLoss,
      'cut inside of a sync': insideSync,
      'a checkpoint recorded': checkpoints,
      'a rename recorded': renames,
    },
    figures: {
      acknowledged,
      recordings: tally.recordings,
      'operations recorded': tally.operations,
      'judged by a server': byServer,
      'judged by their rows': states - byServer,
      'with something lost': withLoss,
      'un-synced changes lost': tally.lostChanges,
      'before any promise': tally.beforePromises,
    },
  };
}

interface Recorded {
  readonly recording: Recording;
  readonly history: readonly Entry[];
  /** From here on the streams are there. */
  readonly promisedNs: number;
}

interface RecordedLoad {
  readonly shape: LoadShape;
  /** It goes on for this long once so many records were acknowledged. */
  readonly acknowledged: number;
  readonly durationMs: number;
}

/** What is put on a server while it is recorded: slow enough for deliveries to take place before there is too much. */
const LOADS: readonly RecordedLoad[] = [
  { shape: { clients: 16, paceMs: 60 }, acknowledged: 300, durationMs: 600 },
  { shape: { clients: 8, paceMs: 30, kinds: ['firehose', 'sourced'] }, acknowledged: 300, durationMs: 800 },
  { shape: { clients: 16 }, acknowledged: 20, durationMs: 0 },
  // Enough for the write-ahead log to be moved and begun anew under load.
  {
    shape: { clients: 8, kinds: ['kinesis', 'firehose'], bodyBytes: { min: 20_000, max: 60_000 } },
    acknowledged: 900,
    durationMs: 100,
  },
];

/** Records a server from an empty directory on: a life that is killed, and at times a second one that stops in order. */
async function record(context: Context, library: string, tally: Tally): Promise<Recorded> {
  const { build, cleanup, random } = context;
  tally.recordings += 1;
  mkdirSync(join(context.directory, 'recorded'), { recursive: true });
  const directory = realpathSync(join(context.directory, 'recorded'));
  rmSync(directory, { recursive: true, force: true });
  const disk = join(directory, 'disk');
  mkdirSync(disk, { recursive: true });
  const log = join(directory, 'writes');
  // The data directory is made by the server; that it is there after a cut is the server's business too.
  const dataDir = join(disk, 'data');
  const world = createWorld({ directory, dataDir, random: random.fork(`recording ${tally.recordings}`) });
  const launch = { build, dataDir, settings: SMALL, environment: recordingEnvironment(library, disk, log) };
  const { shape, acknowledged, durationMs } = LOADS[(tally.recordings - 1) % LOADS.length]!;
  const lives = 1 + (tally.recordings % 2);
  for (let life = 1; life <= lives; life += 1) {
    const server = await start(launch, cleanup);
    await world.prepare(server);
    const load = world.load(server, shape);
    await Promise.race([load.reached(acknowledged), sleep(LOAD_LIMIT_MS, undefined, { ref: false })]);
    await sleep(durationMs);
    await server.end(life === 1 ? 'SIGKILL' : 'SIGTERM');
    await load.stop();
  }
  const history = readHistory(world.historyPath);
  const recording = resolveRecording(readWriteLog(log), statSync(disk).ino);
  tally.acknowledged += world.acknowledged;
  tally.operations += recording.operations.length;
  tally.renames += recording.operations.filter(({ kind }) => kind === 'rename').length;
  const prepared = history.find((entry) => entry.kind === 'mark' && entry.what === 'prepared');
  if (prepared?.kind !== 'mark') throw new Error('The history does not say when the streams were made.');
  const promisedNs = (prepared.atUs + 1) * 1000;
  const file = statSync(join(dataDir, 'millrace.db')).ino;
  tally.checkpoints += recording.operations.filter(
    (operation) => operation.kind === 'sync' && operation.inode === file && operation.startNs > promisedNs,
  ).length;
  return { recording, history, promisedNs };
}

async function judgeStates(context: Context, recorded: Recorded, tally: Tally): Promise<readonly Violation[]> {
  const violations: Violation[] = [];
  const moments = momentsOf(recorded);
  const first = tally.states;
  const end = Math.min(first + STATES_PER_RECORDING, context.count);
  const judge = async (place: number): Promise<void> => {
    while (violations.length === 0 && tally.states < end && !context.isTimeUp()) {
      const index = tally.states;
      tally.states += 1;
      const random = context.random.fork(`state ${index}`);
      const cut = { atNs: random.pick(moments(random)), model: random.pick(MODELS), habit: random.pick(HABITS) };
      violations.push(...(await judgeState(context, { cut, random, recorded, place }, tally)));
      context.progress(`${tally.states} states of ${tally.recordings} recordings`);
    }
  };
  await Promise.all(Array.from({ length: JUDGES }, (_, place) => judge(place)));
  return violations;
}

interface Trial {
  readonly cut: Cut;
  readonly random: Random;
  readonly recorded: Recorded;
  /** Which of the judges it is. */
  readonly place: number;
}

async function judgeState(context: Context, trial: Trial, tally: Tally): Promise<readonly Violation[]> {
  const { cut, random, recorded, place } = trial;
  const state = crashState(recorded.recording, cut, random);
  const directory = join(context.directory, `state-${place}`);
  materialize(state, directory);
  const isPromised = cut.atNs >= recorded.promisedNs;
  const known = isPromised ? historyAt(recorded.history, cut.atNs) : undefined;
  const judged: Case = { dataDir: join(directory, 'data'), known };
  const isByServer = !isPromised || !isWhole(state) || random.chance(SERVER_CHANCE);
  note(tally, { state, cut, recorded, isByServer, isPromised });
  const violations = isByServer ? await judgeByServer(judged, context) : judgeAtRest(judged);
  if (violations.length === 0) return [];
  const kept = join(context.directory, `violation-${tally.states}`);
  materialize(state, kept);
  cpSync(join(context.directory, 'recorded', 'history.jsonl'), join(kept, 'history.jsonl'));
  const after = `${cut.habit} of what was not synced, ${cut.model} model, cut at ${cut.atNs} ns, in ${kept}`;
  return violations.map(({ guarantee, message }) => ({ guarantee, message: `${message} (${after})` }));
}

/** Whether there is a database that is in no need of a rollback journal. */
const isWhole = ({ files }: CrashState): boolean =>
  (files.get('/data/millrace.db')?.length ?? 0) > 0 && !files.has('/data/millrace.db-journal');

interface Noted {
  readonly state: CrashState;
  readonly cut: Cut;
  readonly recorded: Recorded;
  readonly isByServer: boolean;
  readonly isPromised: boolean;
}

function note(tally: Tally, { state, cut, recorded, isByServer, isPromised }: Noted): void {
  const { operations } = recorded.recording;
  tally.lostChanges += state.lost;
  if (state.lost > 0) tally.withLoss += 1;
  if (isByServer) tally.byServer += 1;
  if (!isPromised) tally.beforePromises += 1;
  if (operations.some(({ kind, startNs, endNs }) => kind === 'sync' && startNs < cut.atNs && cut.atNs < endNs)) {
    tally.insideSync += 1;
  }
}

/**
 * The moments at which the power may be cut, by how much they can tell: right after an answer, when least may be
 * missing; around syncs, names and cuts of files; and anywhere.
 */
function momentsOf({ recording, history, promisedNs }: Recorded): (random: Random) => readonly number[] {
  const { operations } = recording;
  const anywhere = operations.map(({ startNs }) => startNs);
  const telling = operations.flatMap(({ kind, startNs, endNs }, index) => {
    if (kind === 'write' || kind === 'extend') return [];
    const next = operations[index + 1]?.startNs ?? endNs + 1;
    return [startNs, Math.floor((startNs + endNs) / 2), endNs + 1, next];
  });
  const answers = history.flatMap((entry) =>
    (entry.kind === 'put' || entry.kind === 'change' || entry.kind === 'reshard') && entry.outcome === 'ok'
      ? [(entry.endUs + 1) * 1000]
      : [],
  );
  const choices = [anywhere, telling, telling, answers];
  const early = choices.map((moments) => moments.filter((moment) => moment < promisedNs));
  const late = choices.map((moments) => moments.filter((moment) => moment >= promisedNs));
  return (random) => random.pick((random.chance(EARLY_CHANCE) ? early : late).filter((moments) => moments.length > 0));
}
