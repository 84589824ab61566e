// Examples to start from. Amounts are text, so that they are exact at any size.

export const EXAMPLES = [
  {
    title: 'A first payment',
    script: `// Take 10 dollars from the world and give them to Alice.
send [USD/2 1000] (
  source = @world
  destination = @users:alice
)
`,
    variables: {}, balances: [], metadata: {},
  },
  {
    title: 'A sale with a fee',
    script: `// The buyer pays out of the wallet first, then by card. The platform keeps its fee.
vars {
  account $buyer
  monetary $price
  portion $fee
}

send $price (
  source = {
    $buyer
    @payments:card
  }
  destination = {
    $fee to @platform:fees
    remaining to @shops:books
  }
)

set_tx_meta("kind", "sale")
`,
    variables: { buyer: 'users:ana', price: 'EUR/2 4999', fee: '7.5%' },
    balances: [
      { account: 'users:ana', asset: 'EUR/2', amount: '1500' },
      { account: 'payments:card', asset: 'EUR/2', amount: '10000' },
    ],
    metadata: {},
  },
  {
    title: 'A salary in parts',
    script: `// Taxes and pension are parts of the gross salary, and union dues are capped.
vars {
  account $employee
  number $gross
  portion $tax
}

send [EUR/2 $gross] (
  source = {
    @budget:salaries
    max [EUR/2 100000] from @reserve
  }
  destination = {
    $tax to @authorities:tax
    9.3% to @authorities:pension
    remaining to {
      max [EUR/2 2500] to @union:dues
      remaining to $employee
    }
  }
)

set_tx_meta("gross", [EUR/2 $gross])
`,
    variables: { employee: 'employees:7', gross: '350000', tax: '21%' },
    balances: [
      { account: 'budget:salaries', asset: 'EUR/2', amount: '300000' },
      { account: 'reserve', asset: 'EUR/2', amount: '500000' },
    ],
    metadata: {},
  },
  {
    title: 'What an order says',
    script: `// The seller and the fee are read from the order's metadata.
vars {
  account $order
  account $seller = meta($order, "seller")
  portion $fee = meta($order, "fee")
}

send [USD/2 *] (
  source = $order
  destination = {
    $fee to @platform:fees
    remaining to $seller
  }
)

set_account_meta($order, "status", "paid")
`,
    variables: { order: 'orders:1042' },
    balances: [{ account: 'orders:1042', asset: 'USD/2', amount: '12800' }],
    metadata: { 'orders:1042': { seller: 'shops:books', fee: '1/16' } },
  },
  {
    title: 'Credit, and one source of several',
    script: `#![feature("experimental-oneof")]

// One of the two pays all of it: the one that has enough. If neither has, the credit line does.
send [USD/2 90000] (
  source = oneof {
    @users:alice
    @users:bob
    @credit:line allowing overdraft up to [USD/2 100000]
  }
  destination = @rent
)
`,
    variables: {},
    balances: [
      { account: 'users:alice', asset: 'USD/2', amount: '40000' },
      { account: 'users:bob', asset: 'USD/2', amount: '60000' },
    ],
    metadata: {},
  },
  {
    title: 'Very large amounts',
    script: `// Amounts are whole numbers of any size: nothing is ever rounded but by your own shares.
send [ETH/18 123456789012345678901234567890] (
  source = @treasury allowing unbounded overdraft
  destination = {
    1/3 to @vault:a
    1/3 to @vault:b
    remaining to @vault:c
  }
)
`,
    variables: {}, balances: [], metadata: {},
  },
];
