/** Paths of our own begin with this. */
export const CONTROL_PATH = '/_millrace/';
