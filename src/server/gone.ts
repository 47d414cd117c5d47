/** Whether somebody still waits for an answer, and when that ends, on both protocols. */
import type { Socket } from 'node:net';
import type { HttpResponse } from './one-port.ts';

/** Whether nobody waits for `response` any more. One of HTTP/2 knows it only through its stream. */
export function isGone(response: HttpResponse): boolean {
  if ('stream' in response) return response.stream.destroyed;
  return response.destroyed || response.req.socket.destroyed;
}

/** Calls `action` once: when `response` has been sent whole, or when nobody waits for it any more. */
export function onGone(response: HttpResponse, action: () => void): void {
  if ('stream' in response) {
    response.stream.once('close', action);
    return;
  }
  const actions = actionsOf(response.req.socket);
  actions.add(action);
  response.once('close', () => {
    if (actions.delete(action)) action();
  });
}

/**
 * What is to be done when connections close. Node up to 22 says nothing about a response that waits behind others of its
 * connection (pipelining) when that closes.
 */
const actionsBySocket = new WeakMap<Socket, Set<() => void>>();

function actionsOf(socket: Socket): Set<() => void> {
  const known = actionsBySocket.get(socket);
  if (known !== undefined) return known;
  const actions = new Set<() => void>();
  actionsBySocket.set(socket, actions);
  socket.once('close', () => {
    for (const action of actions) action();
    actions.clear();
  });
  return actions;
}
