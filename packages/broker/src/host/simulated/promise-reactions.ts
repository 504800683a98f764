/**
 * Runs all microtasks and nextTicks that wait, and those that these bring about; to be called where nothing but a callback of the
 * event loop is on the stack. It is what Node itself does between two callbacks, and much faster than to wait for one. Undefined in
 * a runtime that does not give it away.
 */
export const runPromiseReactions: (() => void) | undefined = (process as { _tickCallback?: () => void })._tickCallback
