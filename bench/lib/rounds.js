/** Interleaved rounds: every contestant once in each, in random order, so that a drift affects all of them. */

export const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

const shuffled = (items) => {
  const order = [...items]
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(Math.random() * (i + 1))
    ;[order[i], order[j]] = [order[j], order[i]]
  }
  return order
}

/** The results of `measure` for each worker's name, round by round. */
export const rounds = async (times, workers, measure) => {
  const samples = Object.fromEntries(workers.map(({ name }) => [name, []]))
  for (let round = 0; round < times; round++) {
    for (const worker of shuffled(workers)) samples[worker.name].push(await measure(worker, round))
  }
  return samples
}

/** The median of the ratios within one round, and the range of the middle half of them. */
export const ratio = (samples, reference) => {
  const ratios = samples.map((sample, i) => sample / reference[i]).sort((a, b) => a - b)
  const quarter = Math.floor(ratios.length / 4)
  return { median: median(ratios), low: ratios[quarter], high: ratios[ratios.length - 1 - quarter] }
}
