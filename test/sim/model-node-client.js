// SPDX-License-Identifier: BSD-2-Clause
// node-coap's client judges the model node; the port is the argument.
const coap = require('coap')

const port = Number(process.argv[2])
let checks = 0

function ask (method, path, body, options) {
  return new Promise((resolve, reject) => {
    const slash = path.indexOf('?')
    const request = coap.request(Object.assign({
      host: '127.0.0.1',
      port,
      method,
      pathname: slash < 0 ? path : path.slice(0, slash),
      query: slash < 0 ? undefined : path.slice(slash + 1)
    }, options))
    request.on('response', resolve)
    request.on('error', reject)
    request.end(body)
  })
}

function expect (what, got, wanted) {
  checks++
  if (String(got) !== String(wanted)) {
    console.log(`FAIL: ${what}: ${String(got).slice(0, 80)}, not ${String(wanted).slice(0, 80)}`)
    process.exitCode = 1
  }
}

// Three values of /r1, as they are put.
function observe () {
  return new Promise((resolve, reject) => {
    const request = coap.request({ host: '127.0.0.1', port, pathname: '/r1', observe: true })
    const values = ['new', 'one', 'two']
    request.on('error', reject)
    request.on('response', (response) => {
      response.on('data', (data) => {
        expect('a notification', data, values.shift())
        if (values.length > 0) {
          ask('PUT', '/r1', Buffer.from(values[0])).catch(reject)
          return
        }
        response.close()
        resolve()
      })
    })
    request.end()
  })
}

async function main () {
  const large = Buffer.alloc(5000, 'a body in blocks. ')
  let response = await ask('GET', '/r0')
  expect('GET', response.code + ' ' + response.payload, '2.05 value 1 of r0')
  response = await ask('GET', '/r0?q=12')
  expect('GET with a query', response.payload, '12 value 1 of r0')
  response = await ask('GET', '/r0', undefined, { confirmable: false })
  expect('NON GET', response.payload, 'value 1 of r0')
  response = await ask('GET', '/absent')
  expect('GET of nothing', response.code, '4.04')
  response = await ask('PUT', '/r1', Buffer.from('new'))
  expect('PUT', response.code, '2.04')
  response = await ask('GET', '/r1')
  expect('GET after PUT', response.payload, 'new')
  response = await ask('POST', '/r1?q=3', Buffer.from('x'))
  expect('POST', response.code + ' ' + response.payload.toString().slice(0, 6), '2.01 3 done')
  response = await ask('DELETE', '/r2')
  expect('DELETE', response.code, '2.02')
  response = await ask('GET', '/r2')
  expect('GET after DELETE', response.code, '4.04')
  const put = coap.request({ host: '127.0.0.1', port, method: 'PUT', pathname: '/r3' })
  put.setOption('Block1', Buffer.from([0x02]))
  response = await new Promise((resolve, reject) => {
    put.on('response', resolve)
    put.on('error', reject)
    put.end(large)
  })
  expect('PUT in blocks', response.code, '2.04')
  response = await ask('GET', '/r3')
  expect('GET in blocks', response.payload, large)
  await observe()
  console.log(`${checks} checks`)
  process.exit()
}

main().catch((error) => {
  console.log('FAIL: ' + error)
  process.exit(1)
})
