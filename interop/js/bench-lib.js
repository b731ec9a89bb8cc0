// What the measurements share: time, and blocks that know when they were made.

exports.delay = ms => new Promise(resolve => setTimeout(resolve, ms))

/** Times `work`, in seconds; what else there is to say is asked for afterwards. */
exports.timed = async (work, figures = () => ({})) => {
  const began = process.hrtime.bigint()
  await work()
  const seconds = Number(process.hrtime.bigint() - began) / 1e9
  return { seconds, rss_bytes: null, figures: figures() }
}

/** The median and the worst but one in a hundred, of microseconds. */
exports.percentiles = delays => {
  delays.sort((a, b) => a - b)
  const at = part => delays[Math.floor((delays.length - 1) * part)]
  return { p50_us: at(0.5), p99_us: at(0.99) }
}

/** A block with the time in it. */
exports.stamped = bytes => {
  const block = Buffer.alloc(bytes, 0x41)
  block.writeBigUInt64LE(process.hrtime.bigint())
  return block
}
