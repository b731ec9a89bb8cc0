// Opens a hypercore 9 folder the way npm `hypercore` does, audits it, and optionally appends and replicates.

const fs = require('node:fs')
const hypercore = require('hypercore')
const { blocks, call, emit, indices, link, memory, options } = require('./lib')

const option = options({
  dir: '',
  append: '', // append so many generated blocks
  read: '', // report these blocks, as in `3,5-9`
  to: '', // write all blocks to this file
  clone: false // replicate everything into memory and audit that
})

async function audit (feed, event) {
  const { valid, invalid } = await call(feed, 'audit')
  emit(event, { valid, invalid, length: feed.length, bytes: feed.byteLength })
}

async function clone (feed) {
  const copy = hypercore(memory(), feed.key)
  await call(copy, 'ready')
  const unlink = link(feed.replicate(true, { live: true }), copy.replicate(false, { live: true }))
  await Promise.all(Array.from({ length: feed.length }, (_, index) => call(copy, 'get', index)))
  await audit(copy, 'cloned')
  unlink()
}

async function main () {
  const feed = hypercore(option.dir, { createIfMissing: false })
  feed.on('error', () => {}) // `ready` reports it too
  await call(feed, 'ready')
  emit('folder', {
    key: feed.key, length: feed.length, bytes: feed.byteLength, have: feed.downloaded(), writable: feed.writable, live: feed.live
  })
  await audit(feed, 'audit')
  if (option.append) {
    await call(feed, 'append', blocks(feed.length, feed.length + Number(option.append)))
    emit('appended', { length: feed.length })
    await audit(feed, 'audit')
  }
  for (const index of indices(option.read)) {
    emit('block', { index, text: (await call(feed, 'get', index, { wait: false })).toString() })
  }
  if (option.to) {
    const file = fs.openSync(option.to, 'w')
    for (let index = 0; index < feed.length; index++) fs.writeSync(file, await call(feed, 'get', index, { wait: false }))
    fs.closeSync(file)
  }
  if (option.clone) await clone(feed)
  await call(feed, 'close')
  emit('done')
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
