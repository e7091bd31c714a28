import effect from "@effect/eslint-plugin"
import tseslint from "typescript-eslint"

const asAny = {
  selector: "TSAsExpression > TSAnyKeyword",
  message: "A cast names the type that it means."
}

/**
 * The rooms of `src/internal`, from the ground up: each may import from those before it. `docs/internals/architecture.md` has the
 * picture.
 */
const rooms = [
  "bytes",
  "codec",
  "key",
  "definition",
  "entry",
  "driver",
  "redis",
  "changes",
  "near",
  "inFlight",
  "cache",
  "read",
  "load",
  "ops",
  "fleet",
  "memo"
]

const paths = [
  { name: "effect", message: "Import the module: import * as Effect from \"effect/Effect\"." },
  { name: "@effect/platform", message: "Import the module: \"@effect/platform/KeyValueStore\"." },
  { name: "ioredis", message: "Only the ioredis driver imports it (types: RedisLayer too)." }
]

const roomRules = rooms.map((room, at) => {
  // What talks to Redis is loaded by the layers alone, where it is needed.
  const above = [...rooms.slice(at + 1), "inspector", "platform", ...(room === "redis" ? [] : ["redis"])]
  return {
    files: [`src/internal/${room}/**/*.ts`],
    rules: {
      "@typescript-eslint/no-restricted-imports": ["error", {
        paths,
        patterns: [
          {
            regex: `^(\\.\\./)+(${above.join("|")})/`,
            caseSensitive: true,
            message: `The room "${room}" is below that one: docs/internals/architecture.md has the order.`
          },
          {
            regex: "^(\\.\\./)+(Cache|Codec|Fleet|Memo|Pending|RedisLayer|index)\\.js$",
            caseSensitive: true,
            message: "The inside does not know its front doors."
          }
        ]
      }]
    }
  }
})

const clock = "Read Effect's Clock, so that TestClock governs it."
const random = "Use Effect's Random, so that tests can seed it."
const timers = "Use Effect.sleep or a Schedule, so that interruption and TestClock govern it."

export default tseslint.config(
  {
    ignores: ["**/dist/", "coverage/", ".tmp/", "docs/.vitepress/cache/", "docs/.vitepress/dist/", "**/node_modules/"]
  },
  tseslint.configs.base,
  ...effect.configs.dprint,
  {
    files: ["**/*.{js,ts}"],
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@effect/dprint": ["error", {
        config: {
          indentWidth: 2,
          lineWidth: 120,
          semiColons: "asi",
          quoteStyle: "alwaysDouble",
          trailingCommas: "never",
          operatorPosition: "maintain",
          "arrowFunction.useParentheses": "force"
        }
      }],
      "eqeqeq": "error",
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": ["error", { destructuring: "all" }],
      "@typescript-eslint/array-type": ["error", { default: "generic" }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-import-type-side-effects": "error",
      "@typescript-eslint/no-unused-vars": ["error", { argsIgnorePattern: "^_", varsIgnorePattern: "^_" }],
      "@typescript-eslint/no-useless-empty-export": "error",
      "@typescript-eslint/prefer-as-const": "error",
      "no-restricted-syntax": ["error", asAny]
    }
  },
  {
    // With types: promises that nobody waits for, and casts that change nothing.
    files: ["src/**/*.ts", "cli/src/**/*.ts", "test/**/*.ts", "scripts/**/*.ts", "examples/**/*.ts"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/await-thenable": "error",
      "@typescript-eslint/no-floating-promises": "error",
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { arguments: false } }],
      "@typescript-eslint/no-unnecessary-type-assertion": "error",
      "@typescript-eslint/only-throw-error": "error",
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }]
    }
  },
  {
    files: ["src/**/*.ts"],
    rules: {
      "no-console": "error",
      "no-restricted-syntax": ["error", asAny, {
        selector: "CallExpression[callee.property.name='push'] > SpreadElement.arguments",
        message: "A long array overflows the stack."
      }],
      "@typescript-eslint/no-restricted-imports": ["error", { paths }]
    }
  },
  ...roomRules,
  {
    files: ["src/RedisLayer.ts"],
    rules: {
      "@typescript-eslint/no-restricted-imports": ["error", {
        paths: [
          { name: "effect", message: "Import the module: import * as Effect from \"effect/Effect\"." },
          { name: "ioredis", message: "Only the ioredis driver imports it.", allowTypeImports: true }
        ]
      }]
    }
  },
  {
    files: ["src/internal/redis/ioredis/**/*.ts"],
    rules: { "@typescript-eslint/no-restricted-imports": ["error", { paths: ["effect", "@effect/platform"] }] }
  },
  {
    // The driver on a real Redis knows its client by `port.ts` alone.
    files: ["src/internal/redis/**/*.ts"],
    ignores: ["src/internal/redis/ioredis/**"],
    rules: {
      "no-restricted-imports": ["error", {
        paths: [{ name: "ioredis", message: "Say in port.ts what is needed of a client." }],
        patterns: [{ group: ["**/ioredis/*"], message: "Say in port.ts what is needed of a client." }]
      }]
    }
  },
  {
    files: ["src/**/*.ts"],
    ignores: ["src/internal/redis/**"],
    rules: {
      "no-restricted-properties": [
        "error",
        { object: "Date", property: "now", message: clock },
        { object: "performance", property: "now", message: clock },
        { object: "Math", property: "random", message: random }
      ],
      "no-restricted-globals": [
        "error",
        { name: "setTimeout", message: timers },
        { name: "setInterval", message: timers },
        { name: "setImmediate", message: timers }
      ]
    }
  }
)
