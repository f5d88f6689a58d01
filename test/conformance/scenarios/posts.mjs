import assert from 'node:assert/strict'
import { ForgottenMessageError, InvalidMessageError, MessageNotFoundError } from '@aleph-sdk/message'
import { refused, sha256 } from '../world.mjs'

export default [
  {
    number: '02',
    name: 'a post, answered when processed',
    async run(world) {
      const post = await world.post()
      assert.equal(post.item_type, 'inline')
      assert.equal(post.item_hash, sha256(post.item_content))
      assert.match(post.signature, /^0x[0-9a-f]{130}$/)
      const read = await world.anyone.getMessage(post.item_hash)
      assert.equal(read.sender, world.alice.address)
      assert.equal(read.item_content, post.item_content)
      assert.equal(read.content.content.body, 'first')
    },
  },
  {
    number: '03',
    name: 'a post, answered at once and processed later',
    async run(world) {
      const { item_hash } = await world.asAlice.createPost({ postType: 'conformance', content: { body: 'later' }, channel: world.channel })
      await world.settled(item_hash)
    },
  },
  {
    number: '04',
    name: 'lists by type, address, channel and tag',
    async run(world) {
      const post = await world.post()
      const page = await world.anyone.getPosts({ types: 'conformance', addresses: [world.alice.address], channels: [world.channel], page: 1, pagination: 5 })
      assert.equal(page.pagination_item, 'posts')
      assert.equal(page.pagination_per_page, 5)
      assert.ok(page.pagination_total >= 1)
      assert.ok(page.posts.length >= 1 && page.posts.length <= 5)
      assert.ok(page.posts.every((p) => p.channel === world.channel && p.sender === world.alice.address))
      const tagged = await world.anyone.getMessages({ tags: [world.mark], pagination: 10 })
      assert.deepEqual(tagged.messages.map((m) => m.item_hash), [post.item_hash])
    },
  },
  {
    number: '05',
    name: 'an amend replaces the content, not the message',
    async run(world) {
      const [post, amend] = [await world.post(), await world.amend()]
      const current = await world.anyone.getPost({ hashes: [post.item_hash], types: 'conformance' })
      assert.equal(current.content.body, 'second')
      assert.equal(current.original_item_hash, post.item_hash)
      assert.equal(current.item_hash, amend.item_hash)
      assert.equal((await world.anyone.getMessage(post.item_hash)).content.content.body, 'first')
    },
  },
  {
    number: '06',
    name: 'an amend of an amend is refused',
    async run(world) {
      const { item_hash: ref } = await world.amend()
      await refused(world.asAlice.createPost({ postType: 'amend', ref, content: {}, channel: world.channel, sync: true }), InvalidMessageError)
    },
  },
  {
    number: '09',
    name: 'an unknown message is not found',
    run: (world) => refused(world.anyone.getMessage('c0'.repeat(32)), MessageNotFoundError),
  },
  {
    number: '10',
    name: 'a post over 50,000 bytes moves to storage',
    async run(world) {
      const body = world.mark.padEnd(60_000, '.')
      const post = await world.asAlice.createPost({ postType: 'conformance-large', content: { body }, channel: world.channel, sync: true })
      assert.equal(post.item_type, 'storage')
      assert.equal(post.item_content, undefined)
      await world.settled(post.item_hash)
      assert.equal((await world.anyone.getMessage(post.item_hash)).content.content.body, body)
      const bytes = Buffer.from(await world.anyone.downloadFile(post.item_hash))
      assert.equal(sha256(bytes), post.item_hash)
      assert.equal(JSON.parse(bytes).content.body, body)
    },
  },
  {
    number: '21',
    name: 'a forgotten post and file are gone',
    async run(world) {
      const post = await world.post()
      const { message: store } = await world.smallFile()
      const forget = await world.asAlice.forget({ hashes: [post.item_hash, store.item_hash], reason: 'the run is over', channel: world.channel, sync: true })
      for (const { item_hash } of [post, store]) {
        const { forgotten_by: by } = await world.settled(item_hash, 'forgotten')
        assert.deepEqual(by, [forget.item_hash])
      }
      await refused(world.anyone.getMessage(post.item_hash), ForgottenMessageError)
      await refused(world.anyone.getPost({ hashes: [post.item_hash] }), MessageNotFoundError)
      const { code, body } = await world.get(`/api/v0/addresses/${world.alice.address}/files?pagination=0`)
      assert.ok(code === 404 || code === 200, `files: ${code}`) // 404: the account has no file left
      assert.ok(!body.files?.some((f) => f.item_hash === store.item_hash))
    },
  },
]
