// A chain on this machine with a token in it, a buyer who has some, and blocks that keep coming.
const { spawn, execFileSync } = require('node:child_process')
const path = require('node:path')
const readline = require('node:readline')
const { createWalletClient, createTestClient, createPublicClient, http, keccak256, parseAbi, stringToBytes } = require('viem')
const { privateKeyToAccount } = require('viem/accounts')
const { foundry } = require('viem/chains')
const { commands, emit, options } = require('../lib')

const args = options({ dir: '', units: '5000000' })
const SELLER = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const BUYER = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'
const MAKER = '0x5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a'

const machine = process.arch === 'arm64' ? 'arm64' : 'amd64'
const anvil = spawn(path.join(__dirname, `../../node_modules/@foundry-rs/anvil-linux-${machine}/bin/anvil`), ['--host', '127.0.0.1', '--port', '0'])
process.on('exit', () => anvil.kill())
// `pay ethereum:...` does what a wallet does with such a link (EIP-681), with an account that has coins.
let pay = () => {}
// `deposit SELLER BUYER UNITS` and `deposit-token ...` pay as npm dazaar's buyers do: to the address that follows from a card with the public key
// of the secret key 1, which is that of the factor itself.
let deposit = () => {}
commands({ pay: link => pay(link), deposit: words => deposit(words, false), 'deposit-token': words => deposit(words, true) })

readline.createInterface({ input: anvil.stdout }).on('line', line => {
  const [, address] = line.match(/^Listening on (.*)$/) || []
  if (address) prepare(`http://${address}`).catch(error => { emit('error', { error }); process.exit(1) })
})

async function prepare (url) {
  const settings = { chain: foundry, transport: http(url), pollingInterval: 50 }
  const [maker, seller, buyer] = [MAKER, SELLER, BUYER].map(key => privateKeyToAccount(key))
  const chain = createPublicClient(settings)
  const wallet = createWalletClient({ ...settings, account: maker })
  const source = path.join(__dirname, '../../../crates/dazaar-evm/tests/contracts/tokens.sol')
  const { Dollar } = JSON.parse(execFileSync('node', [path.join(__dirname, 'compile.js'), source], { maxBuffer: 1 << 24 }))
  const abi = parseAbi(['constructor(string name, uint8 decimals, uint256 supply)', 'function transfer(address to, uint256 value) returns (bool)'])
  const deployed = await wallet.deployContract({ abi, bytecode: `0x${Dollar}`, args: ['Dollar', 6, 10n ** 18n] })
  const { contractAddress } = await chain.waitForTransactionReceipt({ hash: deployed })
  const sent = await wallet.writeContract({ address: contractAddress, abi, functionName: 'transfer', args: [buyer.address, BigInt(args.units)] })
  await chain.waitForTransactionReceipt({ hash: sent })
  pay = async link => {
    const [, to, value] = link.match(/^ethereum:(0x[0-9a-fA-F]{40})@\d+\?value=(\d+)$/)
    await chain.waitForTransactionReceipt({ hash: await wallet.sendTransaction({ to, value: BigInt(value) }) })
    emit('sent', { to })
  }
  deposit = async (words, isToken) => {
    const [seller, buyer, units] = words.split(' ')
    const to = privateKeyToAccount(keccak256(stringToBytes(`dazaar ${seller} ${buyer}`))).address
    const hash = isToken
      ? await wallet.writeContract({ address: contractAddress, abi, functionName: 'transfer', args: [to, BigInt(units)] })
      : await wallet.sendTransaction({ to, value: BigInt(units) })
    await chain.waitForTransactionReceipt({ hash })
    emit('sent', { to })
  }
  emit('chain', { url, token: contractAddress, seller: SELLER, buyer: BUYER, buyerAddress: buyer.address, sellerAddress: seller.address })
  const miner = createTestClient({ ...settings, mode: 'anvil' })
  // One after the other, as fast as the machine lets it be.
  for (;;) {
    await miner.mine({ blocks: 4 })
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}
