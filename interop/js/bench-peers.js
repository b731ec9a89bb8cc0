// The two generations of npm hypercore that are measured, behind one face.

const { once } = require('node:events')
const Hypercore11 = require('hypercore11')
const hypercore9 = require('hypercore')
const { call } = require('./lib')

/** Calls back with every block that arrives, and its index. */
function onBlock9 (feed, listener) {
  feed.on('download', listener)
}

function onBlock11 (feed, listener) {
  // Its event has no data in it.
  feed.on('download', async index => listener(index, await feed.get(index)))
}

exports['hypercore-9'] = {
  async open (dir, key, options) {
    const feed = hypercore9(dir, key, options)
    await call(feed, 'ready')
    return feed
  },
  append: (feed, blocks) => call(feed, 'append', blocks),
  get: (feed, index) => call(feed, 'get', index),
  getBatch: (feed, start, end) => call(feed, 'getBatch', start, end),
  close: feed => call(feed, 'close'),
  onBlock: onBlock9,
  follow: () => {}, // a feed that is not sparse does so by itself
  download: (feed, blocks) => new Promise(resolve => {
    let stored = 0
    feed.on('download', () => { if (++stored === blocks) resolve() })
  })
}

exports['hypercore-11'] = {
  async open (dir, key) {
    const feed = new Hypercore11(dir, key)
    await feed.ready()
    return feed
  },
  append: (feed, blocks) => feed.append(blocks),
  get: (feed, index) => feed.get(index),
  getBatch: (feed, start, end) => Promise.all(Array.from({ length: end - start }, (_, nth) => feed.get(start + nth))),
  close: feed => feed.close(),
  onBlock: onBlock11,
  follow: feed => feed.download({ start: 0, end: -1 }),
  download: (feed, blocks) => feed.download({ start: 0, end: blocks }).done()
}

/** Replicates over a socket, until it breaks. */
exports.connect = (feed, socket, isInitiator) => {
  socket.setNoDelay(true)
  const stream = feed.replicate(isInitiator, { live: true })
  // The end of the measurement breaks the connection.
  stream.on('error', () => {})
  socket.on('error', () => {})
  socket.pipe(stream).pipe(socket)
}

/** The first message of a child process. */
exports.hear = async child => (await once(child, 'message'))[0]
