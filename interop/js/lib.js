// What the JavaScript peers share: options, one JSON object a line on stdout, commands on stdin, blocks to send.

const { parseArgs } = require('node:util')
const readline = require('node:readline')
const pump = require('pump')
const RandomAccessMemory = require('random-access-memory')

/** The options of the command line: `names` maps each to a default, whose type says whether it takes a value. */
exports.options = names => {
  const options = {}
  for (const [name, value] of Object.entries(names)) options[name] = { type: typeof value === 'boolean' ? 'boolean' : 'string' }
  return { ...names, ...parseArgs({ options }).values }
}

/** Tells the test what happened. Buffers become hex, errors their message. */
exports.emit = (event, fields = {}) => {
  const plain = value => Buffer.isBuffer(value) ? value.toString('hex') : value instanceof Error ? value.message : value
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined).map(([name, value]) => [name, plain(value)])
  process.stdout.write(JSON.stringify({ event, ...Object.fromEntries(entries) }) + '\n')
}

/** Runs `table[word](rest)` for every line on stdin. The end of stdin is `quit`, so that no peer outlives its test. */
exports.commands = table => {
  const all = { quit: () => process.exit(), ...table }
  const lines = readline.createInterface({ input: process.stdin })
  lines.on('line', line => {
    const [, word, rest] = line.match(/^(\S*)\s*(.*)$/)
    if (all[word]) all[word](rest)
    else exports.emit('error', { error: `unknown command ${word}` })
  })
  lines.on('close', all.quit)
}

/** Block number `index` of every generated feed: a line of text whose size differs from block to block. */
exports.block = index => `row ${index} ${'x'.repeat(index % 23)}\n`

/** Blocks `start..end` of a generated feed. */
exports.blocks = (start, end) => Array.from({ length: end - start }, (_, i) => exports.block(start + i))

/** Reads `3,5-9` as indices; both ends of a range are included. */
exports.indices = text => text.split(',').filter(Boolean).flatMap(part => {
  const [first, last = first] = part.split('-').map(Number)
  return Array.from({ length: last - first + 1 }, (_, i) => first + i)
})

/** Storage in memory, for a hypercore or a market. */
exports.memory = () => {
  const files = new Map()
  return name => {
    if (!files.has(name)) files.set(name, new RandomAccessMemory())
    return files.get(name)
  }
}

/** Calls `object[method](...args, callback)` and promises what the callback gets. */
exports.call = (object, method, ...args) => new Promise((resolve, reject) => {
  object[method](...args, (error, value) => error ? reject(error) : resolve(value))
})

/** Connects two protocol streams of this process; returns what disconnects them. */
exports.link = (a, b) => {
  pump(a, b, a, () => {})
  return () => a.destroy()
}
