import { SimulatedRandom } from '../../packages/broker/src/host/simulated/simulated-random.ts'
import type { Fate } from './device-model.ts'
import type { FileFate, FileModel } from './file-model.ts'
import { everything } from './file-model.ts'

/** How many fates are drawn for each moment of a trace. */
export const fatesPerMoment = 40

type FileFates = (file: FileModel) => FileFate
type NameFates = Fate['name']

const noName: NameFates = () => false
const allNames: NameFates = () => true
const lost: FileFates = () => everything(0)
const kept: FileFates = (file) => everything(file.pending.length)

/**
 * Fate number `index` of a moment: the extremes first, then each kind of what real crashes leave, drawn from `random`:
 * every change up to some moment, the same with the next one torn, and any sectors of any change in any order.
 */
export function fateAt(index: number, random: SimulatedRandom): Fate {
  if (index === 0) return { file: lost, name: noName }
  if (index === 1) return { file: kept, name: allNames }
  if (index === 2) return { file: lost, name: allNames }
  if (index === 3) return { file: kept, name: noName }
  return { file: fileFates(index % 4, random), name: nameFates(Math.floor(index / 4) % 3, random) }
}

function fileFates(kind: number, random: SimulatedRandom): FileFates {
  if (kind === 0) return (file) => everything(random.below(file.pending.length + 1))
  if (kind === 1) return (file) => torn(file, random)
  if (kind === 2) return (file) => shuffled(file.pending.length, random)
  return (file) => {
    const draw = random.next()
    if (draw < 0.25) return lost(file)
    if (draw < 0.5) return kept(file)
    if (draw < 0.75) return torn(file, random)
    return shuffled(file.pending.length, random)
  }
}

/** The first changes whole, of the next one any sectors. */
function torn(file: FileModel, random: SimulatedRandom): FileFate {
  const whole = random.below(file.pending.length)
  return fateOfSectors(() => whole + random.below(2))
}

function shuffled(count: number, random: SimulatedRandom): FileFate {
  return fateOfSectors(() => random.below(count + 1))
}

function fateOfSectors(draw: () => number): FileFate {
  const versions = new Map<number, number>()
  const sector = (index: number): number => {
    const known = versions.get(index)
    if (known !== undefined) return known
    const drawn = draw()
    versions.set(index, drawn)
    return drawn
  }
  return { sector, size: draw() }
}

function nameFates(kind: number, random: SimulatedRandom): NameFates {
  if (kind === 0) {
    const share = random.next()
    return (index, count) => index < share * (count + 1) - 0.5
  }
  if (kind === 1) return random.chance(0.5) ? allNames : noName
  const chance = random.next()
  return () => random.chance(chance)
}
