interface Group {
  readonly text: string
  readonly items: Array<{ readonly text: string; readonly link: string }>
}

const group = (text: string, folder: string, titles: Readonly<Record<string, string>>): Group => ({
  text,
  items: Object.entries(titles).map(([file, title]) => ({ text: title, link: `${folder}/${file}` }))
})

/** Every page, in the order in which you would read them. A test compares this list with the files. */
export const pages: Array<Group> = [
  group("Start", "", { "getting-started": "Getting started" }),
  group("Guides", "/guides", {
    keys: "Keys and closures",
    values: "Values and codecs",
    memo: "Memoized functions",
    freshness: "TTLs and stale data",
    stampedes: "Stampedes",
    invalidation: "Invalidation by key and by tag",
    updates: "Update a database and its cache",
    timeouts: "Timeouts",
    failures: "Failures and negative caching",
    batches: "Big batches",
    near: "Near copies",
    modes: "Another mode for one region",
    changes: "Hearing of changes",
    effect: "Beside Effect",
    recipes: "Recipes"
  }),
  group("Operations", "/operations", {
    testing: "Testing",
    outages: "Outages",
    observability: "Observability",
    operations: "Running it",
    "command-line": "Command line",
    inspector: "The page",
    cluster: "Cluster, Sentinel, TLS",
    security: "Security",
    serverless: "Serverless",
    releases: "Rolling out a change"
  }),
  group("Coming from", "/coming-from", {
    walrus: "walrus",
    bentocache: "bentocache",
    "effect-cache": "Effect's Cache"
  }),
  group("Reference", "/reference", {
    options: "Options and operations",
    errors: "Errors",
    compatibility: "Compatibility",
    comparison: "Comparison",
    speed: "Speed"
  }),
  group("How it works", "/internals", {
    promises: "Promises and limits",
    architecture: "Architecture",
    "entry-format": "Entry format",
    "structural-format": "Structural format"
  })
]
