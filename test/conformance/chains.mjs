// Signs and verifies with the published packages: reads requests from standard
// input, one JSON object per line, and answers each with one line.
//
//   {"op":"versions"}                                        the packages, with their versions
//   {"op":"address","chain","key"|"mnemonic"}                the address of a key
//   {"op":"sign","chain","key","form","sender","type","item_hash","time"}
//   {"op":"verify","chain","sender","type","item_hash","time","signature"}
//
// The answer is {"value"} or {"error"}. A package that only signs, or whose check
// is wrong, is checked with the library that it is made of: see `checks`.
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'

// The wallets' transport greets whoever listens: standard output is ours alone.
console.log = console.error
// Its copies for import and for require are one version: no need to warn of them.
process.env.POLKADOTJS_DISABLE_ESM_CJS_WARNING = '1'

const { HashedMessage } = await import('@aleph-sdk/message')
const { verifyEthereum } = await import('@aleph-sdk/evm')
const ethereum = await import('@aleph-sdk/ethereum')
const base = await import('@aleph-sdk/base')
const solana = await import('@aleph-sdk/solana')
const substrate = await import('@aleph-sdk/substrate')
const cosmos = await import('@aleph-sdk/cosmos')
const nuls2 = await import('@aleph-sdk/nuls2')
const tezos = await import('@aleph-sdk/tezos')
const avalanche = await import('@aleph-sdk/avalanche')
const { Keyring } = await import('@polkadot/keyring')
const { cryptoWaitReady, signatureVerify } = await import('@polkadot/util-crypto')
const amino = await import('@cosmjs/amino')
const { Secp256k1, Secp256k1Signature, sha256 } = await import('@cosmjs/crypto')
const { InMemorySigner } = await import('@taquito/signer')
const { getPkhfromPk, verifySignature } = await import('@taquito/utils')
const { default: secp256k1 } = await import('secp256k1')
const { default: AvalancheJS } = await import('avalanche')
const { Keypair } = await import('@solana/web3.js')
const { utils } = await import('ethers')

await cryptoWaitReady()

const bytes = (hex) => Buffer.from(hex.replace(/^0x/, ''), 'hex')

/** The message as the official client builds it. */
const messageOf = (q) =>
  new HashedMessage({
    chain: q.chain, sender: q.sender, type: q.type, item_hash: q.item_hash,
    time: q.time, item_type: 'storage', content: {},
  })

/** The Tezos package takes seconds for milliseconds: it is given what it wants. */
const inMilliseconds = (message) => Object.assign(message, { time: Math.floor(Math.round(message.time * 1e6) / 1e3) })

const evm = {
  account: (q) => (q.chain === 'BASE' ? base : ethereum).importAccountFromPrivateKey(q.key),
  mnemonic: (q) => (q.chain === 'BASE' ? base : ethereum).importAccountFromMnemonic(q.mnemonic),
  verify: (q, message) => verifyEthereum(message, q.signature, q.sender),
}

const sol = {
  account: (q) => solana.importAccountFromPrivateKey(Keypair.fromSeed(bytes(q.key)).secretKey),
  // The package knows no mnemonic; any SLIP-0010 derivation by the wallets' path will do.
  async mnemonic(q) {
    const signer = InMemorySigner.fromMnemonic({ mnemonic: q.mnemonic, derivationPath: "44'/501'/0'/0'", curve: 'ed25519' })
    const { b58cdecode, prefix } = await import('@taquito/utils')
    const secret = b58cdecode(await signer.secretKey(), prefix.edsk)
    return solana.importAccountFromPrivateKey(Keypair.fromSeed(secret.slice(0, 32)).secretKey)
  },
  verify: (q, message) => JSON.parse(q.signature).publicKey === q.sender && solana.verifySolana(message, q.signature),
}

const dot = {
  account: (q) => substrate.importAccountFromPrivateKey(q.key),
  mnemonic: (q) => substrate.importAccountFromMnemonic(q.mnemonic),
  /** What a browser extension does in the place of the package's own key. */
  async sign(q, message) {
    if (q.form !== 'wallet') return (await this.account(q)).sign(message)
    const pair = new Keyring({ type: 'sr25519' }).createFromUri(q.key)
    const signRaw = async ({ data }) => {
      const wrapped = Buffer.concat([Buffer.from('<Bytes>'), bytes(data), Buffer.from('</Bytes>')])
      return { signature: '0x' + Buffer.from(pair.sign(wrapped)).toString('hex') }
    }
    return new substrate.DOTAccount({ signer: { signRaw } }, pair.address).sign(message)
  },
  // The package does not export its check, which is this call.
  verify: (q, message) => signatureVerify(message.getVerificationBuffer(), JSON.parse(q.signature).data, q.sender).isValid,
}

const csdk = {
  // The package takes text for bytes: it is given bytes.
  account: (q) => cosmos.importAccountFromPrivateKey(bytes(q.key)),
  mnemonic: (q) => cosmos.importAccountFromMnemonic(q.mnemonic),
  // verifyCosmos checks the buffer where the document was signed, and so refuses
  // what the package itself signs.
  async verify(q, message) {
    const { pub_key, signature } = JSON.parse(q.signature)
    const text = { type: 'signutil/MsgSignText', value: { message: message.getVerificationBuffer().toString(), signer: q.sender } }
    const document = amino.makeSignDoc([text], { amount: [], gas: '0' }, 'signed-message-v1', '', 0, '0')
    const key = Buffer.from(pub_key.value, 'base64')
    const made = Secp256k1Signature.fromFixedLength(Buffer.from(signature, 'base64'))
    return (
      amino.pubkeyToAddress(pub_key, q.sender.split('1')[0]) === q.sender &&
      (await Secp256k1.verifySignature(made, sha256(amino.serializeSignDoc(document)), key))
    )
  },
}

const nuls = {
  account: (q) => nuls2.importAccountFromPrivateKey(q.key.replace(/^0x/, '')),
  mnemonic: (q) => nuls2.importAccountFromMnemonic(q.mnemonic),
  // The package only signs.
  verify(q, message) {
    const data = Buffer.from(q.signature, 'base64')
    const digest = nuls2.NULS2Account.magicHash(message.getVerificationBuffer())
    const key = secp256k1.ecdsaRecover(data.subarray(1), data[0] - 27, digest)
    const hash = nuls2.NULS2Account.publicKeyToHash(key, { chain_id: 1 })
    return nuls2.NULS2Account.addressFromHash(hash, 'NULS') === q.sender
  },
}

const tz = {
  account: (q) => tezos.importAccountFromPrivateKey(q.key),
  // The package knows no mnemonic, but the library that it signs with does.
  async mnemonic(q) {
    const signer = InMemorySigner.fromMnemonic({ mnemonic: q.mnemonic, derivationPath: "44'/1729'/0'/0'", curve: 'ed25519' })
    return new tezos.TEZOSAccount(await signer.publicKey(), signer)
  },
  /** The package signs the wallets' form only; the plain one is what its library signs. */
  async sign(q, message) {
    if (q.form === 'wallet') return (await this.account(q)).sign(inMilliseconds(message))
    const signer = new InMemorySigner(q.key)
    const made = await signer.sign(message.getVerificationBuffer().toString('hex'))
    return JSON.stringify({ signature: made.prefixSig, publicKey: await signer.publicKey() })
  },
  verify(q, message) {
    const { publicKey, signature, signingType } = JSON.parse(q.signature)
    if (getPkhfromPk(publicKey) !== q.sender) return false
    if (signingType === 'micheline') return tezos.verifyTezos(inMilliseconds(message), q.signature)
    return verifySignature(message.getVerificationBuffer().toString('hex'), publicKey, signature)
  },
}

const avalancheHRP = 'avax'

const avax = {
  account: (q) => avalanche.importAccountFromPrivateKey(q.key.replace(/^0x/, ''), avalanche.ChainType.X_CHAIN),
  // The package takes Ethereum's path unless told another, and 0x for a part of the key.
  mnemonic: (q) =>
    avax.account({ key: utils.HDNode.fromMnemonic(q.mnemonic).derivePath("m/44'/9000'/0'/0/0").privateKey }),
  // The package leaves the network out of its addresses, and nodes put it in.
  address: (account) => AvalancheJS.BinTools.getInstance().addressToString(avalancheHRP, 'X', account.keyPair.getAddress()),
  async verify(q, message) {
    const tools = AvalancheJS.BinTools.getInstance()
    const digest = AvalancheJS.Buffer.from(avalanche.digestMessage(message.getVerificationBuffer()).toString('hex'), 'hex')
    const pair = await avalanche.getKeyPair(undefined, avalanche.ChainType.X_CHAIN)
    const key = pair.recover(digest, tools.cb58Decode(q.signature))
    const address = tools.addressToString(avalancheHRP, q.sender[0], pair.constructor.addressFromPublicKey(key))
    return address === q.sender && (await avalanche.verifyAvalanche(message, q.signature, key.toString('hex')))
  },
}

/** Chains without an entry of their own are Ethereum's family. */
const chains = { SOL: sol, ES: sol, DOT: dot, CSDK: csdk, NULS2: nuls, TEZOS: tz, AVAX: avax }

const without = ['NULS', 'AURORA', 'STT']

async function answer(q) {
  if (q.op === 'versions') {
    const { dependencies } = JSON.parse(readFileSync(new URL('package.json', import.meta.url)))
    const installed = (name) => JSON.parse(readFileSync(new URL(`node_modules/${name}/package.json`, import.meta.url))).version
    return Object.fromEntries(Object.keys(dependencies).map((name) => [name, installed(name)]))
  }
  if (without.includes(q.chain)) throw new Error(`no package for ${q.chain}`)
  const chain = chains[q.chain] ?? evm
  switch (q.op) {
    case 'address': {
      const account = await (q.mnemonic ? chain.mnemonic(q) : chain.account(q))
      return chain.address ? chain.address(account) : account.address
    }
    case 'sign':
      return chain.sign ? chain.sign(q, messageOf(q)) : (await chain.account(q)).sign(messageOf(q))
    case 'verify':
      return chain.verify(q, messageOf(q))
  }
  throw new Error(`unknown request ${q.op}`)
}

for await (const line of createInterface({ input: process.stdin })) {
  let result
  try {
    result = { value: await answer(JSON.parse(line)) }
  } catch (error) {
    result = { error: String(error?.message ?? error) }
  }
  process.stdout.write(JSON.stringify(result) + '\n')
}
process.exit(0) // wallets leave connections behind
