/** SubscribeToShard. */
export {};
