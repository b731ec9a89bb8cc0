// A hypertrie in a folder: makes changes, and tells everything about it that hypertrie itself can tell.

const fs = require('node:fs')
const hypercore = require('hypercore')
const crypto = require('hypercore-crypto')
const hypertrie = require('hypertrie')
const { call, emit, options } = require('./lib')

const option = options({
  dir: '',
  seed: '1', // of the key, one byte, if the folder is new
  ops: '', // a file with a list of changes: {"type": "put" or "del", "key", "value", "hidden", "flags"}
  batch: '1', // changes per append
  keys: '', // a file with a list of keys to look up
  prefix: '', // what to list and to compare
  since: '1' // the version to compare with
})

const json = file => file ? JSON.parse(fs.readFileSync(file)) : []
const row = node => node && [node.key, node.value, node.seq]

async function all (iterator) {
  const found = []
  for (let next = await call(iterator, 'next'); next !== null; next = await call(iterator, 'next')) found.push(next)
  return found
}

async function main () {
  const pair = crypto.keyPair(Buffer.alloc(32, Number(option.seed)))
  const isNew = !fs.existsSync(option.dir)
  const feed = isNew ? hypercore(option.dir, pair.publicKey, { secretKey: pair.secretKey }) : hypercore(option.dir)
  const trie = hypertrie(null, { feed, valueEncoding: 'utf-8' })
  await call(trie, 'ready')
  const ops = json(option.ops)
  const size = Number(option.batch)
  for (let start = 0; start < ops.length; start += size) {
    const some = ops.slice(start, start + size)
    if (size > 1) {
      await call(trie, 'batch', some)
    } else {
      const [{ type, key, value, ...how }] = some
      if (type === 'del') await call(trie, 'del', key, how)
      else await call(trie, 'put', key, value, how)
    }
  }
  const { prefix } = option
  const gets = []
  for (const key of json(option.keys)) gets.push([row(await call(trie, 'get', key)), row(await call(trie, 'get', key, { hidden: true }))])
  const list = async options => (await call(trie, 'list', prefix, options)).map(row)
  emit('trie', {
    key: feed.key,
    version: trie.version,
    gets,
    list: await list({}),
    reverse: await list({ reverse: true }),
    hidden: await list({ hidden: true }),
    children: await list({ recursive: false, gt: true }),
    diff: (await all(trie.diff(Number(option.since), prefix))).map(({ left, right }) => [row(left), row(right)]),
    history: (await all(trie.history())).map(row)
  })
  await call(feed, 'close')
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
