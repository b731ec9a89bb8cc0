// A seller of npm `dazaar` over TCP.
//
// Commands on stdin: `append <text>`, `append-many <count>`, `deny [reason]`, `allow`, `send <name> <json>`, `disconnect`, `quit`.

const net = require('node:net')
const path = require('node:path')
const dazaar = require('dazaar')
const hypercore = require('hypercore')
const pump = require('pump')
const { block, blocks, call, commands, emit, options } = require('./lib')

const option = options({
  dir: '', // everything is stored below
  folder: '', // sell this hypercore folder instead of generated blocks
  port: '0',
  blocks: '5', // how many to generate
  free: false, // the data feed itself, for everybody
  terms: '',
  denied: false, // refuse from the start
  'deny-after': '', // refuse after so many validations
  'restore-after': '', // and admit again after so many
  live: '', // append a block every so many milliseconds
  'live-count': '10', // this many
  interval: '50' // milliseconds between validations of a buyer
})

const sockets = new Set()
let denied = option.denied ? 'not paid' : null
let validations = 0

function validate (buyer, done) {
  validations++
  const expired = option['deny-after'] && validations > Number(option['deny-after'])
  const restored = option['restore-after'] && validations > Number(option['restore-after'])
  if (denied) return done(new Error(denied))
  if (expired && !restored) return done(new Error('payment expired'))
  done(null, { type: 'time', remaining: 1000 })
}

async function openFeed (market) {
  const key = option.folder ? undefined : market.deriveHypercoreKeyPair('demo')
  const feed = option.folder
    ? hypercore(option.folder)
    : hypercore(path.join(option.dir, 'data'), key.publicKey, { secretKey: key.secretKey })
  await call(feed, 'ready')
  if (!option.folder && !feed.length) await call(feed, 'append', blocks(0, Number(option.blocks)))
  return feed
}

async function append (feed, batch) {
  await call(feed, 'append', batch)
  emit('appended', { length: feed.length })
}

function connect (seller, socket) {
  sockets.add(socket)
  const stream = seller.replicate()
  emit('connected')
  pump(socket, stream, socket, error => {
    sockets.delete(socket)
    emit('closed', { buyer: stream.remotePublicKey, error })
  })
}

async function main () {
  const market = dazaar(path.join(option.dir, 'market'), { masterKey: Buffer.alloc(32, 7) })
  await call(market, 'ready')
  const feed = await openFeed(market)
  const seller = market.sell(feed, {
    validate,
    validateInterval: Number(option.interval),
    uniqueFeed: !option.free,
    terms: option.terms,
    card: { name: 'demo', version: 1 }
  })
  seller.on('error', error => emit('error', { error }))
  seller.on('buyer-feed', (unique, buyer) => emit('buyer-feed', { buyer, feed: unique.key }))
  seller.on('buyer-valid', (buyer, info) => emit('admitted', { buyer, info }))
  seller.on('buyer-invalid', (buyer, error) => emit('refused', { buyer, error }))
  seller.on('valid', info => emit('vetted', { info }))
  seller.on('invalid', info => emit('rejected', { info }))
  seller.receive('ping', (message, stream) => {
    emit('message', { name: 'ping', message })
    seller.send('pong', { echo: message }, stream)
  })
  seller.receive('pay/proof', message => emit('message', { name: 'pay/proof', message }))
  await call(seller, 'ready')

  const server = net.createServer(socket => connect(seller, socket))
  server.listen(Number(option.port), '127.0.0.1', () => emit('listening', {
    seller: seller.key, discovery: seller.discoveryKey, feed: feed.key, port: server.address().port, length: feed.length
  }))
  commands({
    append: text => append(feed, text + '\n'),
    'append-many': count => append(feed, blocks(feed.length, feed.length + Number(count))),
    deny: reason => { denied = reason || 'payment expired' },
    allow: () => { denied = null },
    send: rest => {
      const [name, json] = rest.split(/ (.*)/)
      seller.broadcast(name, JSON.parse(json))
    },
    disconnect: () => sockets.forEach(socket => socket.destroy())
  })
  if (option.live) {
    let left = Number(option['live-count'])
    const timer = setInterval(() => {
      if (left-- > 0) append(feed, block(feed.length))
      else clearInterval(timer)
    }, Number(option.live))
  }
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
