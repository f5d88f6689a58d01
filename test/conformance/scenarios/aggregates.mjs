import assert from 'node:assert/strict'
import { MessageNotFoundError } from '@aleph-sdk/message'
import { refused } from '../world.mjs'

export default [
  {
    number: '07',
    name: 'an aggregate merges its first level, keys apart',
    async run(world) {
      const set = (key, content) => world.asAlice.createAggregate({ key, content, channel: world.channel, sync: true })
      await set('settings', { theme: 'dark', window: { width: 80 } })
      await set('settings', { window: { height: 24 }, tabs: [1, 2] })
      await set('profile', { name: world.mark })
      assert.deepEqual(await world.anyone.fetchAggregate(world.alice.address, 'settings'), { theme: 'dark', window: { height: 24 }, tabs: [1, 2] })
      const both = await world.anyone.fetchAggregates(world.alice.address, ['settings', 'profile'])
      assert.deepEqual(new Set(Object.keys(both)), new Set(['settings', 'profile']))
      assert.equal(both.profile.name, world.mark)
    },
  },
  {
    number: '08',
    name: 'an unknown aggregate is not found',
    run: (world) => refused(world.anyone.fetchAggregate(world.alice.address, 'never-set'), MessageNotFoundError),
  },
]
