import assert from 'node:assert/strict'
import { importAccountFromMnemonic, importAccountFromPrivateKey } from '@aleph-sdk/ethereum'

// The first account of the mnemonic every Ethereum tool tests with.
const MNEMONIC = 'test test test test test test test test test test test junk'
const PRIVATE_KEY = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const ADDRESS = '0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266'

export default [
  {
    number: '01',
    name: 'an account from its mnemonic and from its key',
    run() {
      for (const account of [importAccountFromMnemonic(MNEMONIC), importAccountFromPrivateKey(PRIVATE_KEY)]) {
        assert.equal(account.address, ADDRESS)
        assert.equal(account.getChain(), 'ETH')
      }
    },
  },
  {
    number: '15',
    name: 'the balance of an account',
    async run(world) {
      const { code, body } = await world.get(`/api/v0/addresses/${world.alice.address}/balance`)
      assert.equal(code, 200)
      assert.equal(body.address, world.alice.address)
      for (const member of ['balance', 'details', 'locked_amount', 'credit_balance']) assert.ok(member in body, `no ${member}`)
    },
  },
  {
    number: '24',
    name: 'a Solana account posts',
    needs: 'solana',
    async run(world) {
      const { newAccount } = await import('@aleph-sdk/solana')
      const { account } = newAccount()
      const post = await world.client(account).createPost({ postType: 'conformance', content: { body: 'sol' }, channel: world.channel, sync: true })
      assert.equal(post.chain, 'SOL')
      assert.equal(JSON.parse(post.signature).publicKey, account.address)
      assert.equal((await world.settled(post.item_hash)).message.sender, account.address)
    },
  },
]
