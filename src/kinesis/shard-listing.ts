/** ListShards. */
export {};
