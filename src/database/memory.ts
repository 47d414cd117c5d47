/**
 * Memory of rows: what is derived from rows and read on every request may be kept, under one rule. It is forgotten by
 * whoever changes those rows, and by any undo, because an undone body may have filled it with what never was.
 */
import type { Database } from './database.ts';

export interface Memory<T> {
  /** The remembered value of `database`, made anew when it was forgotten. */
  of(database: Database): T;
}

export function memory<T>(make: (database: Database) => T): Memory<T> {
  const values = new WeakMap<Database, { value: T | undefined }>();
  const slotOf = (database: Database) => {
    let slot = values.get(database);
    if (slot === undefined) {
      const made: { value: T | undefined } = { value: undefined };
      values.set(database, made);
      database.onUndo(() => {
        made.value = undefined;
      });
      slot = made;
    }
    return slot;
  };
  return {
    of(database) {
      const slot = slotOf(database);
      slot.value ??= make(database);
      return slot.value;
    },
  };
}
