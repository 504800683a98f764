const memberIdLengthMax = 256

/** Who asks, if the request says so in names that can be kept. */
export function namesOf(request: {
  readonly groupId: string | null
  readonly memberId: string | null
}): { groupId: string; memberId: string } | undefined {
  const { groupId, memberId } = request
  return groupId && memberId && memberId.length <= memberIdLengthMax ? { groupId, memberId } : undefined
}
