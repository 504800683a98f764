// THINK BEFORE YOU EDIT: this table is the architecture of the broker. A layer (a folder of packages/broker/src) may
// import the layers on its right, itself, and `everywhere`. Change it in a commit of its own, with an ADR.
const layers = {
  host: [],
  record: [],
  errors: [],
  telemetry: [],
  config: ['errors'],
  journal: ['host', 'record'],
  log: ['host', 'record', 'journal'],
  cluster: ['host'],
  image: ['host', 'cluster'],
  controller: ['host', 'cluster', 'image', 'config'],
  membership: ['host', 'cluster', 'image'],
  auth: ['host', 'cluster', 'image', 'config'],
  topic: ['host', 'record', 'log', 'cluster', 'image', 'config'],
  replica: ['host', 'record', 'log', 'cluster', 'image', 'config', 'topic'],
  group: ['host', 'record', 'topic'],
  queue: ['host', 'record', 'cluster', 'image', 'config', 'topic', 'group'],
  kafka: ['host', 'record', 'image', 'auth', 'topic', 'replica', 'group', 'queue', 'config'],
  admin: ['host', 'image', 'auth', 'config', 'controller'],
  inspect: ['host', 'record', 'journal', 'log', 'cluster'],
  cli: ['host', 'record', 'journal', 'log', 'cluster', 'topic', 'group', 'kafka', 'inspect', 'config'],
}
/** Leaves that every layer may import: the vocabulary of failure and of logging. */
const everywhere = ['errors', 'telemetry']
/** The layers that speak the Kafka protocol or store what it defines; no other may know a wire format. */
const wireUsers = ['group', 'queue', 'kafka', 'cli']
/** The layers that know the stored batch, which is Kafka's (docs/adr/0004): of the wire package its records alone. */
const wireRecordUsers = ['record']
/** The layers with a reason to use one of Node's modules that reach outside the process. */
const nodeUsers = ['host/node', 'cli', 'main']

/** Third-party packages, and who may import each; docs/adr/0005-dependencies.md says why each is here. */
const packages = {
  '@node-rs/crc32': '^packages/broker/src/(record|cluster)/',
  snappy: '^packages/wire/src/records/',
  'lz4-napi': '^packages/wire/src/records/',
  yaml: '^packages/broker/src/config/',
  re2js: '^packages/broker/src/queue/',
}

/** Layers above the composition root: they use a broker, or what it left on disk, as a whole. */
const top = ['cli', 'inspect']

const broker = '^packages/broker/src/'
/** Tests and what they are made of may import upwards, and whatever they need of Node and node_modules. */
const tests = '[.](test|fixture|bench)[.]ts$|/testing/'
const outside = '^(node:)?(fs|net|tls|dns|dgram|http|https|http2|timers|child_process|cluster|worker_threads)(/|$)'
const folder = (names) => `${broker}(${names.join('|')})/`
/** main.ts, mod.ts, broker.ts and their like: they put the parts together, and so may import every layer. */
const compositionRoot = `${broker}[^/]+[.]ts$`

const forbidden = Object.entries(layers).map(([layer, may]) => ({
  name: `${layer}-imports-only`,
  comment: [layer, ...may, ...everywhere].join(', '),
  severity: 'error',
  from: { path: folder([layer]), pathNot: tests },
  to: { path: `${broker}[^/]+/`, pathNot: folder([layer, ...may, ...everywhere]) },
}))

forbidden.push(
  { name: 'no-cycles', comment: 'Type-only imports count.', severity: 'error', from: {}, to: { circular: true } },
  {
    name: 'every-folder-is-in-the-table',
    severity: 'error',
    from: { path: broker, pathNot: [folder(Object.keys(layers)), compositionRoot] },
    to: {},
  },
  {
    name: 'production-imports-no-test-code',
    comment: 'The simulated world is for tests as well.',
    severity: 'error',
    from: { path: '^packages/', pathNot: [tests, `${broker}host/simulated/`] },
    to: { path: [tests, `${broker}host/simulated/`] },
  },
  {
    name: 'nothing-imports-the-composition-root',
    comment: 'Except what stands above it: the command line starts a broker, inspect explains what it left.',
    severity: 'error',
    from: { path: `${broker}[^/]+/`, pathNot: [tests, folder(top)] },
    to: { path: compositionRoot },
  },
  {
    name: 'wire-where-needed',
    severity: 'error',
    from: { path: broker, pathNot: [tests, folder(wireUsers), compositionRoot] },
    to: { path: '^packages/wire/', pathNot: '^packages/wire/src/records/' },
  },
  {
    name: 'stored-batch-where-needed',
    severity: 'error',
    from: { path: broker, pathNot: [tests, folder([...wireUsers, ...wireRecordUsers]), compositionRoot] },
    to: { path: '^packages/wire/src/records/' },
  },
  {
    name: 'client-is-for-the-command-line',
    severity: 'error',
    from: { path: broker, pathNot: [tests, folder(['cli'])] },
    to: { path: '^packages/client/' },
  },
  {
    name: 'wire-is-sans-io',
    severity: 'error',
    from: { path: '^packages/wire/src/', pathNot: tests },
    to: { pathNot: ['^packages/wire/src/', '^(node:)?(zlib|module)$'] },
  },
  {
    name: 'client-is-independent',
    severity: 'error',
    from: { path: '^packages/(client|console)/' },
    to: { path: '^packages/(broker|console)/', pathNot: '^packages/console/src/.+' },
  },
  {
    name: 'only-host-touches-node',
    severity: 'error',
    from: { path: broker, pathNot: [tests, `${broker}(${nodeUsers.join('|')})(/|[.]ts$)`] },
    to: { dependencyTypes: ['core'], path: outside },
  },
  {
    name: 'real-world-only-at-the-top',
    comment: 'Implementations of host/ are chosen by the composition root and handed to constructors.',
    severity: 'error',
    from: { path: `${broker}[^/]+/`, pathNot: [tests, folder(['host', ...top])] },
    to: { path: `${broker}host/(node|memory|simulated)/` },
  },
  {
    name: 'packages-do-not-import-tools',
    severity: 'error',
    from: { path: '^packages/', pathNot: tests },
    to: { path: '^(test|bench|scripts|examples)/' },
  },
  { name: 'resolves', severity: 'error', from: {}, to: { couldNotResolve: true } },
  ...Object.entries(packages).map(([name, users]) => ({
    name: `only-some-import-${name.replace(/\W+/g, '-').replace(/^-/, '')}`,
    severity: 'error',
    from: { path: '^packages/', pathNot: [tests, users] },
    to: { path: `^node_modules/${name}/` },
  })),
)

module.exports = {
  forbidden,
  options: {
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '/(dist|golden)/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default', 'types'] },
  },
}
