// npm hypercore 9 in the workloads of `dazaar bench --vs-js`: takes a job as JSON, prints how long it took.
//
// What counts as done is what counts for our own program: an append when its callback is called, a replicated block
// when it was verified and stored. Seller and buyer are two processes.

const { fork } = require('node:child_process')
const net = require('node:net')
const path = require('node:path')
const hypercore = require('hypercore')
const { call } = require('./lib')

const READ_BLOCKS = 1000
const STRIDE = 2654435761n

async function open (dir, ...options) {
  const feed = hypercore(dir, ...options)
  await call(feed, 'ready')
  return feed
}

/** Times `work`, in seconds. */
async function timed (work) {
  const began = process.hrtime.bigint()
  await work()
  return { seconds: Number(process.hrtime.bigint() - began) / 1e9, rss_bytes: null }
}

async function append ({ dir, blocks, batch, block_bytes: bytes }) {
  const feed = await open(path.join(dir, 'feed'))
  const block = Buffer.alloc(bytes, 0x41)
  return timed(async () => {
    for (let first = 0; first < blocks; first += batch) {
      const count = Math.min(batch, blocks - first)
      await call(feed, 'append', count === 1 ? block : Array(count).fill(block))
    }
  })
}

async function openFeed ({ feed: dir }) {
  const sample = await timed(() => open(dir))
  return { ...sample, rss_bytes: process.memoryUsage().rss }
}

async function getRandom ({ feed: dir, blocks }) {
  const feed = await open(dir)
  const order = Array.from({ length: blocks }, (_, nth) => Number(BigInt(nth) * STRIDE % BigInt(feed.length)))
  return timed(async () => {
    for (const index of order) await call(feed, 'get', index)
  })
}

async function readInOrder ({ feed: dir, blocks }) {
  const feed = await open(dir)
  return timed(async () => {
    for (let first = 0; first < blocks; first += READ_BLOCKS) {
      await call(feed, 'getBatch', first, Math.min(blocks, first + READ_BLOCKS))
    }
  })
}

/** Serves a feed until the parent is gone. */
async function serve (dir) {
  const feed = await open(dir)
  const server = net.createServer(socket => connect(feed, socket, false))
  server.listen(0, '127.0.0.1', () => {
    process.send({ port: server.address().port, key: feed.key.toString('hex') })
  })
  process.on('disconnect', () => process.exit())
}

function connect (feed, socket, isInitiator) {
  socket.setNoDelay(true)
  const stream = feed.replicate(isInitiator, { live: true })
  // The end of the measurement breaks the connection.
  stream.on('error', () => {})
  socket.on('error', () => {})
  socket.pipe(stream).pipe(socket)
}

async function replicate ({ feed: source, dir, blocks }) {
  const server = fork(__filename, ['serve', source])
  const { port, key } = await new Promise(resolve => server.once('message', resolve))
  const feed = await open(path.join(dir, 'feed'), Buffer.from(key, 'hex'))
  return timed(() => new Promise(resolve => {
    let stored = 0
    feed.on('download', () => { if (++stored === blocks) resolve() })
    connect(feed, net.connect(port, '127.0.0.1'), true)
  }))
}

const workloads = {
  'append-batches': append,
  'append-singly': append,
  'append-large': append,
  open: openFeed,
  'get-random': getRandom,
  'read-in-order': readInOrder,
  replicate,
  'replicate-large': replicate
}

async function main ([word, argument]) {
  if (word === 'serve') return serve(argument)
  const job = JSON.parse(word)
  const sample = await workloads[job.workload](job)
  process.stdout.write(JSON.stringify(sample) + '\n', () => process.exit())
}

main(process.argv.slice(2)).catch(error => {
  console.error(error)
  process.exit(1)
})
