/** The metrics of a server: its round trips, whether it is connected, whether its circuit is open. */
import * as MetricLabel from "effect/MetricLabel"
import type { RedisError } from "../../../CacheError.js"
import * as CacheMetrics from "../../../CacheMetrics.js"
import { purposeOf } from "../../driver/purpose.js"
import type { Call } from "../batch/calls.js"
import type { Place } from "../port.js"
import { nameOf } from "../resp/words.js"
import type { Log } from "./log.js"

type Labels = ReadonlyArray<MetricLabel.MetricLabel>

const labelsOf = ({ address, database, port }: Place): Labels => [
  MetricLabel.make("db.system.name", "redis"),
  MetricLabel.make("db.namespace", String(database)),
  ...(address === undefined ? [] : [MetricLabel.make("server.address", address)]),
  ...(port === undefined ? [] : [MetricLabel.make("server.port", String(port))])
]

/** The commands of one kind, as text: which one, or which script. */
export const summaryOf = ({ command, script }: Pick<Call, "command" | "script">): string =>
  script === undefined ? nameOf(command).toUpperCase() : `EVALSHA ${script.name}`

/** A state that is on or off, counted together with the others of this process. */
class Level {
  private counted: Labels | undefined

  constructor(private readonly metric: typeof CacheMetrics.circuitsOpen) {}

  /** Returns whether the state changed. */
  set(isOn: boolean, labels: () => Labels): boolean {
    if (isOn === (this.counted !== undefined)) return false
    // It is subtracted with the labels with which it was counted, wherever the connection leads by now.
    this.counted ??= labels()
    this.metric.unsafeUpdate(isOn ? 1 : -1, this.counted)
    if (!isOn) this.counted = undefined
    return true
  }
}

/** The figures of a connection. Labels are made when needed; metrics find their counters by labels' identity. */
export class ServerFigures {
  private readonly away = new Level(CacheMetrics.connectionsDown)
  private readonly open = new Level(CacheMetrics.circuitsOpen)
  /** The server of the latest connection, and the labels of round trips to it, by operation, command and failure. */
  private server: Labels | undefined
  private readonly roundTrips = new Map<string, Map<string, Map<RedisError["reason"] | undefined, Labels>>>()

  constructor(private readonly place: () => Place, private readonly log: Log) {}

  /** Sets whether the connection is down although it is wanted. */
  down(isDown: boolean): void {
    this.away.set(isDown, this.labels)
    // Behind sentinels, the next connection may lead to another server.
    if (isDown) this.forget()
  }

  /** Sets whether the circuit is open, so that operations fail at once. */
  readonly circuit = (isOpen: boolean): void => {
    if (!this.open.set(isOpen, this.labels)) return
    const { server } = this.log
    if (isOpen) {
      this.log.warn(`The circuit of ${server()} is open: most operations failed, so new ones fail without being sent`)
    } else this.log.info(`The circuit of ${server()} is closed again: operations are sent`)
  }

  /** A round trip with this command took so many ms. */
  roundTrip(call: Pick<Call, "command" | "operation" | "script">, millis: number, failed?: RedisError["reason"]): void {
    CacheMetrics.operationDuration.unsafeUpdate(millis / 1_000, this.labelsOf(call, failed))
  }

  /** The layer closes. */
  close(): void {
    this.down(false)
    this.open.set(false, this.labels)
  }

  private readonly labels = (): Labels => this.server ??= labelsOf(this.place())

  private forget(): void {
    this.server = undefined
    this.roundTrips.clear()
  }

  private labelsOf(
    call: Pick<Call, "command" | "operation" | "script">,
    failed: RedisError["reason"] | undefined
  ): Labels {
    const command = call.script?.name ?? nameOf(call.command)
    // No closures here: every hit runs this.
    const known = this.roundTrips.get(call.operation)?.get(command)?.get(failed)
    return known ?? this.makeLabels(call, command, failed)
  }

  private makeLabels(
    call: Pick<Call, "command" | "operation" | "script">,
    command: string,
    failed: RedisError["reason"] | undefined
  ): Labels {
    const commands = this.roundTrips.get(call.operation) ?? new Map<string, Map<typeof failed, Labels>>()
    const ends = commands.get(command) ?? new Map<typeof failed, Labels>()
    const labels = [
      ...this.labels(),
      MetricLabel.make("db.operation.name", purposeOf(call.operation)),
      MetricLabel.make("db.query.summary", summaryOf(call)),
      ...(failed === undefined ? [] : [MetricLabel.make("error.type", failed)])
    ]
    this.roundTrips.set(call.operation, commands.set(command, ends.set(failed, labels)))
    return labels
  }
}
