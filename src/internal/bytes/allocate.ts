/**
 * Bytes to be filled at once. Node cuts small Buffers from a pool, at a fraction of what an array of its own costs; what
 * is kept for long must be copied, or it keeps its whole slab.
 */
export const allocate = (size: number): Uint8Array =>
  // The types of Node promise a Buffer everywhere; other runtimes have none.
  typeof Buffer === "undefined" ? new Uint8Array(size) : Buffer.allocUnsafe(size)
