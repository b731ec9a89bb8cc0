// The x402 packages as the other side, on a chain at a URL.
//
//   x402.js pay URL KEY < demand      a stock client answers a demand with a payment
//   x402.js verify URL KEY < {demand, payment}   a stock facilitator says whether a payment answers a demand
//   x402.js settle URL KEY < {demand, payment}   and carries it out
const { createPublicClient, createWalletClient, http, publicActions } = require('viem')
const { privateKeyToAccount } = require('viem/accounts')
const { x402Client } = require('@x402/core/client')
const { validatePaymentRequired, validatePaymentPayload } = require('@x402/core/schemas')
const { toFacilitatorEvmSigner } = require('@x402/evm')
const client = require('@x402/evm/exact/client')
const facilitator = require('@x402/evm/exact/facilitator')

async function main ([what, url, key]) {
  const input = JSON.parse(require('fs').readFileSync(0, 'utf8'))
  const account = privateKeyToAccount(key)
  if (what === 'pay') {
    const scheme = new client.ExactEvmScheme(account)
    const required = validatePaymentRequired({ x402Version: 2, resource: { url: 'dazaar:feed' }, accepts: [input] })
    const stock = x402Client.fromConfig({ schemes: [{ network: input.network, client: scheme }], spendControls: false })
    return stock.createPaymentPayload(required)
  }
  const id = Number(input.demand.network.split(':')[1])
  const chain = { id, name: 'test', nativeCurrency: { name: 'coin', symbol: 'C', decimals: 18 }, rpcUrls: { default: { http: [url] } } }
  const wallet = createWalletClient({ account, chain, transport: http(url) }).extend(publicActions)
  const scheme = new facilitator.ExactEvmScheme(toFacilitatorEvmSigner(Object.assign(wallet, { address: account.address })))
  return scheme[what](validatePaymentPayload(input.payment), input.demand)
}

main(process.argv.slice(2)).then(
  result => process.stdout.write(JSON.stringify(result, (_, value) => typeof value === 'bigint' ? value.toString() : value)),
  error => { console.error(error); process.exitCode = 1 }
)
