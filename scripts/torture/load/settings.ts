/** Clients that change how streams are kept: retention, encryption, policies; and who is registered to read them. */
import { ABSENT } from '../history.ts';
import { ACCOUNT, consumerCell, consumerName, SET_STREAMS, settingCell, streamArn } from '../layout.ts';
import { change, stateOf } from './control.ts';
import type { Session } from './session.ts';

/** There is one such client, so the settings of all streams are its own. */
export async function changeSetting(session: Session): Promise<void> {
  const { random } = session;
  const name = random.pick(SET_STREAMS);
  const act = random.pick([changeRetention, changeEncryption, changePolicy]);
  await act(session, name);
  await session.pause(random.integer(BETWEEN_MS.min, BETWEEN_MS.max));
}

const BETWEEN_MS = { min: 2, max: 40 };

/** Longer than records of a run are old. */
const HOURS = { min: 24, max: 72 };

async function changeRetention(session: Session, StreamName: string): Promise<void> {
  const cell = settingCell('retention', StreamName);
  const state = stateOf(cell, session);
  if (state === undefined) return;
  const hours = session.random.integer(HOURS.min, HOURS.max);
  const isMore = hours >= (state === ABSENT ? HOURS.min : Number(state));
  const operation = isMore ? 'IncreaseStreamRetentionPeriod' : 'DecreaseStreamRetentionPeriod';
  const to = hours === HOURS.min ? ABSENT : String(hours);
  await change(session, cell, to, operation, { StreamName, RetentionPeriodHours: hours });
}

const STOP_CHANCE = 0.4;

async function changeEncryption(session: Session, StreamName: string): Promise<void> {
  const cell = settingCell('encryption', StreamName);
  const state = stateOf(cell, session);
  if (state === undefined) return;
  const input = { StreamName, EncryptionType: 'KMS' };
  if (state !== ABSENT && session.random.chance(STOP_CHANCE)) {
    await change(session, cell, ABSENT, 'StopStreamEncryption', { ...input, KeyId: state });
  } else {
    const KeyId = `alias/${randomName(session)}`;
    await change(session, cell, KeyId, 'StartStreamEncryption', { ...input, KeyId });
  }
}

const REMOVE_CHANCE = 0.3;

async function changePolicy(session: Session, name: string): Promise<void> {
  const cell = settingCell('policy', name);
  const state = stateOf(cell, session);
  if (state === undefined) return;
  const ResourceARN = streamArn(name);
  if (state !== ABSENT && session.random.chance(REMOVE_CHANCE)) {
    await change(session, cell, ABSENT, 'DeleteResourcePolicy', { ResourceARN });
  } else {
    const Policy = policyOf(randomName(session), ResourceARN);
    await change(session, cell, Policy, 'PutResourcePolicy', { ResourceARN, Policy });
  }
}

const randomName = ({ random }: Session): string => `v${random.integer(0, 2 ** 40).toString(36)}`;

const policyOf = (Sid: string, Resource: string): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Sid, Effect: 'Allow', Principal: { AWS: `arn:aws:iam::${ACCOUNT}:root` }, Action: 'kinesis:*', Resource },
    ],
  });

/** What the cell of a consumer is that is registered. */
export const REGISTERED = 'registered';

const DEREGISTER_CHANCE = 0.4;

/** Registers a consumer of its own, or takes it away. */
export async function changeConsumer(session: Session): Promise<void> {
  const { random, slot } = session;
  const stream = random.pick(SET_STREAMS);
  const reference = { StreamARN: streamArn(stream), ConsumerName: consumerName(slot) };
  const cell = consumerCell(stream, reference.ConsumerName);
  const state = stateOf(cell, session);
  if (state === undefined) return session.pause(5);
  if (state === ABSENT) await change(session, cell, REGISTERED, 'RegisterStreamConsumer', reference);
  else if (random.chance(DEREGISTER_CHANCE)) await change(session, cell, ABSENT, 'DeregisterStreamConsumer', reference);
  // The former one is still being deleted, or it is to be there for a while.
  await session.pause(random.integer(BETWEEN_MS.min, BETWEEN_MS.max));
}
