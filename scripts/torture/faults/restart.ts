/** The next server on a world's data. */
import type { Context, Violation } from '../scenario.ts';
import { type Launch, NotReady, type Server } from '../server.ts';
import type { World } from '../world.ts';
import { attempt } from './attempt.ts';

/** Nothing that a server does before it is ready takes this long. */
const READY_LIMIT_MS = 60_000;

/**
 * Starts a server on the data of `world`.
 * @throws NotReady when it refuses to start; Error when it is not ready in time
 */
export async function startOn(
  { dataDir }: Pick<World, 'dataDir'>,
  { build, cleanup }: Context,
  extra: Partial<Launch> = {},
): Promise<Server> {
  const result = await attempt({ build, dataDir, ...extra }, cleanup, READY_LIMIT_MS);
  if (result.kind === 'ready') return result.server;
  if (result.kind === 'ended') throw new NotReady(result.exit, result.stderr);
  throw new Error(`The server was not ready after ${READY_LIMIT_MS} ms.`);
}

/**
 * What is missing or wrong when a server runs without any fault again. It is killed then, or stopped in order after
 * everything was read.
 */
export async function restartAndCheck(world: World, context: Context, extent: 'since' | 'all'): Promise<Violation[]> {
  let server: Server;
  try {
    server = await startOn(world, context);
  } catch (error) {
    return [restartViolation(error as Error)];
  }
  await world.prepare(server);
  const violations = await world.check(server, extent);
  await server.end(extent === 'all' ? 'SIGTERM' : 'SIGKILL');
  return violations;
}

/** A start that did not come about although nothing is wrong with the data. */
export const restartViolation = ({ message }: Error): Violation => ({ guarantee: 'Restart', message });
