/** PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy. Policies are kept and shown; nothing is refused by them. */
import type { Call } from '../call.ts';
import { operation } from '../protocol/operation.ts';
import { required, string, structure } from '../protocol/shape.ts';
import { consumerStatusOf } from './consumer-store.ts';
import { consumerNotActiveForPolicy, invalidArgument, resourceNotFound } from './errors.ts';
import { policyOf, removePolicy, setPolicy } from './resource-belongings.ts';
import { type Resource, requireResource } from './resources.ts';
import { resourceArn, streamId } from './shapes.ts';
import { assertActiveOrUpdating } from './updates.ts';

const ERRORS = [
  'AccessDeniedException',
  'ResourceNotFoundException',
  'LimitExceededException',
  'InvalidArgumentException',
  'ResourceInUseException',
] as const;

export const PutResourcePolicy = operation({
  access: 'write',
  input: structure({ Policy: required(string()), ResourceARN: required(resourceArn), StreamId: streamId }),
  rate: 'streamSettingsCallsPerSecond',
  errors: ERRORS,
  run({ Policy, ResourceARN }, call) {
    const resource = requireResource(ResourceARN, call);
    assertConsumerActive(resource, call);
    // A policy that is put while the stream is being deleted would outlive it.
    assertActiveOrUpdating(resource.stream, call);
    assertPolicy(Policy);
    setPolicy(resource.arn, Policy, call.now, call.database);
  },
});

export const GetResourcePolicy = operation({
  access: 'read',
  input: structure({ ResourceARN: required(resourceArn), StreamId: streamId }),
  rate: 'streamSettingsCallsPerSecond',
  errors: ERRORS,
  run({ ResourceARN }, call) {
    const resource = requireResource(ResourceARN, call);
    assertConsumerActive(resource, call);
    return { Policy: policyOf(resource.arn, call.database) ?? '{}' };
  },
});

export const DeleteResourcePolicy = operation({
  access: 'write',
  input: structure({ ResourceARN: required(resourceArn), StreamId: streamId }),
  rate: 'streamSettingsCallsPerSecond',
  errors: ERRORS,
  run({ ResourceARN }, call) {
    const resource = requireResource(ResourceARN, call);
    assertConsumerActive(resource, call);
    if (policyOf(resource.arn, call.database) === undefined) {
      throw resourceNotFound(`No resource policy found for resource ARN ${ResourceARN}`);
    }
    removePolicy(resource.arn, call.database);
  },
});

/** @throws ApiError ResourceInUseException when a consumer is meant that is not ACTIVE */
function assertConsumerActive({ consumer, stream }: Resource, { now }: Call): void {
  if (consumer === undefined || consumerStatusOf(consumer, now) === 'ACTIVE') return;
  throw consumerNotActiveForPolicy(consumer, stream);
}

/** Characters. AWS's limit for policies of resources. */
const POLICY_MAX = 20_480;

/** @throws ApiError InvalidArgumentException unless the text is a policy as far as its structure goes */
function assertPolicy(text: string): void {
  const flaw = text.length > POLICY_MAX ? `is longer than ${POLICY_MAX} characters` : flawOf(parse(text));
  if (flaw !== undefined) throw invalidArgument(`The policy ${flaw}.`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** What is wrong with a parsed policy, as the end of a sentence; undefined when nothing is. */
function flawOf(policy: unknown): string | undefined {
  if (!isObject(policy)) return 'is not a JSON object';
  const statements = [policy.Statement].flat();
  if (policy.Statement === undefined || statements.length === 0) return 'has no Statement';
  return statements.map(flawOfStatement).find((flaw) => flaw !== undefined);
}

function flawOfStatement(statement: unknown, index: number): string | undefined {
  const which = `Statement ${index + 1}`;
  if (!isObject(statement)) return `has a ${which} that is not an object`;
  const { Effect, Principal, NotPrincipal, Action, NotAction } = statement;
  if (Effect !== 'Allow' && Effect !== 'Deny') return `has a ${which} whose Effect is neither Allow nor Deny`;
  if (Principal === undefined && NotPrincipal === undefined) return `has a ${which} without a Principal`;
  if (Action === undefined && NotAction === undefined) return `has a ${which} without an Action`;
  return undefined;
}
