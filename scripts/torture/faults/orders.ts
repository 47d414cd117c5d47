/** Where the order for a server's failpoints lies, and what became of it. */
import { existsSync, rmSync } from 'node:fs';
import { carriedOut } from '../failpoint.ts';
import type { World } from '../world.ts';

/** Outside of the data directory. */
export const orderIn = ({ historyPath }: World): string => `${historyPath}.order`;

export const isCarriedOut = (order: string): boolean => existsSync(carriedOut(order));

/** No order is open any more. */
export function withdraw(order: string): void {
  rmSync(order, { force: true });
  rmSync(carriedOut(order), { force: true });
}
