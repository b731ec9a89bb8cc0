// npm dazaar in the workloads of `dazaar bench --vs-js`: one sale, and one seller with many buyers who have feeds of
// their own.

const { fork, spawn } = require('node:child_process')
const net = require('node:net')
const path = require('node:path')
const readline = require('node:readline')
const dazaar = require('dazaar')
const hypercore = require('hypercore')
const { hear } = require('./bench-peers')
const { timed } = require('./bench-lib')
const { call, memory } = require('./lib')

/** Starts one of the peers of the tests; `wait` promises its next event with a name. */
function actor (script, options) {
  const child = spawn(process.execPath, [path.join(__dirname, script), ...options], { stdio: ['pipe', 'pipe', 'inherit'] })
  const lines = readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const wait = async name => {
    for (;;) {
      const { value, done } = await lines.next()
      if (done) throw new Error(`${script} ended before ${name}`)
      const event = JSON.parse(value)
      if (event.event === name) return event
    }
  }
  return { wait }
}

/** One seller, one buyer. */
exports.single = async ({ feed, dir, blocks }) => {
  const seller = actor('seller.js', ['--dir', path.join(dir, 'seller'), '--folder', feed, '--free'])
  const { seller: key, port } = await seller.wait('listening')
  const buyer = actor('buyer.js', ['--dir', path.join(dir, 'buyer'), '--port', port, '--seller', key, '--until-length', blocks])
  await buyer.wait('ready')
  return timed(() => buyer.wait('done'))
}

/** Joins both ends of a connection, until it breaks. */
function join (socket, stream) {
  socket.setNoDelay(true)
  // The end of the measurement breaks the connection.
  stream.on('error', () => {})
  socket.on('error', () => {})
  socket.pipe(stream).pipe(socket)
}

/** Tells the parent what this process has used so far. */
function report () {
  const { user, system } = process.cpuUsage()
  process.send({ cpu_us: user + system, rss_bytes: process.memoryUsage().rss })
}

/** Sells a new feed to everybody until the parent is gone; appends and reports whenever it is told to. */
async function sell (dir, blocks, bytes) {
  const block = Buffer.alloc(bytes, 0x41)
  const feed = hypercore(path.join(dir, 'source'))
  await call(feed, 'append', Array(blocks).fill(block))
  const seller = dazaar(memory()).sell(feed, { validate: (buyer, done) => done(null), validateInterval: 1000 })
  await call(seller, 'ready')
  const server = net.createServer(socket => join(socket, seller.replicate()))
  server.listen(0, '127.0.0.1', () => process.send({ port: server.address().port, key: seller.key.toString('hex') }))
  process.on('message', async count => {
    if (count) await call(feed, 'append', Array(count).fill(block))
    report()
  })
  process.on('disconnect', () => process.exit())
}

/** A buyer with a feed; `until(count)` promises that so many blocks have come. */
async function buy (port, key) {
  const buyer = dazaar(memory()).buy(key)
  await call(buyer, 'ready')
  let have = 0
  let look = () => {}
  buyer.on('feed', feed => {
    have += feed.downloaded()
    feed.on('download', () => {
      have++
      look()
    })
    look()
  })
  return {
    join: () => join(net.connect(port, '127.0.0.1'), buyer.replicate()),
    until: count => new Promise(resolve => {
      look = () => { if (have >= count) resolve() }
      look()
    })
  }
}

/** The seller in another process and its buyers in this one. */
async function stage ({ dir, buyers: count, block_bytes: bytes }, blocks) {
  const seller = fork(__filename, [dir, blocks, bytes])
  const { port, key } = await hear(seller)
  const buyers = []
  while (buyers.length < count) buyers.push(await buy(port, Buffer.from(key, 'hex')))
  const tell = count => {
    seller.send(count)
    return hear(seller)
  }
  const all = what => Promise.all(buyers.map(what))
  return { tell, all }
}

exports.catchUp = async job => {
  const { tell, all } = await stage(job, job.blocks)
  const before = await tell(0)
  const sample = await timed(() => {
    all(buyer => buyer.join())
    return all(buyer => buyer.until(job.blocks))
  })
  const after = await tell(0)
  return { ...sample, figures: { rss_bytes_per_buyer: (after.rss_bytes - before.rss_bytes) / job.buyers } }
}

/** Every commit reaches all buyers before the next. */
exports.live = async job => {
  const { tell, all } = await stage(job, 1)
  all(buyer => buyer.join())
  await all(buyer => buyer.until(1))
  const before = await tell(0)
  const sample = await timed(async () => {
    for (let sent = 0; sent < job.blocks;) {
      const count = Math.min(job.batch, job.blocks - sent)
      await tell(count)
      sent += count
      await all(buyer => buyer.until(1 + sent))
    }
  })
  const after = await tell(0)
  const commits = Math.ceil(job.blocks / job.batch)
  return { ...sample, figures: { cpu_us: (after.cpu_us - before.cpu_us) / commits / job.buyers } }
}

if (require.main === module) sell(process.argv[2], Number(process.argv[3]), Number(process.argv[4]))
