// Makes a market folder of npm `dazaar`: a master key, sales with and without a card, buyers, and a bought feed.

const path = require('node:path')
const dazaar = require('dazaar')
const hypercore = require('hypercore')
const { blocks, call, emit, link, memory, options } = require('./lib')

const option = options({
  dir: '', // the market, its sold feeds in `sold-<number>`
  buyers: '3', // how many bought the first feed
  blocks: '5' // of each feed
})

/** Lets `buyer` buy everything from `seller`, in memory. */
async function trade (seller, buyer) {
  const unlink = link(seller.replicate(), buyer.replicate())
  const feed = await new Promise(resolve => buyer.on('feed', resolve))
  await Promise.all(Array.from({ length: Number(option.blocks) }, (_, index) => call(feed, 'get', index)))
  unlink()
  return feed
}

/** Waits until the market's database holds `name`: it is written behind our back. */
async function stored (market, name) {
  while (!await call(market._db, 'get', name)) await new Promise(resolve => setImmediate(resolve))
}

async function sell (market, name, storage, opts) {
  const { publicKey, secretKey } = market.deriveHypercoreKeyPair(name)
  const feed = hypercore(storage, publicKey, { secretKey })
  await call(feed, 'ready')
  await call(feed, 'append', blocks(0, Number(option.blocks)))
  const seller = market.sell(feed, { validate: (buyer, done) => done(null, { type: 'time', remaining: 1 }), ...opts })
  await call(seller, 'ready')
  return seller
}

async function open (storage, seed) {
  const market = dazaar(storage, { masterKey: Buffer.alloc(32, seed) })
  await call(market, 'ready')
  return market
}

async function main () {
  const market = await open(option.dir, 7)
  const sales = []
  const cards = [{ name: 'with a card', description: 'five rows', version: 3 }, undefined]
  for (const [number, card] of cards.entries()) {
    const seller = await sell(market, `sold-${number}`, path.join(option.dir, `sold-${number}`), { card })
    if (number === 0) {
      for (let buyer = 0; buyer < Number(option.buyers); buyer++) {
        const other = await open(memory(), 100 + buyer)
        await trade(seller, other.buy(seller.key))
      }
    }
    const buyers = await call(seller, 'buyers')
    sales.push({
      seller: seller.key.toString('hex'),
      feed: seller.feed.key.toString('hex'),
      length: seller.feed.length,
      card: seller.card,
      buyers: buyers.map(({ buyer, uniqueFeed }) => ({ buyer: buyer.toString('hex'), feed: uniqueFeed.publicKey.toString('hex') }))
    })
  }

  const elsewhere = await open(memory(), 9)
  const foreign = await sell(elsewhere, 'foreign', memory(), {})
  const bought = await trade(foreign, market.buy(foreign.key))
  await stored(market, `buys/feeds/${foreign.key.toString('hex')}`)
  await call(market, 'setConfig', 'colour', { name: 'blue' })
  emit('market', {
    master: Buffer.alloc(32, 7),
    buyer: market.buyer,
    sales,
    buys: [{ seller: foreign.key.toString('hex'), feed: bought.key.toString('hex'), length: bought.length }]
  })
  process.exit()
}

main().catch(error => {
  emit('error', { error })
  process.exit(1)
})
