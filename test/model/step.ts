/** A step of a sequence: what is done to the server and the model, which must agree afterwards. */
import type fc from 'fast-check';
import { compare } from './compare.ts';
import type { Model } from './model.ts';
import type { World } from './world.ts';

export type Step = fc.AsyncCommand<Model, World>;

/** `isPossible`: steps that lack what they are about are left out of a sequence. */
export const step = (
  title: string,
  act: (model: Model, world: World) => Promise<unknown>,
  isPossible: (model: Readonly<Model>) => boolean = () => true,
): Step => ({
  check: isPossible,
  async run(model, world) {
    world.story.push(title);
    await act(model, world);
    await compare(model, world.server);
  },
  toString: () => title,
});

/** What a step chooses among what is there when its turn comes. `choice` may be any number. */
export const pick = <T>(from: readonly T[], choice: number): T | undefined => from[choice % from.length];

export const text = (value: unknown): string =>
  JSON.stringify(value, (_key, part) => (typeof part === 'bigint' ? `${part}` : part));

/** A shard by its number, which may name none, or one of those that are listed: of all, of the open or closed ones. */
export type ShardChoice =
  | { readonly index: number }
  | { readonly of: 'all' | 'open' | 'closed'; readonly place: number };

export function indexOf(chosen: ShardChoice, name: string, model: Model): number {
  if ('index' in chosen) return chosen.index;
  const listed = model.find(name)?.listed() ?? [];
  const eligible = listed.filter(
    ({ closedMs }) => chosen.of === 'all' || (chosen.of === 'closed') === (closedMs !== undefined),
  );
  return pick(eligible, chosen.place)?.index ?? 0;
}
