import { findSettingFault } from '../config/load-settings.ts'
import { UsageError } from './exit-code.ts'

/** @throws UsageError: what is wrong in a file or a variable is not the command line's fault, what a flag says is */
export function expectSettings(flags: readonly { name: string; value: string; flag: string }[]): void {
  for (const { name, value, flag } of flags) {
    const fault = findSettingFault(name, value)
    if (fault !== undefined) throw new UsageError(`${flag}: ${fault}`)
  }
}
