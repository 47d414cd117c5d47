/** PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy. */
export {};
