#!/usr/bin/env node
/** `effect-redis-cache`. */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { main } from "./main.js"
import { Screen, withColour, withoutColour } from "./text/style.js"

const isTerminal = process.stdout.isTTY === true && process.stdin.isTTY === true

const isColourful = (process.env.NO_COLOR ?? "") === "" &&
  (process.stdout.isTTY === true || (process.env.FORCE_COLOR ?? "") !== "")

const ScreenLive = Layer.succeed(Screen, {
  style: isColourful ? withColour : withoutColour,
  isTerminal,
  columns: process.stdout.columns ?? 100
})

main(process.argv.slice(2)).pipe(
  Effect.tap((code) =>
    Effect.sync(() => {
      process.exitCode = code
    })
  ),
  Effect.provide(Layer.merge(NodeContext.layer, ScreenLive)),
  NodeRuntime.runMain
)
