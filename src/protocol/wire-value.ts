/** What operations answer: ordinary objects, which the codec of the request writes in its own forms. */

/** Buffers are blobs, Dates are timestamps. Members that are undefined are left out, as AWS leaves out what is not set. */
export type WireValue = string | number | boolean | undefined | Buffer | Date | readonly WireValue[] | WireStructure;

export type WireStructure = { readonly [name: string]: WireValue };
