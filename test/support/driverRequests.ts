/** Requests that tests send directly to a driver, as another process's load would. */
import type { FillRequest, LeaseRequest } from "../../src/internal/driver/driver.js"

/** As long as leases may last by default. */
const leaseLife = 120_000

export const leaseRequest = (request: Partial<LeaseRequest> & Pick<LeaseRequest, "key" | "token">): LeaseRequest => ({
  seen: undefined,
  duration: 60_000,
  life: leaseLife,
  force: false,
  yields: false,
  ...request
})

export const fillRequest = (request: Partial<FillRequest> & Pick<FillRequest, "key" | "token">): FillRequest => ({
  bytes: undefined,
  life: undefined,
  replaces: undefined,
  leaseLife,
  ...request
})
