import { int16, int64, int8, struct } from '../schema/schema.ts'

/** Offsets that follow each other in one state, as share group state is sent and stored (KIP-932). */
export const stateBatch = struct({
  firstOffset: int64,
  lastOffset: int64,
  /** 0 available, 2 acknowledged, 4 archived. */
  deliveryState: int8,
  deliveryCount: int16,
})
