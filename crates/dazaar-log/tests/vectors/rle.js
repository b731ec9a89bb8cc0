// Makes rle.json with npm bitfield-rle 2.2.1: node rle.js > rle.json
//
// Random bit maps and their encodings, both in hex.
const rle = require('bitfield-rle')

let state = 7
function random (n) {
  state = (state * 1103515245 + 12345) % 2147483648
  return Math.floor(state / 2147483648 * n)
}

function part () {
  const length = random(3) ? random(6) : random(140)
  switch (random(4)) {
    case 0: return Buffer.alloc(length)
    case 1: return Buffer.alloc(length, 255)
    default: return Buffer.from(Array.from({ length: Math.min(length, 20) }, () => random(256)))
  }
}

const cases = []
for (let k = 0; k < 300; k++) {
  const bits = Buffer.concat(Array.from({ length: 1 + random(8) }, part))
  cases.push(JSON.stringify([bits.toString('hex'), rle.encode(bits).toString('hex')]))
}
console.log('[\n' + cases.join(',\n') + '\n]')
