// Formance's client for JavaScript against a server: node client.cjs URL LEDGER
const assert = require('node:assert')
const { SDK } = require('@formance/formance-sdk')

const [url, ledger] = process.argv.slice(2)
const { v1, v2 } = new SDK({ serverURL: url }).ledger
const asset = 'USD/2'
const huge = 2n ** 60n + 1n

const main = async () => {
  await v2.createLedger({ ledger, v2CreateLedgerRequest: { metadata: { a: 'b' } } })
  const posting = { source: 'world', destination: 'users:ana', amount: 100n, asset }
  let made = await v2.createTransaction({
    ledger, idempotencyKey: 'k', v2PostTransaction: { postings: [posting], metadata: { k: 'v' } },
  })
  assert.equal(made.v2CreateTransactionResponse.data.id, 1n)
  const plain = `vars { monetary $price account $to }
    send $price ( source = @world destination = $to )`
  made = await v2.createTransaction({
    ledger,
    v2PostTransaction: { script: { plain, vars: { price: `${asset} ${huge}`, to: 'users:bob' } }, metadata: {} },
  })
  assert.equal(made.v2CreateTransactionResponse.data.id, 2n)
  let page = await v2.listTransactions({ ledger, pageSize: 1, query: { $match: { destination: 'users:' } } })
  assert.deepEqual(page.v2TransactionsCursorResponse.cursor.data.map(row => row.id), [2n])
  page = await v2.listTransactions({ ledger, cursor: page.v2TransactionsCursorResponse.cursor.next })
  assert.deepEqual(page.v2TransactionsCursorResponse.cursor.data.map(row => row.id), [1n])
  await v2.addMetadataToAccount({ ledger, address: 'users:ana', requestBody: { tier: 'gold' } })
  const account = await v2.getAccount({ ledger, address: 'users:ana', expand: 'volumes' })
  assert.deepEqual(account.v2AccountResponse.data.metadata, { tier: 'gold' })
  assert.equal(account.v2AccountResponse.data.volumes[asset].balance, 100n)
  const reverted = await v2.revertTransaction({ ledger, id: 1n })
  assert.equal(reverted.v2CreateTransactionResponse.data.id, 3n)
  const bulk = await v2.createBulk({
    ledger,
    requestBody: [{ action: 'CREATE_TRANSACTION', data: { postings: [posting], metadata: {} } }],
  })
  assert.equal(bulk.v2BulkResponse.data[0].responseType, 'CREATE_TRANSACTION')
  const sums = await v2.getBalancesAggregated({ ledger })
  assert.equal(sums.v2AggregateBalancesResponse.data[asset], 0n)
  const logs = await v2.listLogs({ ledger })
  assert.equal(logs.v2LogsCursorResponse.cursor.data.length, 5)
  await assert.rejects(
    v2.createTransaction({
      ledger, v2PostTransaction: { postings: [{ ...posting, source: 'nobody' }], metadata: {} },
    }),
    problem => problem.errorCode === 'INSUFFICIENT_FUND')
  const old = `${ledger}-old`
  const first = await v1.createTransaction({ ledger: old, postTransaction: { postings: [posting] } })
  assert.deepEqual(first.transactionsResponse.data.map(row => row.txid), [0n])
  const bank = await v1.getAccountLedger({ ledger: old, address: 'users:ana' })
  assert.equal(bank.accountResponse.data.balances[asset], 100n)
  console.log('done')
}
main().catch(problem => { console.error(problem); process.exit(1) })
