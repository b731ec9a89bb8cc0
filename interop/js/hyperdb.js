// Maps of several writers in folders `1`, `2` ... of one folder: takes steps, and tells what each of them reads.

const fs = require('node:fs')
const path = require('node:path')
const crypto = require('hypercore-crypto')
const hyperdb = require('hyperdb')
const Protocol = require('hypercore-protocol')
const { call, emit, options } = require('./lib')

const option = options({
  dir: '',
  peers: '3',
  steps: '', // a file with a list of steps: [peer, "put" or "del", key, value], [a, "sync", b] or [peer, "authorize", other]
  keys: '', // a file with a list of keys to look up
  read: '1' // which peer tells
})

const json = file => file ? JSON.parse(fs.readFileSync(file)) : []
const pair = peer => crypto.keyPair(Buffer.alloc(32, peer))

/** Opens the map of one peer; the owner is 1. The key pair of its feed lies in its folder before hypercore opens that. */
async function open (peer) {
  const folder = path.join(option.dir, String(peer))
  const own = path.join(folder, peer === 1 ? 'source' : 'local')
  if (!fs.existsSync(own)) {
    fs.mkdirSync(own, { recursive: true })
    fs.writeFileSync(path.join(own, 'key'), pair(peer).publicKey)
    fs.writeFileSync(path.join(own, 'secret_key'), pair(peer).secretKey)
  }
  const db = hyperdb(folder, pair(1).publicKey, { valueEncoding: 'utf-8' })
  await call(db, 'ready')
  return db
}

/** Lets two peers know the same: until both have all that either has of the writers that both know. */
async function sync (a, b) {
  const replicate = (db, initiator) => db.replicate({ initiator, live: true, stream: new Protocol(initiator, { live: true }) })
  const [one, other] = [replicate(a, true), replicate(b, false)]
  one.pipe(other).pipe(one)
  const state = () => JSON.stringify([a, b].map(db => db.feeds.map(feed => [feed.key.toString('hex'), feed.length, feed.downloaded()]).sort()))
  const same = () => {
    const [x, y] = [a, b].map(db => new Map(db.feeds.map(feed => [feed.key.toString('hex'), feed])))
    return [...x].every(([key, feed]) => {
      const theirs = y.get(key)
      return feed.downloaded() === feed.length && (!theirs ? key === a.local.key.toString('hex') : theirs.length === feed.length && theirs.downloaded() === feed.length)
    }) && [...y].every(([key, feed]) => x.has(key) || key === b.local.key.toString('hex'))
  }
  let quiet = 0
  let last = state()
  while (quiet < 3) {
    await new Promise(resolve => setTimeout(resolve, 10))
    await call(a, 'heads')
    await call(b, 'heads')
    const now = state()
    quiet = same() && now === last ? quiet + 1 : 0
    last = now
  }
  one.destroy()
  other.destroy()
}

async function main () {
  const dbs = [null]
  for (let peer = 1; peer <= Number(option.peers); peer++) dbs.push(await open(peer))
  for (const [peer, what, ...rest] of json(option.steps)) {
    const db = dbs[peer]
    if (what === 'sync') await sync(db, dbs[rest[0]])
    else if (what === 'authorize') await call(db, 'authorize', dbs[rest[0]].local.key)
    else await call(db, what, ...rest)
  }
  const db = dbs[Number(option.read)]
  const row = node => [db.feeds[node.feed].key.toString('hex'), node.seq, node.deleted ? null : node.value]
  const gets = []
  for (const key of json(option.keys)) gets.push((await call(db, 'get', key)).map(row))
  const list = (await call(db, 'list', '')).map(nodes => [nodes[0].key, nodes.map(row)])
  const history = await new Promise((resolve, reject) => {
    const found = []
    db.createHistoryStream().on('data', node => found.push([db.feeds[node.feed].key.toString('hex'), node.seq, node.key])).on('end', () => resolve(found)).on('error', reject)
  })
  emit('db', { gets, list, history, version: await call(db, 'version'), feeds: db.feeds.map(feed => feed.key.toString('hex')) })
  process.exit(0)
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
