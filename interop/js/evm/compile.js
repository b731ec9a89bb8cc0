// Compiles a file of contracts: { name: bytecode in hex }.
const fs = require('fs')
const solc = require('solc')

const input = {
  language: 'Solidity',
  sources: { tokens: { content: fs.readFileSync(process.argv[2], 'utf8') } },
  settings: {
    evmVersion: 'paris',
    optimizer: { enabled: true },
    outputSelection: { '*': { '*': ['evm.bytecode.object'] } }
  }
}
const output = JSON.parse(solc.compile(JSON.stringify(input)))
const errors = (output.errors || []).filter(error => error.severity === 'error')
if (errors.length) throw new Error(errors.map(error => error.formattedMessage).join('\n'))
const contracts = Object.entries(output.contracts.tokens)
process.stdout.write(JSON.stringify(Object.fromEntries(contracts.map(([name, { evm }]) => [name, evm.bytecode.object]))))
