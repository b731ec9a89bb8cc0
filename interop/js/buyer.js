// A buyer of npm `dazaar` over TCP.
//
// Commands on stdin: `get <index>`, `send <name> <json>`, `quit`. Ends by itself after `--until-length`.

const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const dazaar = require('dazaar')
const pump = require('pump')
const { call, commands, emit, indices, options } = require('./lib')

const option = options({
  dir: '', // everything is stored below
  port: '',
  seller: '', // its public key
  identity: '8', // seed of the master key, one byte
  sparse: '', // get only these blocks, as in `3,5-9`
  terms: '', // the terms that are accepted
  ping: false, // send a user message and wait for the answer
  voucher: '', // redeem this code
  'vet-seller': false, // tell the seller that it is fine
  'refuse-seller': false, // tell the seller that it is not
  to: '', // write all blocks to this file once they are here
  'until-length': '', // end when the first so many blocks are here
  trace: false // report every block
})

let pinging = option.ping
let look = () => {} // ends the program if everything has come

/** Ends once everything that was asked for has come. */
async function finish (feed) {
  if (pinging) return
  const length = Number(option['until-length'] || feed.length)
  if (option.to) {
    const file = fs.openSync(option.to, 'w')
    for (let index = 0; index < length; index++) fs.writeSync(file, await call(feed, 'get', index, { wait: false }))
    fs.closeSync(file)
  }
  emit('done', { length: feed.length })
  process.exit()
}

function follow (feed) {
  emit('feed', { feed: feed.key, length: feed.length, have: feed.downloaded() })
  const goal = option['until-length'] ? Number(option['until-length']) : Infinity
  let have = feed.downloaded(0, Math.min(goal, feed.length))
  let finishing = false
  look = () => {
    if (finishing || have < goal || pinging) return
    finishing = true
    finish(feed)
  }
  feed.on('download', (index, data) => {
    if (index < goal) have++
    if (option.trace) emit('block', { index, text: data.toString() })
    look()
  })
  feed.on('sync', () => emit('synced', { length: feed.length, bytes: feed.byteLength }))
  feed.on('append', () => emit('length', { length: feed.length }))
  look()
  for (const index of indices(option.sparse)) get(feed, index)
}

async function get (feed, index) {
  try {
    const data = await call(feed, 'get', index)
    emit('got', { index, text: data.toString() })
  } catch (error) {
    emit('error', { index, error })
  }
}

function vetting () {
  if (option['vet-seller']) return (seller, done) => done(null, { vetted: true })
  if (option['refuse-seller']) return (seller, done) => done(new Error('seller refused'))
}

async function main () {
  const market = dazaar(path.join(option.dir, 'market'), { masterKey: Buffer.alloc(32, Number(option.identity)) })
  const buyer = market.buy(Buffer.from(option.seller, 'hex'), {
    sparse: Boolean(option.sparse),
    terms: option.terms || undefined,
    validate: vetting(),
    validateInterval: 50
  })
  buyer.on('error', error => emit('error', { error }))
  buyer.on('validated', feed => emit('validated', { feed }))
  buyer.on('valid', info => emit('valid', { info }))
  buyer.on('invalid', error => emit('invalid', { error }))
  buyer.on('feed', follow)
  buyer.receive('pong', message => {
    emit('message', { name: 'pong', message })
    pinging = false
    look()
  })
  for (const name of ['pay/due', 'pay/receipt', 'pay/refuse']) {
    buyer.receive(name, message => emit('message', { name, message }))
  }
  await call(buyer, 'ready')
  emit('ready', { buyer: buyer.key })

  const socket = net.connect(Number(option.port), '127.0.0.1')
  const stream = buyer.replicate()
  stream.on('seller-id', id => emit('seller-id', { id }))
  buyer.on('peer-add', () => {
    emit('connected')
    if (option.ping) buyer.broadcast('ping', { n: 1 })
    if (option.voucher) buyer.broadcast('pay/proof', { order: '1', method: 'credit', proof: option.voucher })
  })
  pump(socket, stream, socket, error => {
    emit('closed', { error })
    process.exit()
  })
  commands({
    get: index => get(buyer.feed, Number(index)),
    send: rest => {
      const [name, json] = rest.split(/ (.*)/)
      buyer.broadcast(name, JSON.parse(json))
    }
  })
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
