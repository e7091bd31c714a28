/** Spans that a test can inspect. */
import { type Context, type Exit, type Option, Tracer } from "effect"

export class Span implements Tracer.Span {
  readonly _tag = "Span"
  readonly traceId = "trace"
  readonly sampled = true
  readonly attributes = new Map<string, unknown>()
  status: Tracer.SpanStatus
  links: Array<Tracer.SpanLink>

  constructor(
    readonly spanId: string,
    readonly name: string,
    readonly parent: Option.Option<Tracer.AnySpan>,
    readonly context: Context.Context<never>,
    links: ReadonlyArray<Tracer.SpanLink>,
    startTime: bigint,
    readonly kind: Tracer.SpanKind,
    private readonly onEnd: (span: Span) => void
  ) {
    this.links = [...links]
    this.status = { _tag: "Started", startTime }
  }

  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    this.status = { _tag: "Ended", startTime: this.status.startTime, endTime, exit }
    this.onEnd(this)
  }

  attribute(key: string, value: unknown): void {
    this.attributes.set(key, value)
  }

  event(): void {}

  addLinks(links: ReadonlyArray<Tracer.SpanLink>): void {
    this.links.push(...links)
  }
}

/** A tracer that records every span, and the ended ones in order. */
export const tracing = () => {
  const spans: Array<Span> = []
  const ended: Array<Span> = []
  const tracer = Tracer.make({
    span: (name, parent, context, links, startTime, kind) => {
      const span = new Span(
        String(spans.length),
        name,
        parent,
        context,
        links,
        startTime,
        kind,
        (each) => void ended.push(each)
      )
      spans.push(span)
      return span
    },
    context: (f) => f()
  })
  return { spans, ended, tracer }
}
