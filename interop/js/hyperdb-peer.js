// One writer of a map of several, over TCP: reads and writes as it is told.

const net = require('node:net')
const hyperdb = require('hyperdb')
const Protocol = require('hypercore-protocol')
const pump = require('pump')
const { call, commands, emit, memory, options } = require('./lib')

const option = options({
  dir: '', // unused: nothing is kept
  port: '', // connect here
  key: '' // of the map
})

const row = nodes => nodes.map(node => [node.key, node.deleted ? null : node.value])

async function main () {
  const db = hyperdb(memory(), Buffer.from(option.key, 'hex'), { valueEncoding: 'utf-8' })
  await call(db, 'ready')
  commands({
    put: async rest => {
      const [key, value] = rest.split(' ')
      await call(db, 'put', key, value)
      emit('put')
    },
    del: async key => {
      await call(db, 'del', key)
      emit('deleted')
    },
    get: async key => emit('got', { nodes: row(await call(db, 'get', key)) }),
    list: async () => emit('listed', { nodes: (await call(db, 'list', '')).map(row) }),
    authorized: async () => emit('authorized', { is: await call(db, 'authorized', db.local.key) })
  })
  const socket = net.connect(Number(option.port), '127.0.0.1', () => emit('connected', { local: db.local.key }))
  const stream = db.replicate({ initiator: true, live: true, stream: new Protocol(true, { live: true }) })
  pump(socket, stream, socket, () => {})
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
