// Hyperdrives that are mounted in each other, in a folder or in memory: makes them, tells what is found through the mounts, and serves them.

const fs = require('node:fs')
const net = require('node:net')
const crypto = require('node:crypto')
const Corestore = require('corestore')
const hyperdrive = require('hyperdrive')
const pump = require('pump')
const { call, commands, emit, memory, options } = require('./lib')

const option = options({
  dir: '', // in this folder, otherwise in memory
  make: false, // make the drives
  paths: '', // a file with a list of paths to read
  serve: false // and listen
})

const bytes = (size, salt) => Buffer.from(Uint8Array.from({ length: size }, (_, i) => (i * 7 + salt) & 0xff))
const sha256 = data => crypto.createHash('sha256').update(data).digest('hex')

/** Drive b in the first one, its first version and its newest, drive c in b, and a feed. */
async function make (store, drive) {
  const [b, c] = ['b', 'c'].map(name => hyperdrive(store.namespace(name), null))
  for (const other of [b, c]) await call(other, 'ready')
  const feed = store.namespace('feed').default()
  await call(feed, 'ready')
  for (const size of [10, 70000, 20]) await call(feed, 'append', bytes(size, size & 0xff))
  await call(drive, 'writeFile', '/own', bytes(50, 1))
  await call(b, 'writeFile', '/file', bytes(60, 2))
  const version = b.version
  await call(b, 'writeFile', '/file', bytes(100000, 3))
  await call(b, 'writeFile', '/dir/inner', bytes(70, 4))
  await call(c, 'writeFile', '/last', bytes(80, 5))
  await call(drive, 'mount', '/old', b.key, { version })
  await call(drive, 'mount', '/deep/new', b.key)
  await call(b, 'mount', '/c', c.key)
  await call(drive, 'mount', '/feed', feed.key, { hypercore: true })
  await call(drive, 'mount', '/gone', c.key)
  await call(drive, 'unmount', '/gone')
}

/** What is read of each path: the digest of a file, the names in a directory, or nothing. */
async function look (drive, paths) {
  const found = []
  for (const path of paths) {
    const stat = await call(drive, 'stat', path).catch(() => null)
    if (!stat) found.push(null)
    else if (stat.isDirectory()) found.push((await call(drive, 'readdir', path)).sort())
    else found.push(sha256(await call(drive, 'readFile', path)))
  }
  return found
}

async function main () {
  const store = new Corestore(option.dir || memory())
  await store.ready()
  const drive = hyperdrive(store, null)
  await call(drive, 'ready')
  if (option.make) await make(store, drive)
  const paths = option.paths ? JSON.parse(fs.readFileSync(option.paths)) : []
  const found = await look(drive, paths)
  const mounts = [...await call(drive, 'getAllMounts', { recursive: true })].map(([path, { metadata }]) => [path, metadata.key.toString('hex')])
  emit('drive', { key: drive.key, found, mounts })
  if (!option.serve) process.exit(0)
  commands({})
  const server = net.createServer(socket => pump(socket, drive.replicate(false, { live: true }), socket, () => {}))
  server.listen(0, '127.0.0.1', () => emit('listening', { port: server.address().port }))
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
