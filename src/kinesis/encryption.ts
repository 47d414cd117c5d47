/**
 * StartStreamEncryption, StopStreamEncryption. Which key was asked for is kept, told and counted, and records say whether
 * they arrived while there was one. The data in the local database is not encrypted by it, for there is no key service to
 * ask; so a key that is named well exists, is enabled and may be used.
 */
import type { Call } from '../call.ts';
import { type Bind, query } from '../database/query.ts';
import { operation } from '../protocol/operation.ts';
import { type Decoded, oneOf, required, string, structure } from '../protocol/shape.ts';
import { invalidArgument, KMS_ERRORS } from './errors.ts';
import { streamReference } from './shapes.ts';
import { assertDailyQuota, recordChange } from './stream-changes.ts';
import { horizonOf, keyIdAt, requireStream, type Stream } from './stream-store.ts';
import { assertActive, beginUpdate } from './updates.ts';

const input = structure({
  EncryptionType: required(oneOf('NONE', 'KMS')),
  KeyId: required(string({ min: 1, max: 2048 })),
  ...streamReference,
});

const STOP_ERRORS = [
  'InvalidArgumentException',
  'LimitExceededException',
  'ResourceInUseException',
  'ResourceNotFoundException',
  'AccessDeniedException',
] as const;

/** Another key takes the place of the first. With the key that is in force already nothing changes or is counted. */
export const StartStreamEncryption = operation({
  access: 'write',
  input,
  errors: [...STOP_ERRORS, ...KMS_ERRORS],
  run(request, call) {
    const stream = requireEncryptable('StartStreamEncryption', request, call);
    if (keyIdAt(stream, call.now) === request.KeyId) return;
    assertDailyQuota('START_ENCRYPTION', 'encryptionChangesPerDay', stream, call);
    change(request.KeyId, stream, call);
    recordChange('START_ENCRYPTION', stream, call);
  },
});

/**
 * The key of the request need not be the one in force, because a key has several names. For a stream that is not encrypted
 * nothing changes or is counted.
 */
export const StopStreamEncryption = operation({
  access: 'write',
  input,
  errors: STOP_ERRORS,
  run(request, call) {
    const stream = requireEncryptable('StopStreamEncryption', request, call);
    if (keyIdAt(stream, call.now) === undefined) return;
    assertDailyQuota('STOP_ENCRYPTION', 'encryptionChangesPerDay', stream, call);
    change(null, stream, call);
    recordChange('STOP_ENCRYPTION', stream, call);
  },
});

const UUID = '[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}';
/** The second form is that of keys that several regions share. */
const KEY = `(${UUID}|mrk-[0-9a-fA-F]{32})`;
const ALIAS = 'alias/[a-zA-Z0-9/_-]{1,250}';
const KEY_ID = new RegExp(`^(${KEY}|${ALIAS}|arn:aws[a-z-]*:kms:[a-z0-9-]+:\\d{12}:(key/${KEY}|${ALIAS}))$`);

function requireEncryptable(operationName: string, request: Decoded<typeof input>, call: Call): Stream {
  const { EncryptionType, KeyId, ...reference } = request;
  const stream = requireStream(reference, call);
  if (EncryptionType !== 'KMS') {
    throw invalidArgument(`EncryptionType ${EncryptionType} cannot be used in ${operationName}, which takes KMS only.`);
  }
  if (!KEY_ID.test(KeyId)) {
    throw invalidArgument(
      `KeyId ${KeyId} does not name a key. It must be the UUID of a key, the ARN of a key, alias/ and a name (such as ` +
        'alias/aws/kinesis), or the ARN of an alias.',
    );
  }
  assertActive(stream, call);
  return stream;
}

interface Change {
  readonly stream: number;
  readonly fromMs: number;
}

const insertKey = query((bind: Bind<Change & { keyId: string | null }>, db) =>
  db.insertInto('stream_encryption').values({
    stream: bind('stream'),
    from_ms: bind('fromMs'),
    key_id: bind('keyId'),
  }),
);

/** Rows of a time to come, which a clock that was ahead has left: they must not undo this change when it is reached. */
const deleteLater = query((bind: Bind<Change>, db) =>
  db.deleteFrom('stream_encryption').where('stream', '=', bind('stream')).where('from_ms', '>=', bind('fromMs')),
);

/** Rows that no record needs which is still there: all up to the horizon but the newest of them. */
const deleteExpired = query((bind: Bind<{ stream: number; horizonMs: number }>, db) =>
  db
    .deleteFrom('stream_encryption')
    .where('stream', '=', bind('stream'))
    .where('from_ms', '<', ({ selectFrom }) =>
      selectFrom('stream_encryption as former')
        .select(({ fn }) => fn.max('former.from_ms').as('from_ms'))
        .where('former.stream', '=', bind('stream'))
        .where('former.from_ms', '<=', bind('horizonMs')),
    ),
);

/** The new key is in force when the stream is ACTIVE again. Records keep what they arrived with. */
function change(keyId: string | null, stream: Stream, call: Call): void {
  const { database, now } = call;
  const fromMs = beginUpdate(stream, call);
  database.run(deleteLater, { stream: stream.id, fromMs });
  database.run(insertKey, { stream: stream.id, fromMs, keyId });
  database.run(deleteExpired, { stream: stream.id, horizonMs: horizonOf(stream, now) });
}
