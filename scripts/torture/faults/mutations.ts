/**
 * Mistakes that a program like this one may have, each of which breaks a promise: the negative controls of the torture
 * run. Each names the ways in which it must be found.
 */
import type { Patch } from '../build-copy.ts';

/** How a mutant is looked for; see mutants.ts. */
export type Method =
  | 'kill'
  | 'failpoints'
  | 'power cut'
  | 'recorded writes'
  | 'retention'
  | 'inspectors'
  | 'subscribers';

export interface Mutation {
  readonly name: string;
  readonly patches: readonly Patch[];
  /** Any of these finds it; the first that is possible on this machine is tried first. */
  readonly methods: readonly Method[];
  /** Guarantees, one of which must be found broken. */
  readonly breaks: readonly string[];
}

const patch = (file: string, find: string, replace: string): Patch => ({ file, find, replace });

const WRITER = 'src/database/writer.js';
const DATABASE = 'src/database/database.js';
const CONNECTION = 'src/database/connection.js';
const HANDLE = 'src/database/handle.js';
const OPENING = 'src/database/opening.js';
const WORKER = 'src/database/checkpoint-worker.js';
const DURABLE_FILE = 'src/durable-file.js';
const LOCAL_STORE = 'src/firehose/objects/local-store.js';
const STORING = 'src/firehose/storing.js';
const RECORD_LOG = 'src/kinesis/record-log.js';
const STREAMS = 'src/kinesis/streams.js';

/** In what writes an object: its bytes are synced before it gets its name. */
const SYNC_OF_OBJECT = `        await attempt('sync', path, file.sync());
        return fingerprint;`;

const withoutSync = (text: string) => text.replace("await attempt('sync', path, file.sync());", '');

const noObjectSync = patch(LOCAL_STORE, SYNC_OF_OBJECT, withoutSync(SYNC_OF_OBJECT));

/** In what syncs a directory, or an object that was there already. */
const SYNC_OF_PATH = `    const file = await attempt('sync', path, open(path, READ));
    try {
        await attempt('sync', path, file.sync());`;

/** The commit of a turn comes a few milliseconds after its bodies; `early` is done in front of it. */
const lateCommit = (early: string) =>
  patch(
    WRITER,
    `        const outcomes = this.#runBodies();
        let commit;
        try {`,
    `        const outcomes = this.#runBodies();
${early}        this.#scheduled = true;
        setTimeout(() => this.#commitLater(outcomes), 5);
    }
    #commitLater(outcomes) {
        this.#scheduled = false;
        let commit;
        try {`,
  );

const ANY_LOSS = ['NoLoss', 'BytesEqual', 'ObjectExactlyOnce', 'Starts', 'Restart', 'DatabaseIntact', 'NoStuckState'];

export const MUTATIONS: readonly Mutation[] = [
  {
    name: 'synchronous NORMAL',
    patches: [patch(CONNECTION, "['synchronous', 'full', 2]", "['synchronous', 'normal', 1]")],
    methods: ['power cut', 'recorded writes'],
    breaks: ANY_LOSS,
  },
  {
    name: 'answers before COMMIT',
    patches: [
      lateCommit(`        for (const outcome of outcomes)
            settle(outcome);
`),
    ],
    methods: ['kill'],
    breaks: ['NoLoss', 'NoResurrection', 'SameSequence'],
  },
  {
    // For SQLite the setting reads FULL when it is looked at, and does nothing afterwards.
    name: 'fsync that lies',
    patches: [
      patch(
        CONNECTION,
        `            assertSetting(handle, name, value);
        return handle;`,
        `            assertSetting(handle, name, value);
        handle.pragma('synchronous = off');
        return handle;`,
      ),
      patch(WORKER, 'pragma synchronous = full', 'pragma synchronous = off'),
      patch(DURABLE_FILE, 'fsyncSync(file);', ''),
      noObjectSync,
      patch(LOCAL_STORE, SYNC_OF_PATH, withoutSync(SYNC_OF_PATH)),
    ],
    methods: ['power cut', 'recorded writes'],
    breaks: ANY_LOSS,
  },
  {
    name: 'no fsync before rename',
    patches: [noObjectSync],
    methods: ['recorded writes', 'power cut'],
    breaks: ['NoLoss', 'BytesEqual', 'ObjectExactlyOnce'],
  },
  {
    name: 'no fsync of the directory',
    patches: [patch(LOCAL_STORE, 'await sync(directory);', '')],
    methods: ['recorded writes'],
    breaks: ['NoLoss', 'BytesEqual', 'ObjectExactlyOnce'],
  },
  {
    name: 'confirms before rename',
    patches: [
      patch(
        STORING,
        'const object = await delivering.store.put({',
        `await database.write(() => confirm(delivery, { database, now: clock.now() }));
    const object = await delivering.store.put({`,
      ),
    ],
    methods: ['failpoints'],
    breaks: ['NoLoss', 'ObjectExactlyOnce'],
  },
  {
    name: 'random uuid in object names',
    patches: [
      patch(
        STORING,
        'key: delivery.key,',
        'key: delivery.key.replace(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/, clock.randomUuid()),',
      ),
    ],
    methods: ['failpoints'],
    breaks: ['NoDuplicate', 'ObjectExactlyOnce'],
  },
  {
    name: 'positions from max(records)',
    patches: [
      patch(
        OPENING,
        'const witness = openWitness(',
        `handle.exec(\`update shards set next_position = 1 + (
          select ifnull(max(records.id & 1099511627775), 0) from records
          where records.id >= shards.id << 40 and records.id < (shards.id + 1) << 40)\`);
        const witness = openWitness(`,
      ),
    ],
    methods: ['retention'],
    breaks: ['Monotonic'],
  },
  {
    name: 'sweeper off by one',
    patches: [
      patch(
        RECORD_LOG,
        `        if (row.arrived_ms > untilMs || bytes > SLICE_BYTES)
            break;
        position = row.position;`,
        `        position = row.position;
        if (row.arrived_ms > untilMs || bytes > SLICE_BYTES)
            break;`,
      ),
    ],
    methods: ['retention'],
    breaks: ['NoLoss'],
  },
  {
    name: 'states by timers only',
    patches: [
      patch(STREAMS, 'activeMs: call.now + call.transitionMs,', 'activeMs: Number.MAX_SAFE_INTEGER,'),
      patch(
        STREAMS,
        'for (const [index, { starting, ending }] of evenRanges(shardCount).entries()) {',
        `setTimeout(() => call.database.write(() => {
            const sql = 'update streams set active_ms = ? where id = ?';
            call.database.run({ sql, parameters: ['now', 'id'] }, { now: call.now, id });
            forgetStream(name, call);
        }), call.transitionMs);
        for (const [index, { starting, ending }] of evenRanges(shardCount).entries()) {`,
      ),
    ],
    methods: ['kill'],
    breaks: ['NoStuckState'],
  },
  {
    name: 'events before COMMIT',
    patches: [
      lateCommit(''),
      patch(
        RECORD_LOG,
        'appended.set(database, shards);',
        'appended.set(database, { add: (shard) => setImmediate(() => listener(new Set([shard]))) });',
      ),
    ],
    methods: ['subscribers'],
    breaks: ['NoResurrection', 'NoLoss'],
  },
  {
    name: 'continues at the last record',
    patches: [
      patch(
        'src/kinesis/subscriptions/shard-event.js',
        '(last?.sequenceNumber ?? newestNumber(shard, database))',
        '(records.at(-2)?.sequenceNumber ?? last?.sequenceNumber ?? newestNumber(shard, database))',
      ),
    ],
    methods: ['subscribers'],
    breaks: ['NoDuplicate'],
  },
  {
    name: 'writes policies after the answer',
    patches: [
      patch(
        'src/kinesis/resource-policies.js',
        'setPolicy(resource.arn, Policy, call.now, call.database);',
        `setTimeout(() => {
            call.database.write(() => setPolicy(resource.arn, Policy, call.now, call.database));
        }, 50);`,
      ),
    ],
    methods: ['kill'],
    breaks: ['NoLoss', 'NoResurrection'],
  },
  {
    name: 'busy_timeout 5000',
    patches: [
      patch(CONNECTION, "['busy_timeout', 0, 0]", "['busy_timeout', 5000, 5000]"),
      patch(HANDLE, 'timeout: 0,', 'timeout: 5000,'),
    ],
    methods: ['inspectors'],
    breaks: ['NothingBlocks'],
  },
  {
    name: 'readFileSync of the database',
    patches: [
      patch(
        DATABASE,
        "import { join } from 'node:path';",
        "import { readFileSync } from 'node:fs';\nimport { join } from 'node:path';",
      ),
      patch(
        DATABASE,
        'this.#files.assertUnchanged();',
        `readFileSync(this.#handle.name);
            this.#files.assertUnchanged();`,
      ),
    ],
    methods: ['inspectors'],
    breaks: ['SurvivesInspectors'],
  },
];
