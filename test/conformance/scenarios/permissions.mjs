import assert from 'node:assert/strict'
import { InvalidMessageError } from '@aleph-sdk/message'
import { eventually, refused, sha256 } from '../world.mjs'

const UNPROCESSABLE = 422

export default [
  {
    number: '20',
    name: 'delegation: refused, granted, and no wider than granted',
    async run(world) {
      const { alice, bob, channel } = world
      const inAlicesName = (key, content) => world.asBob.createAggregate({ key, content, address: alice.address, channel, sync: true })
      await refused(inAlicesName('shared', { by: 'bob' }), InvalidMessageError)
      const authorizations = [{ address: bob.address, types: ['AGGREGATE'], aggregate_keys: ['shared'], channels: [channel] }]
      await world.asAlice.createAggregate({ key: 'security', content: { authorizations }, channel: 'security', sync: true })
      await eventually(async () => assert.deepEqual(await world.anyone.fetchAggregate(alice.address, 'security'), { authorizations }))
      await inAlicesName('shared', { by: 'bob' })
      assert.deepEqual(await world.anyone.fetchAggregate(alice.address, 'shared'), { by: 'bob' })
      await refused(inAlicesName('private', {}), InvalidMessageError)
      await refused(world.asBob.createPost({ postType: 'conformance', content: {}, address: alice.address, channel, sync: true }), InvalidMessageError)
    },
  },
  {
    number: '22',
    name: 'what another account owns cannot be forgotten',
    async run(world) {
      const { item_hash } = await world.asAlice.createPost({ postType: 'conformance', content: { keep: true }, channel: world.channel, sync: true })
      await refused(world.asBob.forget({ hashes: [item_hash], channel: world.channel, sync: true }), InvalidMessageError)
      await world.settled(item_hash)
    },
  },
  {
    number: '23',
    name: 'a forged signature and a wrong hash are refused',
    async run(world) {
      const { signature } = await world.post() // valid, for another message
      const time = Date.now() / 1000
      const item_content = JSON.stringify({ type: 'conformance', address: world.alice.address, content: { forged: world.mark }, time })
      const forged = { chain: 'ETH', sender: world.alice.address, type: 'POST', channel: world.channel, time, item_type: 'inline', item_content, item_hash: sha256(item_content), signature }
      assert.equal(await world.publishRaw(forged), UNPROCESSABLE)
      assert.equal(await world.publishRaw({ ...forged, item_hash: sha256('something else') }), UNPROCESSABLE)
    },
  },
]
