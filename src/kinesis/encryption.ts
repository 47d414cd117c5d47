/** StartStreamEncryption, StopStreamEncryption. */
export {};
