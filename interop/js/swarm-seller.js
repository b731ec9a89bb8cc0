// A seller of npm `dazaar` that is found over hyperswarm 2. Admits everybody.

const path = require('node:path')
const { blocks, call, commands, emit, options } = require('./lib')
const { keepToLoopback, swarmOptions } = require('./swarm')

const option = options({
  dir: '', // everything is stored below
  bootstrap: '', // a node of the DHT
  lan: false, // announce on the local network, which is this machine
  blocks: '5' // how many to sell
})
keepToLoopback(option)
const dazaar = require('dazaar')
const hypercore = require('hypercore')
const join = require('dazaar/swarm')

async function main () {
  const market = dazaar(path.join(option.dir, 'market'), { masterKey: Buffer.alloc(32, 7) })
  await call(market, 'ready')
  const feed = hypercore(path.join(option.dir, 'data'))
  await call(feed, 'ready')
  if (!feed.length) await call(feed, 'append', blocks(0, Number(option.blocks)))
  const seller = market.sell(feed, { validate: (buyer, done) => done(null, { type: 'free' }), validateInterval: 50 })
  await call(seller, 'ready')
  const swarm = join(seller, () => emit('announced', {
    seller: seller.key, topic: seller.discoveryKey, port: swarm.network.address().port
  }), swarmOptions(option.bootstrap))
  swarm.on('connection', () => emit('connection'))
  swarm.on('disconnection', () => emit('disconnection'))
  commands({ leave: () => swarm.leave(seller.discoveryKey, () => emit('left')) })
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
