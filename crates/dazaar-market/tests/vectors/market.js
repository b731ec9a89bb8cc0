// Makes market.json with npm dazaar 1.6.1: node market.js > market.json
//
// The database of a market (master key 07*32) that sells `demo` with a card and `bare` without one, to a buyer (master key 08*32), that buys
// from another market (09*32), and that has settings: the JSON under every key, `null` where the reference wrote no value.
const dazaar = require('dazaar')
const hypercore = require('hypercore')
const RAM = require('random-access-memory')
const pump = require('pump')

const memory = () => new RAM()
const call = (object, name, ...args) =>
  new Promise((resolve, reject) => object[name](...args, (error, value) => error ? reject(error) : resolve(value)))

async function open (seed) {
  const market = dazaar(memory, { masterKey: Buffer.alloc(32, seed) })
  await call(market, 'ready')
  return market
}

async function sell (market, name, opts) {
  const { publicKey, secretKey } = market.deriveHypercoreKeyPair(name)
  const feed = hypercore(memory, publicKey, { secretKey })
  await call(feed, 'append', 'a')
  const seller = market.sell(feed, { validate: (buyer, done) => done(null, {}), ...opts })
  await call(seller, 'ready')
  return seller
}

/** Lets `buyer` get the first block from `seller`. */
async function trade (seller, buyer) {
  const stream = seller.replicate()
  pump(stream, buyer.replicate(), stream, () => {})
  const feed = await new Promise(resolve => buyer.on('feed', resolve))
  await call(feed, 'get', 0)
}

async function main () {
  const [market, buyer, other] = [await open(7), await open(8), await open(9)]
  const demo = await sell(market, 'demo', { card: { name: 'demo', version: 1, payment: [] } })
  await sell(market, 'bare')
  const foreign = await sell(other, 'foreign')
  await trade(demo, buyer.buy(demo.key))
  await trade(foreign, market.buy(foreign.key))
  await call(market, 'setConfig', 'wallet', { url: 'http://[::1]:80' })
  await call(market, 'setConfig', 'a/b', [1, null])
  const entries = {}
  for (const { key, value } of await call(market._db, 'list')) entries[key] = value
  console.log(JSON.stringify(entries, null, 2))
  process.exit()
}

main()
