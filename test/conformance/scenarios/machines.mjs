import assert from 'node:assert/strict'
import { InvalidMessageError } from '@aleph-sdk/message'
import { file, refused } from '../world.mjs'

/** Creating a machine may be refused only where the account cannot pay. */
async function created(world, call) {
  try {
    return await call
  } catch (error) {
    if (world.funded) throw error
    assert.ok(error instanceof InvalidMessageError, String(error?.stack))
    return undefined
  }
}

/** An instance of one virtual processor on the run's image. */
async function instanceOf(world, payment) {
  const { message } = await world.image()
  return {
    channel: world.channel,
    metadata: { name: `machine of ${world.mark}` },
    authorized_keys: ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMg conformance'],
    resources: { vcpus: 1, memory: 2048 },
    rootfs: { parent: { ref: message.item_hash, use_latest: true }, persistence: 'host', size_mib: 20_480 },
    payment: { chain: 'ETH', type: payment },
  }
}

const instance = (payment) => ({
  number: '18',
  name: `an instance paid by ${payment}`,
  async run(world) {
    const call = world.asAlice.createInstance(await instanceOf(world, payment))
    if (payment === 'hold' && world.hold === 'refused') return refused(call, InvalidMessageError)
    const message = await created(world, call)
    if (!message) return
    const { content } = (await world.settled(message.item_hash)).message
    assert.equal(content.payment.type, payment)
    assert.equal(content.rootfs.size_mib, 20_480)
  },
})

export default [
  {
    number: '17',
    name: 'a program from an uploaded file',
    async run(world) {
      const { message: image } = await world.image()
      const program = await created(
        world,
        world.asAlice.createProgram({
          channel: world.channel,
          file: file(`PK\x03\x04 code of ${world.mark}`),
          storageEngine: 'storage',
          entrypoint: 'main:app',
          runtime: image.item_hash,
          memory: 128,
          isPersistent: false,
        }),
      )
      if (!program) return
      assert.equal(program.type, 'PROGRAM')
      const { content } = (await world.settled(program.item_hash)).message
      assert.equal(content.on.http, true)
      assert.equal(content.code.entrypoint, 'main:app')
      assert.equal(content.runtime.ref, image.item_hash)
      assert.equal(content.payment.type, 'hold')
    },
  },
  instance('hold'),
  instance('credit'),
  {
    number: '19',
    name: 'an estimate of what an instance costs',
    async run(world) {
      const estimate = await world.anyone.instanceClient.getEstimatedCost({ account: world.alice, ...(await instanceOf(world, 'hold')) })
      assert.ok(Number(estimate.cost) >= 0, `cost ${estimate.cost}`)
      assert.equal(estimate.payment_type, 'hold')
    },
  },
]
