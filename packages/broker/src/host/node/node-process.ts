/** What the operating system tells of this process; satisfies `ProcessFacts` of telemetry/process-metrics.ts. */
export const nodeProcessFacts = {
  residentBytes: (): number => process.memoryUsage.rss(),
  heapUsedBytes: (): number => process.memoryUsage().heapUsed,
  bufferBytes: (): number => process.memoryUsage().external,
  cpuSeconds: (): number => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  },
  startedSeconds: Math.round(Date.now() / 1000 - process.uptime()),
}
