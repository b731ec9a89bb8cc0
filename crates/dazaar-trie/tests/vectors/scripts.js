// Makes scripts.json with npm hypertrie 5.1.3 (hypercore 9.12.0, random-access-memory): node scripts.js > scripts.json
//
// Random changes of a trie: how many blocks they make, the SHA-256 of all of them, and lists at the end as key, value, block. With
// `twins`, two words of one hash come in; nothing is deleted then, because hypertrie deletes those wrongly.
const hypertrie = require('hypertrie')
const hypercore = require('hypercore')
const RAM = require('random-access-memory')
const { createHash } = require('crypto')
const { keyPair } = require('hypercore-crypto')

const WORDS = ['a', 'b', 'c', 'idgcmnmna', 'mpomeiehc', 'dir', 'x1', 'y2', 'z3', 'long-name', '\u00e9', '0']
const call = (object, name, ...args) =>
  new Promise((resolve, reject) => object[name](...args, (error, value) => error ? reject(error) : resolve(value)))

function changes (seed, count, twins) {
  let state = seed
  const next = below => {
    state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff
    return (state >>> 8) % below
  }
  const word = () => {
    const nth = next(12)
    return !twins && (nth === 3 || nth === 4) ? 'twin' : WORDS[nth]
  }
  return Array.from({ length: count }, (_, nth) => {
    const depth = 1 + next(3)
    const key = Array.from({ length: depth }, word).join('/')
    const kind = next(10)
    const hidden = next(6) === 0
    const flags = next(3)
    if ((kind === 7 || kind === 8) && !twins) return { type: 'del', key, hidden }
    return { type: 'put', key, value: kind < 7 ? 'v' + nth : null, hidden, flags }
  })
}

async function vector (seed, count, twins) {
  const { publicKey, secretKey } = keyPair(Buffer.alloc(32, 1))
  const feed = hypercore(() => new RAM(), publicKey, { secretKey })
  const trie = hypertrie(null, { feed, valueEncoding: 'utf-8' })
  for (const { type, key, value, ...options } of changes(seed, count, twins)) {
    if (type === 'del') await call(trie, 'del', key, options)
    else await call(trie, 'put', key, value, options)
  }
  const hash = createHash('sha256')
  for (let i = 0; i < feed.length; i++) hash.update(await call(feed, 'get', i))
  const list = async (prefix, options) => (await call(trie, 'list', prefix, options)).map(node => [node.key, node.value, node.seq])
  return {
    seed,
    count,
    twins,
    blocks: feed.length,
    sha256: hash.digest('hex'),
    list: await list('', {}),
    reverse: await list('', { reverse: true }),
    hidden: await list('', { hidden: true }),
    children: await list('', { recursive: false }),
    below: await list('a', { recursive: false, gt: true })
  }
}

async function main () {
  const vectors = []
  for (const [seed, twins] of [[1, false], [2, false], [3, true], [4, true]]) vectors.push(await vector(seed, 400, twins))
  console.log('[\n' + vectors.map(vector => JSON.stringify(vector)).join(',\n') + '\n]')
}

main()
