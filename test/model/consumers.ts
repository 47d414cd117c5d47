/** Consumers of streams by the rules, and what is tied to the ARN of a stream or a consumer: tags and policies. */
import {
  addTags,
  assertActiveOrUpdating,
  assertTagCharacters,
  inUse,
  loseConsumer,
  type Model,
  missing,
  tooMuch,
} from './model.ts';
import type { ModelConsumer, ModelStream } from './stream.ts';

const CONSUMERS_MAX = 20;

/** What the server says of a new consumer. */
export interface Registration {
  readonly arn: string;
  /** Whole seconds. */
  readonly createdS: number;
}

/** Whether it may be registered; `register` does it. */
export function requireRegistrable(model: Model, name: string, consumer: string, tags: Tagging): ModelStream {
  const stream = model.require(name);
  assertActiveOrUpdating(stream);
  if (stream.registered().some((other) => other.name === consumer)) throw inUse('already exists');
  if (stream.registered().length >= CONSUMERS_MAX) throw tooMuch('limit on the number of consumers');
  assertTagCharacters(Object.entries(tags).flat());
  return stream;
}

export type Tagging = Readonly<Record<string, string>>;

/** @throws Error when the ARN is one that was given out before, or not that of such a consumer */
export function register(
  model: Model,
  stream: ModelStream,
  name: string,
  tags: Tagging,
  { arn, createdS }: Registration,
) {
  if (arn !== `${stream.arn}/consumer/${name}:${createdS}`) throw new Error(`${arn} is not an ARN of ${name}.`);
  if (createdS < Math.floor(model.now / 1000)) throw new Error(`${arn} is older than its consumer.`);
  if (stream.consumers.some((other) => other.arn === arn)) throw new Error(`${arn} was given out twice.`);
  const consumer: ModelConsumer = { name, arn, createdS, state: 'CREATING', tags: new Map(), policy: undefined };
  addTags(consumer.tags, tags);
  stream.consumers.push(consumer);
  model.afterTransition(() => {
    if (consumer.state === 'CREATING') consumer.state = 'ACTIVE';
  });
}

/** Whoever names a consumer by its ARN alone hears nothing of a missing stream. */
function requireConsumer(model: Model, { stream, consumer }: Required<Resource>, isByArn: boolean): ModelConsumer {
  const registered = (isByArn ? model.find(stream) : model.require(stream))?.registered() ?? [];
  const found = registered.find(({ name }) => name === consumer);
  if (found === undefined) throw missing(', account 000000000000 not found.');
  return found;
}

/** One that is being deleted already is gone at its own time. */
export function deregister(model: Model, resource: Resource, isByArn: boolean): void {
  const consumer = requireConsumer(model, resource, isByArn);
  if (consumer.state === 'DELETING') return;
  loseConsumer(consumer);
  model.afterTransition(() => {
    consumer.state = 'GONE';
  });
}

/** A stream, or one of its consumers, that a request names by its ARN. */
export interface Resource {
  readonly stream: string;
  readonly consumer: string | undefined;
}

/** What tags and policies are tied to. */
type Owner = ModelStream | ModelConsumer;

export function requireOwner(model: Model, resource: Resource): Owner {
  return resource.consumer === undefined ? model.require(resource.stream) : requireConsumer(model, resource, true);
}

const isStream = (owner: Owner): owner is ModelStream => 'shards' in owner;

function requireTaggable(model: Model, resource: Resource, texts: readonly string[]): Owner {
  const owner = requireOwner(model, resource);
  if (isStream(owner)) assertActiveOrUpdating(owner);
  else assertConsumerActive(owner);
  assertTagCharacters(texts);
  return owner;
}

function assertConsumerActive({ state }: ModelConsumer): void {
  if (state !== 'ACTIVE') throw inUse('is not in ACTIVE status');
}

export function tagResource(model: Model, resource: Resource, tags: Tagging): void {
  addTags(requireTaggable(model, resource, Object.entries(tags).flat()).tags, tags);
}

export function untagResource(model: Model, resource: Resource, keys: readonly string[]): void {
  const { tags } = requireTaggable(model, resource, keys);
  for (const key of keys) tags.delete(key);
}

/** Undefined: none. Streams show it in every state, consumers only in one. */
export const policyOf = (model: Model, resource: Resource): string | undefined =>
  requirePolicyOwner(model, resource).policy;

export function setPolicy(model: Model, resource: Resource, policy: string): void {
  const owner = requirePolicyOwner(model, resource);
  assertActiveOrUpdating(model.require(resource.stream));
  owner.policy = policy;
}

export function removePolicy(model: Model, resource: Resource): void {
  const owner = requirePolicyOwner(model, resource);
  if (owner.policy === undefined) throw missing('No resource policy found for resource ARN');
  owner.policy = undefined;
}

function requirePolicyOwner(model: Model, resource: Resource): Owner {
  const owner = requireOwner(model, resource);
  if (!isStream(owner)) assertConsumerActive(owner);
  return owner;
}
