/** Replaces a method or an accessor of a class; the function given back undoes that. */
export function patchMethod<T extends object, K extends keyof T>(
  target: T,
  name: K,
  make: (original: T[K]) => T[K],
): () => void {
  const before = Object.getOwnPropertyDescriptor(target, name)
  if (before?.value === undefined) throw new Error(`there is no method ${String(name)} to replace`)
  Object.defineProperty(target, name, { ...before, value: make(before.value as T[K]) })
  return () => void Object.defineProperty(target, name, before)
}

/** The same for a getter. */
export function patchGetter<T extends object, K extends keyof T>(
  target: T,
  name: K,
  make: (original: (this: T) => T[K]) => (this: T) => T[K],
): () => void {
  const before = Object.getOwnPropertyDescriptor(target, name)
  if (before?.get === undefined) throw new Error(`there is no getter ${String(name)} to replace`)
  Object.defineProperty(target, name, { ...before, get: make(before.get as (this: T) => T[K]) })
  return () => void Object.defineProperty(target, name, before)
}
