/**
 * A straightforward full decoder of protobuf, by the schema and the rules of the encoding (protobuf.dev/programming-guides/encoding):
 * messages in several parts are merged, of several scalars and members of a oneof the last counts, a wire type
 * that is not the field's makes it an unknown one. Refuses what is malformed anywhere, and more than 100 levels.
 */
import type protobuf from "protobufjs";

export type Message = { [field: string]: unknown };

const MAX_LEVELS = 100;
const WIRE_TYPES: Readonly<Record<string, number>> = {
  ...{ int32: 0, uint32: 0, int64: 0, bool: 0 },
  ...{ fixed64: 1, double: 1, string: 2, bytes: 2, fixed32: 5 },
};

export function decodeFully(type: protobuf.Type, bytes: Uint8Array): Message {
  return decodeInto({}, type, Buffer.from(bytes), 1);
}

function decodeInto(message: Message, type: protobuf.Type, bytes: Buffer, level: number): Message {
  let pos = 0;
  while (pos < bytes.length) {
    const [number, wireType, afterTag] = readTag(bytes, pos);
    const [content, end] = readField(bytes, number, wireType, afterTag, level);
    pos = end;
    const field = type.fieldsById[number];
    if (field === undefined) continue;
    const inner = field.resolve().resolvedType as protobuf.Type | null; // the schema has no enums
    if (wireType !== (inner === null ? WIRE_TYPES[field.type] : 2)) continue;
    const name = field.name;
    for (const other of field.partOf?.oneof ?? []) if (other !== name) delete message[other];
    if (inner === null) message[name] = readScalar(field.type, content);
    else if (field.repeated) {
      message[name] ??= [];
      const list = message[name] as Message[]; // made here alone
      list.push(decodeInto({}, inner, content, deeper(level)));
    } else {
      message[name] = decodeInto((message[name] ?? {}) as Message, inner, content, deeper(level)); // made here alone
    }
  }
  return message;
}

function readTag(bytes: Buffer, pos: number): [number: number, wireType: number, end: number] {
  const [tag, end] = readVarint(bytes, pos);
  check(tag >= 8n && tag < 1n << 32n, "tag");
  return [Number(tag >> 3n), Number(tag & 7n), end];
}

function readField(bytes: Buffer, number: number, wireType: number, pos: number, level: number): [Buffer, number] {
  let end = pos;
  if (wireType === 0) end = readVarint(bytes, pos)[1];
  else if (wireType === 1) end = pos + 8;
  else if (wireType === 5) end = pos + 4;
  else if (wireType === 2) {
    const [length, start] = readVarint(bytes, pos);
    check(length <= BigInt(bytes.length - start), "length");
    return [bytes.subarray(start, start + Number(length)), start + Number(length)];
  } else if (wireType === 3) {
    end = readGroup(bytes, number, pos, deeper(level));
  } else {
    check(false, "wire type");
  }
  check(end <= bytes.length, "cut off");
  return [bytes.subarray(pos, end), end];
}

function readGroup(bytes: Buffer, number: number, from: number, level: number): number {
  for (let pos = from; ; ) {
    const [inner, wireType, afterTag] = readTag(bytes, pos);
    if (wireType === 4 && inner === number) return afterTag;
    pos = readField(bytes, inner, wireType, afterTag, level)[1];
  }
}

function readVarint(bytes: Buffer, pos: number): [value: bigint, end: number] {
  let value = 0n;
  for (let index = 0; index < 10; index++) {
    const byte = bytes[pos + index];
    check(byte !== undefined, "cut off");
    value |= BigInt(byte & 0x7f) << BigInt(7 * index);
    if (byte < 0x80) return [value, pos + index + 1];
  }
  throw new Error("varint");
}

function readScalar(type: string, content: Buffer): unknown {
  switch (type) {
    case "string":
      return new TextDecoder("utf-8", { ignoreBOM: true }).decode(content);
    case "bytes":
      return content;
    case "double":
      return content.readDoubleLE();
    case "fixed64":
      return content.readBigUInt64LE();
    case "int64":
      return BigInt.asIntN(64, readVarint(content, 0)[0]);
    case "bool":
      return readVarint(content, 0)[0] !== 0n;
    case "fixed32":
      return content.readUInt32LE();
    default:
      return Number(BigInt.asIntN(32, readVarint(content, 0)[0]));
  }
}

function deeper(level: number): number {
  check(level < MAX_LEVELS, "levels");
  return level + 1;
}

function check(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Error(what);
}
