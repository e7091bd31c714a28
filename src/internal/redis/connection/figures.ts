/** What is told of a server in metrics: its round trips, whether it is connected to, whether its circuit is open. */
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

/** Something that is there or not, counted among the others of this process. */
class Level {
  private counted: Labels | undefined

  constructor(private readonly metric: typeof CacheMetrics.circuitsOpen) {}

  /** Whether that is news. */
  set(isOn: boolean, labels: () => Labels): boolean {
    if (isOn === (this.counted !== undefined)) return false
    // Where it was counted it is taken off, wherever the connection leads to by then.
    this.counted ??= labels()
    this.metric.unsafeUpdate(isOn ? 1 : -1, this.counted)
    if (!isOn) this.counted = undefined
    return true
  }
}

/** Of one connection. Labels are made when first needed; metrics remember by their identity where to count. */
export class ServerFigures {
  private readonly away = new Level(CacheMetrics.connectionsDown)
  private readonly open = new Level(CacheMetrics.circuitsOpen)
  /** Where it led to when it was last made, and the labels of round trips there, by operation, command and failure. */
  private server: Labels | undefined
  private readonly roundTrips = new Map<string, Map<string, Map<RedisError["reason"] | undefined, Labels>>>()

  constructor(private readonly place: () => Place, private readonly log: Log) {}

  /** Whether the connection is wanted and not there. */
  down(isDown: boolean): void {
    this.away.set(isDown, this.labels)
    // Behind sentinels the next one may lead elsewhere.
    if (isDown) this.forget()
  }

  /** Whether what is asked of the server fails at once. */
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
    // No closures here: every hit comes by.
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
