import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { file, sha256 } from '../world.mjs'

const LARGE = 5 * 1024 * 1024

/** CIDv0 of known bytes: UnixFS, balanced, 256 KiB chunks, no raw leaves. */
const CIDS = [
  [Buffer.from('hello world\n'), 'QmT78zSuBmuS4z925WZfrqQ1qHaJ56DQaTfyMUF7F8ff5o'],
  [Buffer.alloc(1024 * 1024), 'QmVkbauSDEaMP4Tkq6Epm9uW75mWm136n81YH8fGtfwdHU'],
]

export default [
  {
    number: '11',
    name: 'a small binary file comes back byte for byte',
    async run(world) {
      const { content } = await world.smallFile()
      assert.equal(content.item_hash, sha256(world.smallBytes()))
      assert.deepEqual(Buffer.from(await world.anyone.downloadFile(content.item_hash)), world.smallBytes())
    },
  },
  {
    number: '12',
    name: 'a file of 5 MiB comes back byte for byte',
    async run(world) {
      const bytes = randomBytes(LARGE)
      const { content } = await world.stored(file(bytes), 'storage')
      assert.equal(content.item_hash, sha256(bytes))
      assert.ok(bytes.equals(Buffer.from(await world.anyone.downloadFile(content.item_hash))))
    },
  },
  {
    number: '13',
    name: 'files on IPFS have the CIDs of the network',
    async run(world) {
      for (const [bytes, cid] of CIDS) {
        const { content } = await world.stored(file(bytes), 'ipfs')
        assert.equal(content.item_hash, cid)
        assert.ok(bytes.equals(Buffer.from(await world.anyone.downloadFile(cid))))
      }
    },
  },
  {
    number: '14',
    name: 'the list of an account\'s files',
    async run(world) {
      const { message } = await world.smallFile()
      const { code, body } = await world.get(`/api/v0/addresses/${world.alice.address}/files?pagination=100&page=1&sort_order=-1`)
      assert.equal(code, 200)
      const listed = body.files.find((f) => f.item_hash === message.item_hash)
      assert.equal(listed?.size, world.smallBytes().length)
      assert.equal(listed.type, 'file')
      assert.ok(body.total_size >= listed.size)
    },
  },
]
