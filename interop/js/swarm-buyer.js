// A buyer of npm `dazaar` that finds its seller over hyperswarm 2. Ends by itself after `--until-length`.

const path = require('node:path')
const { call, commands, emit, options } = require('./lib')
const { keepToLoopback, swarmOptions } = require('./swarm')

const option = options({
  dir: '', // everything is stored below
  seller: '', // its public key
  bootstrap: '', // a node of the DHT
  lan: false, // look on the local network, which is this machine
  'until-length': '' // end when so many blocks are here
})
keepToLoopback(option)
const dazaar = require('dazaar')
const join = require('dazaar/swarm')

async function main () {
  const market = dazaar(path.join(option.dir, 'market'), { masterKey: Buffer.alloc(32, 8) })
  await call(market, 'ready')
  const buyer = market.buy(Buffer.from(option.seller, 'hex'))
  await call(buyer, 'ready')
  const look = feed => {
    if (!option['until-length'] || feed.downloaded() < Number(option['until-length'])) return
    emit('done', { length: feed.length })
    process.exit()
  }
  buyer.on('feed', feed => {
    emit('feed', { feed: feed.key })
    feed.on('download', () => look(feed))
    look(feed)
  })
  const swarm = join(buyer, () => emit('joined'), swarmOptions(option.bootstrap))
  swarm.on('peer', peer => emit('peer', { host: peer.host, port: peer.port, local: peer.local }))
  swarm.on('connection', (socket, info) => emit('connection', { type: info.type, host: info.peer && info.peer.host }))
  swarm.on('disconnection', (socket, info) => emit('disconnection', { duplicate: info.duplicate }))
  commands({})
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
