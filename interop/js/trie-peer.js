// A hypertrie that is replicated over TCP: serves one in memory, or reads somebody else's sparsely.

const net = require('node:net')
const hypercore = require('hypercore')
const crypto = require('hypercore-crypto')
const hypertrie = require('hypertrie')
const pump = require('pump')
const { call, commands, emit, memory, options } = require('./lib')

const option = options({
  dir: '', // not used: everything is in memory
  serve: '', // put so many entries, and listen
  port: '', // connect here
  key: '' // of the feed, if it is somebody else's
})

const row = node => node && [node.key, node.value, node.seq]

async function main () {
  const pair = option.key ? { publicKey: Buffer.from(option.key, 'hex') } : crypto.keyPair(Buffer.alloc(32, 1))
  const feed = hypercore(memory(), pair.publicKey, { secretKey: pair.secretKey, sparse: true })
  const trie = hypertrie(null, { feed, valueEncoding: 'utf-8' })
  const asked = []
  for (const kind of ['get', 'iterator']) trie.on('extension-' + kind, key => asked.push([kind, key]))
  await call(trie, 'ready')
  const count = Number(option.serve)
  const ops = Array.from({ length: count }, (_, i) => ({ type: 'put', key: `dir${i % 10}/key${i}`, value: String(i) }))
  if (count > 0) await call(trie, 'batch', ops)
  commands({
    get: async key => emit('got', { node: row(await call(trie, 'get', key)), downloaded: feed.downloaded() }),
    list: async prefix => emit('listed', { nodes: (await call(trie, 'list', prefix)).map(row), downloaded: feed.downloaded() }),
    update: async () => {
      await call(feed, 'update', { ifAvailable: false })
      emit('updated', { version: trie.version })
    },
    asked: () => emit('asked', { asked })
  })
  const replicate = (socket, initiator) => pump(socket, feed.replicate(initiator, { live: true }), socket, () => {})
  if (option.port) {
    const socket = net.connect(Number(option.port), '127.0.0.1', () => emit('connected'))
    replicate(socket, true)
  } else {
    const server = net.createServer(socket => replicate(socket, false))
    server.listen(0, '127.0.0.1', () => emit('listening', { port: server.address().port, key: feed.key }))
  }
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
