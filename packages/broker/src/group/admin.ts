import type { ErrorCode } from '../errors/errors.ts'
import type { Group } from './group.ts'
import { noBytes } from './member.ts'
import type { DescribedGroup, ListedGroup, ListFilter } from './messages.ts'

export function describeGroup(group: Group): DescribedGroup {
  // Before an assignment is agreed upon, metadata and assignments of two generations would be mixed.
  const stable = group.state === 'Stable'
  return {
    error: null,
    groupId: group.id,
    state: group.state,
    protocolType: group.protocolType ?? '',
    protocolName: stable ? (group.protocolName ?? '') : '',
    generation: group.generation,
    leader: group.leader ?? '',
    members: Array.from(group.members(), (member) => ({
      memberId: member.id,
      instanceId: member.instanceId,
      clientId: member.traits.clientId,
      clientHost: member.traits.clientHost,
      metadata: stable ? member.metadataFor(group.protocolName) : noBytes,
      assignment: stable ? member.assignment : noBytes,
    })),
  }
}

/** As described when it cannot be. A group that does not exist is Dead. */
export function undescribedGroup(groupId: string, error: ErrorCode): DescribedGroup {
  return {
    error,
    groupId,
    state: 'Dead',
    protocolType: '',
    protocolName: '',
    generation: -1,
    leader: '',
    members: [],
  }
}

export function listGroups(groups: Iterable<Group>, filter: ListFilter): ListedGroup[] {
  const states = nameSet(filter.states)
  const types = nameSet(filter.types)
  const listed: ListedGroup[] = []
  if (types !== null && !types.has('classic')) return listed
  for (const group of groups) {
    if (states !== null && !states.has(group.state.toLowerCase())) continue
    listed.push({ groupId: group.id, protocolType: group.protocolType ?? '', state: group.state, type: 'classic' })
  }
  return listed
}

function nameSet(names: readonly string[] | undefined): ReadonlySet<string> | null {
  return names === undefined || names.length === 0 ? null : new Set(names.map((name) => name.toLowerCase()))
}
