// Makes tries.json with npm hypertrie 5.1.3 (hypercore 9.12.0, random-access-memory): node tries.js > tries.json
//
// A trie whose keys look like those of a market, some of them written again, one of them hidden: every block in hex, and the JSON that
// hypertrie itself finds under every key (`null` where a node has no value).
const hypertrie = require('hypertrie')
const hypercore = require('hypercore')
const RAM = require('random-access-memory')
const { createHash } = require('crypto')
const { keyPair } = require('hypercore-crypto')

const hex = text => createHash('sha256').update(text).digest('hex')
const call = (object, name, ...args) =>
  new Promise((resolve, reject) => object[name](...args, (error, value) => error ? reject(error) : resolve(value)))

const sold = hex('sold')
const puts = [['master-key', '07'.repeat(32)], ['/config/slash', 'in front'], [`sales/${sold}/card`, null]]
for (let i = 0; i < 80; i++) {
  const key = hex('key ' + i % 50)
  puts.push([[`sales/${sold}/feeds/${key}`, `buys/feeds/${key}`, `config/c${i % 12}`, `sales/${key}/card`][i % 4], { i }])
}
for (let i = 0; i < 20; i++) puts.push(['a/' + i.toString(36), i])
puts.push(['config/\u20ac', '\u20ac'], [`sales/${sold}/card`, { name: 'late' }], ['a/3', null])

async function main () {
  const { publicKey, secretKey } = keyPair(Buffer.alloc(32, 5))
  const feed = hypercore(() => new RAM(), publicKey, { secretKey })
  const trie = hypertrie(null, { feed, valueEncoding: 'json' })
  for (const [key, value] of puts) await call(trie, 'put', key, value)
  await call(trie, 'put', 'config/c1', 'hidden', { hidden: true })
  const blocks = []
  for (let i = 0; i < feed.length; i++) blocks.push((await call(feed, 'get', i)).toString('hex'))
  const entries = {}
  for (const key of new Set(puts.map(([key]) => key.replace(/^\//, '')))) entries[key] = (await call(trie, 'get', key)).value
  const lines = list => list.map(item => '    ' + JSON.stringify(item)).join(',\n')
  console.log(`{\n  "blocks": [\n${lines(blocks)}\n  ],`)
  console.log(`  "entries": ${JSON.stringify(entries)}\n}`)
}

main()
