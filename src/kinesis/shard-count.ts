/** UpdateShardCount. */
export {};
