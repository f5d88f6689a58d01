import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { getMessagesSocket } from '@aleph-sdk/message'
import { eventually } from '../world.mjs'

export default [
  {
    number: '16',
    name: 'a WebSocket sends history, then what is new, filtered',
    async run(world) {
      const channel = `socket-${world.mark}`
      const publish = (channel, n) => world.asAlice.createPost({ postType: 'conformance', content: { n }, channel, sync: true })
      const before = await publish(channel, 0)
      const socket = getMessagesSocket({ channels: [channel], history: 1, apiServer: world.socket })
      try {
        const received = (hash) => eventually(() => assert.ok(socket.getData().some((m) => m.item_hash === hash), `${hash} did not arrive`))
        await eventually(() => assert.ok(socket.getIsOpen()))
        await received(before.item_hash)
        await publish(`other-${world.mark}`, 1)
        const after = await publish(channel, 2)
        await received(after.item_hash)
        await pause(500) // room for what must not arrive
        assert.deepEqual(socket.getData().filter((m) => m.channel !== channel), [])
      } finally {
        socket.closeSocket()
      }
    },
  },
]
