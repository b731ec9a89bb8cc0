// Makes a hypercore 9 folder of generated blocks: a writer's, or with `--only` a reader's with holes.

const hypercore = require('hypercore')
const crypto = require('hypercore-crypto')
const { blocks, call, emit, indices, link, memory, options } = require('./lib')

const option = options({
  dir: '',
  blocks: '5',
  batch: '1000', // blocks per append; one signature each
  seed: '1', // of the key, one byte
  only: '' // a reader's folder that holds only these blocks, as in `3,5-9`
})

async function fill (feed) {
  const length = Number(option.blocks)
  const batch = Number(option.batch)
  for (let start = 0; start < length; start += batch) await call(feed, 'append', blocks(start, Math.min(start + batch, length)))
}

async function replicate (from, to, wanted) {
  const unlink = link(from.replicate(true, { live: true }), to.replicate(false, { live: true }))
  await Promise.all(wanted.map(index => call(to, 'get', index)))
  unlink()
}

async function main () {
  const { publicKey, secretKey } = crypto.keyPair(Buffer.alloc(32, Number(option.seed)))
  const writer = hypercore(option.only ? memory() : option.dir, publicKey, { secretKey })
  await call(writer, 'ready')
  await fill(writer)
  let feed = writer
  if (option.only) {
    feed = hypercore(option.dir, publicKey, { sparse: true })
    await call(feed, 'ready')
    await replicate(writer, feed, indices(option.only))
  }
  emit('folder', { key: feed.key, length: feed.length, bytes: feed.byteLength, have: feed.downloaded() })
  await call(feed, 'close')
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
