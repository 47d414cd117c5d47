/**
 * The failpoints: places in the program at which a copy of it can be made to end, fail or wait. And what makes the copy
 * reach them often: what takes many megabytes or a long time in the program takes little there.
 */
import { fileURLToPath } from 'node:url';
import { copyBuild, type Patch } from '../build-copy.ts';

/** Under what a point is reached. `copy`: when somebody asks for a copy of the database. */
export type Occasion = 'load' | 'copy' | 'start' | 'stop' | 'migration';

interface Place {
  readonly name: string;
  readonly file: string;
  /** Statements with ‹ and › where they are; `before` and `after` are the points there. */
  readonly text: string;
  readonly occasion?: Occasion;
  /** How often it is reached at least, under load for a second; the point is used at one of these times. */
  readonly hits?: number;
  /** It is in a thread of its own, whose end is not that of the process. */
  readonly isThread?: true;
  /** It is in a process of its own, whose end is not that of the server. */
  readonly isChild?: true;
}

const WRITER = 'src/database/writer.js';
const DATABASE = 'src/database/database.js';
const OPENING = 'src/database/opening.js';
const MIGRATE = 'src/database/migrate.js';
const GATEWAY = 'src/protocol/gateway.js';
const RECORD_LOG = 'src/kinesis/record-log.js';
const RETENTION = 'src/kinesis/retention.js';
const LOCAL_STORE = 'src/firehose/objects/local-store.js';
const STORING = 'src/firehose/storing.js';
const SOURCE = 'src/firehose/source.js';

const OFTEN = 10;
const AT_TIMES = 3;

const PLACES: readonly Place[] = [
  {
    name: 'validation',
    file: GATEWAY,
    text: '‹validate(operation.input, input, { quotas: call.quotas, showsValues: service.showsValues });›',
    hits: OFTEN,
  },
  { name: 'BEGIN', file: WRITER, text: '‹this.#begin.run();›', hits: OFTEN },
  { name: 'a body', file: WRITER, text: '‹const value = waiting.body();›', hits: OFTEN },
  { name: 'the insert of a record', file: RECORD_LOG, text: '‹database.run(insertRecord, {', hits: OFTEN },
  { name: 'the insert of a record', file: RECORD_LOG, text: '›        return sequenceNumber;', hits: OFTEN },
  { name: 'COMMIT', file: WRITER, text: '‹this.#commit.run();›', hits: OFTEN },
  { name: 'the watchdog', file: DATABASE, text: '‹this.#files.assertUnchanged();›', hits: OFTEN },
  { name: 'the witness', file: DATABASE, text: '‹this.#witness.note(commit);›', hits: OFTEN },
  {
    name: 'the promises of a turn',
    file: WRITER,
    text: '‹for (const outcome of outcomes)\n            settle(outcome);›',
    hits: OFTEN,
  },
  { name: 'the answer', file: GATEWAY, text: '‹response = { status: 200', hits: OFTEN },
  { name: 'the answer', file: GATEWAY, text: '›const { status } = response;', hits: OFTEN },
  { name: 'a plan', file: 'src/firehose/planning.js', text: '‹insertPlan(buffer, { first, last }, moment);›' },
  {
    name: 'the temporary file',
    file: LOCAL_STORE,
    text: "‹const file = await attempt('create', temporary, open(temporary, CREATE, FILE_MODE));›",
  },
  {
    name: 'a write to the temporary file',
    file: LOCAL_STORE,
    text: "‹const { bytesWritten } = await attempt('write', path, file.write(piece, start));›",
  },
  {
    name: 'the sync of the temporary file',
    file: LOCAL_STORE,
    text: `‹await attempt('sync', path, file.sync());›
        return fingerprint`,
  },
  { name: 'a new directory', file: LOCAL_STORE, text: '‹await mkdir(directory, { mode: DIRECTORY_MODE })' },
  { name: 'a new directory', file: LOCAL_STORE, text: '›if (!(await find(directory))?.isDirectory()) {' },
  { name: "the sync of a directory's parent", file: LOCAL_STORE, text: '‹await sync(parent);›' },
  { name: 'the rename', file: LOCAL_STORE, text: "‹await attempt('write', final, rename(temporary, final));›" },
  { name: "the sync of the object's directory", file: LOCAL_STORE, text: '‹await sync(directory);›' },
  { name: 'the turn of a confirmation', file: STORING, text: '‹await database.write(() => {' },
  { name: 'the turn of a confirmation', file: STORING, text: 'clear(delivery, database);\n        }\n    });›' },
  { name: 'a confirmation', file: STORING, text: '‹confirm(delivery, { database, now: clock.now() });›' },
  {
    name: 'a slice of clearing',
    file: 'src/firehose/buffer-clearing.js',
    text: '‹remove(slice, database);›',
  },
  { name: 'a slice of the source', file: SOURCE, text: '‹const records = shard.read(from, limits);›', hits: AT_TIMES },
  {
    name: "the source's checkpoint",
    file: SOURCE,
    text: '‹database.run(saveCheckpoint, { deliveryStream: deliveryStream.id, shard: shard.id, nextPosition });›',
    hits: AT_TIMES,
  },
  { name: 'a slice of the sweep', file: RECORD_LOG, text: '‹return position === 0 ? 0 : database.run(deleteUpTo,' },
  {
    name: 'a slice of the sweep',
    file: RETENTION,
    text: 'deleted += await database.reclaim(() => deleteSlice(shard.id, untilMs, database));›',
  },
  { name: 'the removal of a stream', file: RETENTION, text: '‹database.run(deleteStream, { stream: id });›' },
  {
    name: 'a step of vacuum',
    file: DATABASE,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code of the program.
    text: '‹this.#handle.exec(`pragma incremental_vacuum(${Math.floor(count)})`);›',
  },
  {
    name: 'a checkpoint in the thread',
    file: 'src/database/checkpoint-worker.js',
    text: '‹parentPort?.postMessage(checkpoint.get());›',
    isThread: true,
  },
  {
    name: 'the end of a checkpoint',
    file: 'src/database/checkpointer.js',
    text: `‹if (this.#isCutWanted || log >= PAGES_CUT_FROM)
            this.#cutNow();
        else
            this.#walk('PASSIVE');›`,
  },
  {
    name: 'the making of a copy',
    file: 'src/database/long-job.js',
    text: "‹handle.prepare('vacuum into ?').run(to);›",
    occasion: 'copy',
    isChild: true,
  },
  {
    name: 'the rename of a copy',
    file: 'src/database/copying.js',
    text: '‹renameSync(partial, path);›',
    occasion: 'copy',
  },
  {
    name: 'an update of a stream',
    file: 'src/kinesis/updates.js',
    text: '‹call.database.run(setUpdating, { stream: stream.id, updatingMs: call.now, updatedMs });›',
    hits: AT_TIMES,
  },
  {
    name: 'the deletion of a stream',
    file: 'src/kinesis/streams.js',
    text: '‹call.database.run(markDeleted, { id: stream.id, deletedMs: call.now, goneMs });›',
    hits: AT_TIMES,
  },
  {
    name: 'a change of the shard count',
    file: 'src/kinesis/shard-count.js',
    text: '‹reshard(stream, plan, call);›',
  },
  {
    name: 'a change of the retention',
    file: 'src/kinesis/retention-periods.js',
    text: '‹call.database.run(setRetention, { stream: stream.id, retentionHours: hours, trimmedMs });›',
  },
  {
    name: 'a change of the key',
    file: 'src/kinesis/encryption.js',
    text: '‹database.run(insertKey, { stream: stream.id, fromMs, keyId });›',
  },
  { name: 'a policy', file: 'src/kinesis/resource-belongings.js', text: '‹database.run(upsertPolicy,' },
  {
    name: 'the registration of a consumer',
    file: 'src/kinesis/consumers.js',
    text: '‹database.insert(insertConsumer, {',
  },
  { name: 'the inspection', file: OPENING, text: '‹const found = inspectFiles(files);›', occasion: 'start' },
  {
    name: 'the connection',
    file: OPENING,
    text: '‹handle = openConnection(files.path, journal);›',
    occasion: 'start',
  },
  {
    name: 'the checkpoint of a start',
    file: OPENING,
    text: '‹if (found.wasInterrupted)\n            settleLog(handle, loss);›',
    occasion: 'start',
  },
  { name: 'the opening of the witness', file: OPENING, text: '‹const witness = openWitness(', occasion: 'start' },
  {
    name: 'the last checkpoint',
    file: DATABASE,
    text: "‹this.#handle.pragma('wal_checkpoint(TRUNCATE)');›",
    occasion: 'stop',
  },
  {
    name: 'the copy before a migration',
    file: OPENING,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code of the program.
    text: '‹const copy = copyDatabase(handle, copyPath(join(directory, SNAPSHOTS), `pre-v${SCHEMA_VERSION}`, clock.now()));›',
    occasion: 'migration',
  },
  {
    name: 'a step of a migration',
    file: 'migrations/0005-commit-number.js',
    text: "‹await sql `insert into server_state (name, value) values ('commit', 0)`.execute(db);›",
    occasion: 'migration',
  },
  {
    name: 'the number of the schema',
    file: MIGRATE,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code of the program.
    text: '‹handle.pragma(`user_version = ${SCHEMA_VERSION}`);›',
    occasion: 'migration',
  },
  {
    name: 'the version of the writer',
    file: MIGRATE,
    text: `‹handle.prepare("insert or replace into server_state (name, value) values ('written_by', ?)").run(version);›`,
    occasion: 'migration',
  },
];

export interface Failpoint extends Required<Pick<Place, 'name' | 'occasion' | 'hits'>> {
  readonly isThread: boolean;
  readonly isChild: boolean;
}

export const FAILPOINTS: readonly Failpoint[] = PLACES.flatMap((place) =>
  sidesOf(place).map((side) => ({
    name: `${side} ${place.name}`,
    occasion: place.occasion ?? 'load',
    hits: place.hits ?? 1,
    isThread: place.isThread ?? false,
    isChild: place.isChild ?? false,
  })),
);

function sidesOf({ text }: Place): readonly ('before' | 'after')[] {
  return [...(text.includes('‹') ? (['before'] as const) : []), ...(text.includes('›') ? (['after'] as const) : [])];
}

const call = (side: string, name: string) => `globalThis.failpoint(${JSON.stringify(`${side} ${name}`)});`;

const patchOf = ({ name, file, text }: Place): Patch => ({
  file,
  find: text.replace(/[‹›]/g, ''),
  replace: text.replace('‹', `${call('before', name)} `).replace('›', ` ${call('after', name)} `),
});

/** Where a thread begins, and with it the module that the points call. */
const BEGINNINGS: readonly Patch[] = [
  ['src/main.js', "import { createRequire } from 'node:module';", './failpoint.js'],
  ['src/database/checkpoint-worker.js', "import { statSync } from 'node:fs';", '../failpoint.js'],
  ['src/database/long-job.js', "import BetterSqlite3 from 'better-sqlite3';", '../failpoint.js'],
].map(([file, find, module]) => ({ file: file!, find: find!, replace: `import '${module}';\n${find}` }));

/** What is rare becomes frequent. */
const QUICKENED: readonly Patch[] = [
  { file: 'src/database/checkpointer.js', find: 'PAGES_MOVED_FROM = 2000', replace: 'PAGES_MOVED_FROM = 20' },
  { file: 'src/database/space.js', find: 'FREE_SHARE_KEPT = 0.2', replace: 'FREE_SHARE_KEPT = 0' },
  { file: 'src/database/space.js', find: 'FREE_PAGES_KEPT = 1024', replace: 'FREE_PAGES_KEPT = 0' },
  { file: 'src/database/space.js', find: 'STEP_PAGES = 256', replace: 'STEP_PAGES = 2' },
  // Every object has a directory of its own.
  {
    file: 'src/firehose/planning.js',
    find: 'prefix: settings.prefix,',
    // biome-ignore lint/suspicious/noTemplateCurlyInString: it is code of the copy.
    replace: 'prefix: `${settings.prefix}${first.position}/`,',
  },
];

export const FAILPOINT_PATCHES: readonly Patch[] = [...BEGINNINGS, ...QUICKENED, ...PLACES.map(patchOf)];

/** The module that the points call, compiled beside this one. */
const ADDITIONS = { 'src/failpoint.js': fileURLToPath(new URL('../failpoint.js', import.meta.url)) };

/** Makes a copy of the program with all failpoints in a new directory; returns the build. */
export const copyWithFailpoints = (build: string, directory: string): string =>
  copyBuild({ build, directory, patches: FAILPOINT_PATCHES, additions: ADDITIONS });
