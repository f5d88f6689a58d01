// The world a run happens in: two accounts, the official clients bound to them,
// and the few questions every scenario asks of the node.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { AlephHttpClient, AuthenticatedAlephHttpClient } from '@aleph-sdk/client'
import { importAccountFromPrivateKey, newAccount } from '@aleph-sdk/ethereum'

const PATIENCE = 30_000 // ms a node may take to settle a message

export const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex')

/** Repeats a check until it holds. */
export async function eventually(check, within = PATIENCE) {
  const deadline = Date.now() + within
  for (;;) {
    try {
      return await check()
    } catch (error) {
      if (Date.now() > deadline) throw error
      await pause(100)
    }
  }
}

/** Expects a call to fail with one of the official error classes. */
export async function refused(call, errorClass) {
  const outcome = await call.then(
    () => ({ accepted: true }),
    (error) => ({ error }),
  )
  assert.ok(!outcome.accepted, `accepted, expected ${errorClass.name}`)
  assert.ok(outcome.error instanceof errorClass, `expected ${errorClass.name}, got ${outcome.error?.stack}`)
}

/** A file to upload; a Blob keeps its bytes, a bare Buffer does not in 1.7. */
export const file = (...parts) => new Blob(parts)

export class World {
  constructor({ api, socket, key, funded, hold }) {
    this.api = api
    this.socket = socket
    this.funded = funded
    this.hold = hold
    this.alice = key ? importAccountFromPrivateKey(key) : newAccount().account
    this.bob = newAccount().account
    this.asAlice = this.client(this.alice)
    this.asBob = this.client(this.bob)
    this.anyone = new AlephHttpClient(api)
    // Everything a run publishes carries its mark, so that runs can follow each other on one node.
    this.mark = `run-${Date.now().toString(36)}-${process.pid}`
    this.channel = 'CONFORMANCE'
    this.made = new Map()
  }

  client(account) {
    return new AuthenticatedAlephHttpClient(account, this.api)
  }

  /** What one scenario makes and others need: made once, by whoever asks first. */
  once(name, make) {
    if (!this.made.has(name)) this.made.set(name, make())
    return this.made.get(name)
  }

  post() {
    return this.once('post', () =>
      this.asAlice.createPost({
        postType: 'conformance',
        content: { body: 'first', tags: [this.mark] },
        channel: this.channel,
        sync: true,
      }),
    )
  }

  amend() {
    return this.once('amend', async () =>
      this.asAlice.createPost({
        postType: 'amend',
        ref: (await this.post()).item_hash,
        content: { body: 'second' },
        channel: this.channel,
        sync: true,
      }),
    )
  }

  /** Stores bytes as alice and waits until the message is processed. */
  async stored(blob, storageEngine) {
    const message = await this.asAlice.createStore({ fileObject: blob, storageEngine, channel: this.channel, sync: true })
    await this.settled(message.item_hash)
    return { message, content: JSON.parse(message.item_content) }
  }

  smallBytes() {
    return Buffer.concat([Buffer.from(`small ${this.mark} `), Buffer.from([0, 0xff, 0xfe, 0x80, 0x0a])])
  }

  smallFile() {
    return this.once('small file', () => this.stored(file(this.smallBytes()), 'storage'))
  }

  image() {
    return this.once('image', () => this.stored(file(`an image of ${this.mark}`), 'storage'))
  }

  /** A plain request to the node: its status and its body. */
  async get(path) {
    const response = await fetch(this.api + path, { signal: AbortSignal.timeout(PATIENCE) })
    const json = response.headers.get('content-type')?.includes('json')
    return { code: response.status, body: json ? await response.json() : await response.text() }
  }

  /** Waits until a message has a status. */
  settled(hash, status = 'processed') {
    return eventually(async () => {
      const { code, body } = await this.get(`/api/v0/messages/${hash}`)
      assert.equal(code, 200, `message ${hash}`)
      assert.equal(body.status, status, `message ${hash}, code ${body.error_code}`)
      return body
    })
  }

  /** Publishes an envelope as it is, past every check of the client. */
  async publishRaw(message) {
    const response = await fetch(`${this.api}/api/v0/messages`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sync: true, message }),
      signal: AbortSignal.timeout(PATIENCE),
    })
    await response.arrayBuffer()
    return response.status
  }
}
