// Makes `fixtures/hypercore-9`: what npm hypercore 9 writes, for tests that run without Node. Run it from anywhere; it gives
// the same bytes every time.

const fs = require('node:fs')
const path = require('node:path')
const hypercore = require('hypercore')
const crypto = require('hypercore-crypto')
const { blocks, call, emit, indices, link, memory } = require('./lib')

const root = path.join(__dirname, '..', '..', 'fixtures', 'hypercore-9')
const pair = crypto.keyPair(Buffer.alloc(32, 1))

/** Only the bitfields of these are kept: their trees would be large. */
const bitfields = [
  { name: 'full-9000', blocks: 9000, batch: 1000, cleared: [] },
  { name: 'holes-9000', blocks: 9000, batch: 9000, cleared: [[0, 1], [31, 33], [64, 128], [4096, 8192], [8991, 9000]] },
  { name: 'holes-20000', blocks: 20000, batch: 777, cleared: [[5, 6], [1000, 1500], [8000, 8500], [16384, 19000]] },
  { name: 'page-17000', blocks: 17000, batch: 1700, cleared: [[0, 8192]] },
  { name: 'full-70000', blocks: 70000, batch: 10000, cleared: [] },
  { name: 'holes-70000', blocks: 70000, batch: 10000, cleared: [[3, 4], [8192, 32768], [65535, 65537]] }
]

async function open (storage, options) {
  const feed = hypercore(storage, pair.publicKey, options)
  await call(feed, 'ready')
  return feed
}

async function five (dir) {
  const feed = await open(dir, { secretKey: pair.secretKey })
  for (const batch of [['a', 'bb', 'ccc'], ['dddd'], ['eeeee']]) await call(feed, 'append', batch)
  await call(feed, 'close')
}

/** A folder that began with pages of another size, as older releases wrote them. */
async function smallPages (dir) {
  fs.mkdirSync(dir, { recursive: true })
  const header = Buffer.alloc(32)
  Buffer.from([5, 2, 87, 0, 0, 3328 >> 8, 3328 & 255]).copy(header)
  fs.writeFileSync(path.join(dir, 'bitfield'), header)
  const feed = await open(dir, { secretKey: pair.secretKey })
  await call(feed, 'append', blocks(0, 40))
  await call(feed, 'clear', 7, 9)
  await call(feed, 'close')
}

/** A reader that got some blocks at length 40, and others at length 61. */
async function sparse (dir) {
  const writer = await open(memory(), { secretKey: pair.secretKey })
  const reader = await open(dir, { sparse: true })
  for (const [length, wanted] of [[40, '3,5-9,30'], [61, '0,58']]) {
    await call(writer, 'append', blocks(writer.length, length))
    const unlink = link(writer.replicate(true, { live: true }), reader.replicate(false, { live: true }))
    for (const index of indices(wanted)) await call(reader, 'get', index)
    unlink()
  }
  await call(reader, 'close')
}

async function bitfield ({ name, blocks: length, batch, cleared }) {
  const storage = memory()
  const feed = await open(storage, { secretKey: pair.secretKey })
  for (let start = 0; start < length; start += batch) {
    await call(feed, 'append', Array(Math.min(batch, length - start)).fill('x'))
  }
  for (const [start, end] of cleared) await call(feed, 'clear', start, end)
  const file = storage('bitfield')
  const { size } = await call(file, 'stat')
  fs.writeFileSync(path.join(root, 'bitfields', name), await call(file, 'read', 0, size))
}

async function main () {
  fs.rmSync(root, { recursive: true, force: true })
  await five(path.join(root, 'five'))
  await smallPages(path.join(root, 'small-pages'))
  await sparse(path.join(root, 'sparse'))
  fs.mkdirSync(path.join(root, 'bitfields'))
  for (const each of bitfields) await bitfield(each)
  fs.writeFileSync(path.join(root, 'bitfields.json'), JSON.stringify(bitfields, null, 1) + '\n')
  emit('done', { dir: root })
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
