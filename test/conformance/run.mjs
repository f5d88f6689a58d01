// The published TypeScript packages against a running node, scenario by
// scenario (docs/spec/clients.md 3.4).
//
//   API=http://127.0.0.1:4024 node run.mjs [--later 13,14] [--only 02,05] [--list]
//
// API      the node (default: the port of the network on this machine)
// WS       its WebSocket address (default: API with the ws scheme)
// KEY      private key of the account that publishes (default: a new one)
// FUNDED=1 the account can pay: creating machines must succeed
// HOLD     ok or refused: whether instances may be paid by holding tokens (default: by the network's date)
// SOLANA=1 run what needs a Solana account
//
// --later names scenarios the node does not promise yet: they are listed and not run.
// Prints a table; the exit status is 0 when nothing that ran has failed.
import { parseArgs } from 'node:util'
import accounts from './scenarios/accounts.mjs'
import aggregates from './scenarios/aggregates.mjs'
import files from './scenarios/files.mjs'
import machines from './scenarios/machines.mjs'
import permissions from './scenarios/permissions.mjs'
import posts from './scenarios/posts.mjs'
import subscriptions from './scenarios/subscriptions.mjs'
import { World } from './world.mjs'

// The table is ours alone: the packages write to the console as they work.
const print = console.log.bind(console)
console.log = console.warn = console.info = () => {}

const TIME_LIMIT = 90_000 // ms per scenario
const HOLD_ENDS = Date.UTC(2026, 2, 11) // instances are paid by credits from here on (docs/spec/messages.md 7.6)

// In the order of their numbers: later scenarios forget what earlier ones published.
const scenarios = [accounts, aggregates, files, machines, permissions, posts, subscriptions]
  .flat()
  .sort((a, b) => a.number.localeCompare(b.number))

function numbers(text, option) {
  const wanted = new Set(text ? text.split(',').map((n) => n.trim().padStart(2, '0')) : [])
  for (const number of wanted) {
    if (!scenarios.some((s) => s.number === number)) throw new Error(`--${option}: there is no scenario ${number}`)
  }
  return wanted
}

/** Runs one scenario: its result and, when it failed, why. */
async function attempt(scenario, world) {
  const began = performance.now()
  const done = (result, error) => ({ ...scenario, result, error, ms: Math.round(performance.now() - began) })
  const abandoned = AbortSignal.timeout(TIME_LIMIT)
  const late = new Promise((_, reject) => {
    abandoned.addEventListener('abort', () => reject(new Error(`not finished after ${TIME_LIMIT / 1000} s`)))
  })
  try {
    await Promise.race([(async () => scenario.run(world))(), late])
    return done('ok')
  } catch (error) {
    return done('FAIL', error)
  }
}

function row({ number, name, result, ms }) {
  return `${number}  ${name.padEnd(58)}  ${result.padEnd(5)}  ${(ms === undefined ? '' : String(ms)).padStart(6)}`
}

async function main() {
  const { values: options } = parseArgs({
    options: { later: { type: 'string' }, only: { type: 'string' }, list: { type: 'boolean' } },
  })
  const later = numbers(options.later, 'later')
  const only = numbers(options.only, 'only')
  print(row({ number: 'no', name: 'scenario', result: '', ms: 'ms' }).trimEnd())
  if (options.list) {
    for (const { number, name } of scenarios) print(row({ number, name, result: later.has(number) ? 'later' : '' }).trimEnd())
    return 0
  }

  const api = (process.env.API ?? 'http://127.0.0.1:4024').replace(/\/$/, '')
  const has = { solana: process.env.SOLANA === '1' }
  const world = new World({
    api,
    socket: process.env.WS ?? api.replace(/^http/, 'ws'),
    key: process.env.KEY,
    funded: process.env.FUNDED === '1',
    hold: process.env.HOLD ?? (Date.now() < HOLD_ENDS ? 'ok' : 'refused'),
  })
  const rows = []
  for (const scenario of scenarios) {
    let outcome
    if (later.has(scenario.number)) outcome = { ...scenario, result: 'later' }
    else if ((only.size > 0 && !only.has(scenario.number)) || (scenario.needs && !has[scenario.needs])) outcome = { ...scenario, result: 'off' }
    else outcome = await attempt(scenario, world)
    print(row(outcome).trimEnd())
    rows.push(outcome)
  }

  for (const { number, name, error } of rows.filter((r) => r.error)) {
    print(`\n${number} ${name}\n${String(error.stack ?? error).split('\n').slice(0, 8).join('\n')}`)
  }
  const count = (result) => rows.filter((r) => r.result === result).length
  print(`\n${rows.length} scenarios: ${count('ok')} ok, ${count('FAIL')} failed, ${count('later')} later, ${count('off')} off`)
  return count('FAIL') === 0 ? 0 : 1
}

try {
  process.exit(await main())
} catch (error) {
  console.error(error.message)
  process.exit(2)
}
