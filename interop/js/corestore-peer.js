// Feeds of one master key in a folder: made, read and appended to as it is told, and replicated over TCP.

const net = require('node:net')
const Corestore = require('corestore')
const { call, commands, emit, options } = require('./lib')

const option = options({
  dir: '',
  port: '' // connect here
})

/** A feed by its key or name; `a/b` is what part b of part a is about. */
function feedOf (store, name) {
  if (/^[0-9a-f]{64}$/.test(name)) return store.get({ key: Buffer.from(name, 'hex') })
  if (!name.includes('/')) return store.get({ name })
  return name.split('/').filter(Boolean).reduce((inner, part) => inner.namespace(part), store).default()
}

async function main () {
  const store = new Corestore(option.dir)
  await store.ready()
  commands({
    append: async rest => {
      const [name, block] = rest.split(' ')
      const feed = feedOf(store, name)
      await call(feed, 'ready')
      await call(feed, 'append', block)
      emit('appended', { key: feed.key, length: feed.length })
    },
    read: async name => {
      const feed = feedOf(store, name)
      await call(feed, 'ready')
      const blocks = []
      for (let block = 0; block < feed.length; block++) blocks.push((await call(feed, 'get', block)).toString())
      emit('read', { key: feed.key, blocks, writable: feed.writable })
    },
    end: () => store.close(() => {
      emit('ended')
      process.exit(0)
    })
  })
  if (!option.port) return emit('ready')
  const socket = net.connect(Number(option.port), '127.0.0.1', () => emit('ready'))
  const stream = store.replicate(true, { live: true })
  socket.pipe(stream).pipe(socket)
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
