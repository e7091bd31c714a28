/** A process that runs one contestant: `node worker.js <contestant's module> <url of its database>`. */
const [module, url] = process.argv.slice(2)

const attempt = async (id, f) => {
  try {
    process.send({ id, result: await f() })
  } catch (error) {
    process.send({ id, error: error?.stack ?? String(error) })
  }
}

let contestant
await attempt(0, async () => {
  const { make, versions } = await import(module)
  contestant = await make(url)
  return versions
})

process.on("message", ({ args, id, method, workload }) =>
  attempt(id, async () => {
    const { worker } = await import(workload)
    return await worker[method](contestant, ...args)
  }))
process.on("disconnect", () => process.exit())
