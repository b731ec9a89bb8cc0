// npm hypercore 9 and 11 in the workloads of `dazaar bench --vs-js`: takes the peer's name and a job as JSON, prints how
// long it took.
//
// What counts as done is what counts for our own program: an append when its callback is called, a replicated block
// when it was verified and stored. Seller and buyer are two processes.

const { fork } = require('node:child_process')
const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const peers = require('./bench-peers')
const { find } = require('./bench-find')
const sales = require('./bench-sales')
const { timed, percentiles, stamped, delay } = require('./bench-lib')
const { connect, hear } = peers
const { call } = require('./lib')

const APPENDERS = 64
const LIVE_PAUSE_MS = 2
const READ_BLOCKS = 1000
const STRIDE = 2654435761n

/** `count` blocks of a feed of `length`, all over it. */
const scattered = (count, length) =>
  Array.from({ length: count }, (_, nth) => Number(BigInt(nth) * STRIDE % BigInt(length)))

async function append (peer, { dir, blocks, batch, block_bytes: bytes }) {
  const feed = await peer.open(path.join(dir, 'feed'))
  const block = Buffer.alloc(bytes, 0x41)
  const sample = await timed(async () => {
    for (let first = 0; first < blocks; first += batch) {
      await peer.append(feed, Array(Math.min(batch, blocks - first)).fill(block))
    }
  })
  await peer.close(feed)
  return sample
}

/** Appends from several tasks; each append survives a power cut. There is no such call, so the files are synced after each. */
async function appendCommitted (peer, { dir, blocks, block_bytes: bytes }, tasks) {
  const folder = path.join(dir, 'feed')
  const feed = await peer.open(folder)
  const block = Buffer.alloc(bytes, 0x41)
  await peer.append(feed, block)
  const files = fs.readdirSync(folder).map(name => fs.openSync(path.join(folder, name)))
  let left = blocks
  const appender = async () => {
    while (left-- > 0) {
      await peer.append(feed, block)
      await Promise.all(files.map(file => call(fs, 'fdatasync', file)))
    }
  }
  return timed(() => Promise.all(Array.from({ length: tasks }, appender)))
}

async function openFeed (peer, { feed: dir }) {
  const sample = await timed(() => peer.open(dir))
  return { ...sample, rss_bytes: process.memoryUsage().rss }
}

async function getRandom (peer, { feed: dir, blocks }) {
  const feed = await peer.open(dir)
  const order = scattered(blocks, feed.length)
  const read = async () => { for (const index of order) await peer.get(feed, index) }
  // The first time everything is cold, for every peer.
  await read()
  return timed(read)
}

async function readInOrder (peer, { feed: dir, blocks }) {
  const feed = await peer.open(dir)
  return timed(async () => {
    for (let first = 0; first < blocks; first += READ_BLOCKS) {
      await peer.getBatch(feed, first, Math.min(blocks, first + READ_BLOCKS))
    }
  })
}

/** Serves a feed until the parent is gone, and appends to it when told to. */
async function serve (peer, dir, port) {
  const feed = await peer.open(dir)
  const server = net.createServer(socket => connect(feed, socket, false))
  server.listen(port, '127.0.0.1', () => {
    process.send({ port: server.address().port, key: feed.key.toString('hex'), length: feed.length })
  })
  process.on('message', async ({ blocks, block_bytes: bytes }) => {
    const began = performance.now()
    for (let sent = 0; sent < blocks; sent++) {
      await delay(began + sent * LIVE_PAUSE_MS - performance.now())
      await peer.append(feed, [stamped(bytes)])
    }
  })
  process.on('disconnect', () => process.exit())
}

/** A seller in another process, and an empty feed here. */
async function stage (peer, { name, feed: source, dir, line }, options) {
  const server = fork(__filename, ['serve', name, source || path.join(dir, 'source'), line ? line.seller : 0])
  const { port, key, length } = await hear(server)
  const feed = await peer.open(path.join(dir, 'feed'), Buffer.from(key, 'hex'), options)
  return { server, feed, length, join: () => connect(feed, net.connect(line ? line.buyer : port, '127.0.0.1'), true) }
}

async function replicate (peer, job) {
  const { feed, join } = await stage(peer, job)
  return timed(() => {
    join()
    return peer.download(feed, job.blocks)
  })
}

async function sparse (peer, job) {
  const { feed, length, join } = await stage(peer, job, { sparse: true })
  const wanted = scattered(job.blocks, length)
  return timed(() => {
    join()
    return Promise.all(wanted.map(index => peer.get(feed, index)))
  })
}

async function live (peer, job) {
  const { server, feed, join } = await stage(peer, job)
  const delays = []
  return timed(() => new Promise(resolve => {
    peer.onBlock(feed, (index, block) => {
      delays.push(Number(process.hrtime.bigint() - block.readBigUInt64LE()) / 1e3)
      if (delays.length === job.blocks) resolve()
    })
    peer.follow(feed)
    feed.once('peer-add', () => server.send(job))
    join()
  }), () => percentiles(delays))
}

const workloads = {
  'append-batches': append,
  'append-singly': append,
  'append-large': append,
  'append-committed': (peer, job) => appendCommitted(peer, job, 1),
  'append-concurrent': (peer, job) => appendCommitted(peer, job, APPENDERS),
  open: openFeed,
  'get-random': getRandom,
  'read-in-order': readInOrder,
  replicate,
  'replicate-large': replicate,
  'replicate-far': replicate,
  sparse,
  'sparse-far': sparse,
  live,
  'fan-out': (peer, job) => sales.catchUp(job),
  'fan-out-live': (peer, job) => sales.live(job),
  'fan-out-live-batches': (peer, job) => sales.live(job),
  'find-by-dht': (peer, job) => find(job),
  'find-by-lan': (peer, job) => find(job),
  'sell-to-js': (peer, job) => sales.single(job),
  'buy-from-js': (peer, job) => sales.single(job)
}

async function main ([name, argument, ...rest]) {
  if (name === 'serve') return serve(peers[argument], rest[0], Number(rest[1]))
  const job = JSON.parse(argument)
  const sample = await workloads[job.workload](peers[name], { ...job, name })
  process.stdout.write(JSON.stringify(sample) + '\n', () => process.exit())
}

main(process.argv.slice(2)).catch(error => {
  console.error(error)
  process.exit(1)
})
