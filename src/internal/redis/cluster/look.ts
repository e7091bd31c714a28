/** Asks a cluster for its state: which of its servers has which slots, and whether slots are moving. */
import { within } from "../clocks/within.js"
import type { Address, Line, Nodes } from "../port.js"
import { isNodes } from "../replies.js"
import { parseRanges, type Range } from "./slots.js"

/** How long one server may take to answer, in ms. */
const timeout = 500
/** How many servers are asked at once if there is no connection to any. */
const askedAtOnce = 5

export const nameOf = ({ host, port }: Address): string => `${host}:${port}`

/** A server that there is a connection to. */
export interface Connected {
  readonly address: Address
  readonly client: Line
}

/** Asks a master or, if none answers, the other known servers. */
export const rangesOf = async (
  nodes: Nodes,
  startNodes: ReadonlyArray<Address>,
  masters: ReadonlyArray<Connected>,
  known: ReadonlyArray<Address>
): Promise<ReadonlyArray<Range>> => {
  const ready = shuffled(masters.filter(({ client }) => client.status === "ready"))
  for (const { address, client } of ready.slice(0, 2)) {
    const ranges = await within(ask(client, address), timeout).catch(() => [])
    if (ranges.length > 0) return ranges
  }
  const others = [...startNodes, ...shuffled(known).slice(0, askedAtOnce)]
  return await Promise.any(others.map((address) => visit(nodes, address))).catch((error: AggregateError) => {
    const errors = error.errors as ReadonlyArray<Error> // what `Promise.any` rejects with
    // An error from a server says more than that another one did not answer.
    throw errors.find(isReply) ?? errors[0] ?? new Error("no nodes to connect to")
  })
}

const visit = async (nodes: Nodes, address: Address): Promise<ReadonlyArray<Range>> => {
  const client = nodes.visit(address)
  let failure: Error | undefined
  client.listen({
    onError: (error) => {
      failure = error
    }
  })
  try {
    const ranges = await ask(client, address)
    if (ranges.length === 0) throw new Error(`${nameOf(address)} has no slots: is it part of a cluster?`)
    return ranges
  } catch (error) {
    if (failure === undefined || isReply(error)) throw error
    // The client says that it is closed; the reason says more.
    throw failure
  } finally {
    client.disconnect()
  }
}

const ask = async (client: Line, address: Address): Promise<ReadonlyArray<Range>> =>
  parseRanges(await client.ask("CLUSTER", "SLOTS"), address)

const isReply = (error: unknown): boolean => error instanceof Error && error.name === "ReplyError"

/** Whether all of these say that they neither send nor receive slots. Each knows of its own. */
export const areAtRest = async (masters: ReadonlyArray<Connected>): Promise<boolean> => {
  const asked = masters.map(({ client }) => within(client.ask("CLUSTER", "NODES"), timeout))
  const nodes = await Promise.all(asked).catch(() => undefined)
  return nodes?.every(isAtRest) === true
}

/** Slots that move stand in brackets after a server's own that do not. */
const isAtRest = (nodes: unknown): boolean =>
  isNodes(nodes) && String(nodes).split("\n").some((line) => line.includes("myself") && !line.includes("["))

const shuffled = <A>(all: ReadonlyArray<A>): ReadonlyArray<A> =>
  all.map((one) => [Math.random(), one] as const).sort(([a], [b]) => a - b).map(([, one]) => one)
