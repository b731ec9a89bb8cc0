// A hyperdrive that is replicated over TCP: serves one, or reads somebody else's sparsely.

const net = require('node:net')
const crypto = require('node:crypto')
const hyperdrive = require('hyperdrive')
const pump = require('pump')
const { call, commands, emit, memory, options } = require('./lib')

const option = options({
  dir: '', // where it is kept; in memory, if nowhere
  serve: false, // make a drive, and listen
  port: '', // connect here
  key: '' // of the drive, if it is somebody else's
})

const bytes = (size, salt) => Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 7 + salt) & 0xff))
const sha256 = data => crypto.createHash('sha256').update(data).digest('hex')

async function main () {
  const drive = hyperdrive(option.dir || memory(), option.key ? Buffer.from(option.key, 'hex') : null)
  await call(drive, 'ready')
  if (option.serve) {
    for (let i = 0; i < 50; i++) await call(drive, 'writeFile', `/dir${i % 5}/file${i}`, bytes(100 + i, i))
    await call(drive, 'writeFile', '/big', bytes(1500000, 3))
  }
  commands({
    read: async path => emit('read', { sha256: sha256(await call(drive, 'readFile', path)) }),
    list: async path => emit('listed', { names: (await call(drive, 'readdir', path)).sort() }),
    update: async () => {
      await call(drive.metadata, 'update', { ifAvailable: false })
      emit('updated', { version: drive.version })
    }
  })
  const replicate = (socket, initiator) => pump(socket, drive.replicate(initiator, { live: true }), socket, () => {})
  if (option.port) {
    const socket = net.connect(Number(option.port), '127.0.0.1', () => emit('connected'))
    replicate(socket, true)
  } else {
    const server = net.createServer(socket => replicate(socket, false))
    server.listen(0, '127.0.0.1', () => emit('listening', { port: server.address().port, key: drive.key }))
  }
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
