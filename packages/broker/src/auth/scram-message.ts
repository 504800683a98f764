import { loginFailure, textOf } from './login-failure.ts'

/** Longest name and nonce taken; both are echoed or hashed several times. */
const nameCharactersMax = 255
const nonceCharactersMax = 1024

/** RFC 5802 §7: printable ASCII without the comma. */
const printable = /^[\x21-\x2b\x2d-\x7e]+$/
/** A standard base64 text; Node's own reader takes anything. */
const base64 = /^[A-Za-z0-9+/]+={0,2}$/

export interface ClientFirst {
  /** Channel binding flag and authorization identity, with the comma after them. */
  readonly gs2Header: string
  /** The message without that. */
  readonly bare: string
  readonly name: string
  readonly nonce: string
}

export interface ClientFinal {
  readonly withoutProof: string
  readonly channelBinding: string
  readonly nonce: string
  readonly proof: Buffer
}

/** Reads `n,[a=name],n=name,r=nonce[,extensions]` (RFC 5802 §7). @throws BrokerError 'authentication-failed' */
export function readClientFirst(message: Uint8Array): ClientFirst {
  const text = textOf(message)
  const header = /^([ny]|p=[^,]*),(?:a=([^,]*))?,/.exec(text)
  if (header === null) throw malformed()
  const gs2Header = header[0]
  if (gs2Header.startsWith('p')) throw loginFailure('the client asks for channel binding, which is not offered')
  const bare = text.slice(gs2Header.length)
  const [nameField, nonceField, ...extensions] = bare.split(',')
  const name = readName(valueOf('n', nameField))
  const nonce = valueOf('r', nonceField)
  if (nonce.length > nonceCharactersMax || !printable.test(nonce)) throw malformed()
  if (header[2] !== undefined && readName(header[2]) !== name) {
    throw loginFailure('the client wants to act in the name of another user')
  }
  if (extensions.includes('tokenauth=true')) throw loginFailure('delegation tokens are not served')
  return { gs2Header, bare, name, nonce }
}

/** Reads `c=binding,r=nonce[,extensions],p=proof`. @throws BrokerError 'authentication-failed' */
export function readClientFinal(message: Uint8Array): ClientFinal {
  const text = textOf(message)
  const proofAt = text.lastIndexOf(',p=')
  if (proofAt < 0) throw malformed()
  const withoutProof = text.slice(0, proofAt)
  const [bindingField, nonceField] = withoutProof.split(',')
  const proof = text.slice(proofAt + 3)
  if (!base64.test(proof)) throw malformed()
  return {
    withoutProof,
    channelBinding: valueOf('c', bindingField),
    nonce: valueOf('r', nonceField),
    proof: Buffer.from(proof, 'base64'),
  }
}

function valueOf(attribute: string, field: string | undefined): string {
  if (field === undefined || !field.startsWith(`${attribute}=`)) throw malformed()
  return field.slice(attribute.length + 1)
}

/** A comma is written =2C, an equals sign =3D; no other use of the equals sign is allowed. */
function readName(text: string): string {
  if (/=(?!2C|3D)/.test(text)) throw malformed()
  const name = text.replaceAll('=2C', ',').replaceAll('=3D', '=')
  if (name === '' || name.length > nameCharactersMax) throw malformed()
  return name
}

function malformed(): Error {
  return loginFailure('the message is not of the form that SCRAM has')
}
