// Turns a fresh context into one where expressions can change nothing that outlives them: what they don't need
// is removed, the clock and chance are given, code can't be made from text, and the built-ins are frozen.
const { ownKeys, getOwnPropertyDescriptor, getPrototypeOf, defineProperty, construct } = Reflect;
const { freeze } = Object;
const TypeErrorClass = TypeError;
const DateClass = Date;
let now = 0;
let seed = 1;

const REMOVED = `Atomics SharedArrayBuffer WeakRef FinalizationRegistry DataView ArrayBuffer BigInt64Array
 BigUint64Array Float16Array Float32Array Float64Array Int8Array Int16Array Int32Array Uint8Array Uint16Array
 Uint32Array Uint8ClampedArray performance queueMicrotask DisposableStack AsyncDisposableStack SuppressedError
 DOMException WeakMap WeakSet Iterator eval Function escape unescape`;
const shared = [
  getPrototypeOf(function* () {}), getPrototypeOf(async function () {}), getPrototypeOf(async function* () {}),
  getPrototypeOf(Function.prototype), Function.prototype, getPrototypeOf([][Symbol.iterator]()),
  getPrototypeOf(new Map()[Symbol.iterator]()), getPrototypeOf(new Set()[Symbol.iterator]()),
  getPrototypeOf(""[Symbol.iterator]()), getPrototypeOf("".matchAll(/./g)), getPrototypeOf([].values().map(check)),
  getPrototypeOf(Iterator.from({ next() {} })),
];
for (const name of REMOVED.split(/\s+/)) delete globalThis[name];
for (const key of ["prepareStackTrace", "stackTraceLimit", "captureStackTrace"]) delete Error[key];

function FixedDate(...fields) {
  if (new.target === undefined) return new DateClass(now).toString();
  return construct(DateClass, fields.length > 0 ? fields : [now], new.target === FixedDate ? DateClass : new.target);
}
for (const key of ["parse", "UTC"]) defineProperty(FixedDate, key, getOwnPropertyDescriptor(DateClass, key));
defineProperty(FixedDate, "now", { value: () => now });
defineProperty(FixedDate, "name", { value: "Date" });
defineProperty(FixedDate, "length", { value: 7 });
FixedDate.prototype = DateClass.prototype;
DateClass.prototype.constructor = FixedDate;
globalThis.Date = FixedDate;

// Mulberry32: the same numbers at every attempt.
defineProperty(Math, "random", {
  value() {
    seed = (seed + 0x6d2b79f5) | 0;
    let mixed = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  },
});

const refuse = (key) => () => { throw new TypeErrorClass(`${key} isn't available in expressions`); };
// An assignment to an object must work although its prototype is frozen.
const overridable = (holder, key, get) => defineProperty(holder, key, {
  get,
  set(value) {
    if (this === holder) throw new TypeErrorClass("built-in objects can't be changed");
    defineProperty(this, key, { value, writable: true, enumerable: true, configurable: true });
  },
});
const CLOSED = [Object, String, Number, Boolean, Symbol, BigInt, FixedDate, Map, Set, Error, EvalError, RangeError,
  ReferenceError, SyntaxError, TypeError, URIError, InternalError, AggregateError];
for (const { prototype } of CLOSED) overridable(prototype, "constructor", refuse("constructor"));
// The engine asks these for the kind of object to make; it gets no answer, and so makes plain ones.
const hollow = new Proxy({}, {
  get(_, key) { return key === Symbol.species ? undefined : refuse("constructor")(); },
  has: refuse("constructor"), ownKeys: refuse("constructor"), getPrototypeOf: refuse("constructor"),
});
for (const { prototype } of [Array, Promise, RegExp]) overridable(prototype, "constructor", () => hollow);
for (const prototype of shared.slice(0, 3)) defineProperty(prototype, "constructor", { get: refuse("constructor") });
defineProperty(shared[4], "constructor", { get: refuse("constructor") });
for (const key of ["__defineGetter__", "__defineSetter__", "__lookupGetter__", "__lookupSetter__"])
  delete Object.prototype[key];
defineProperty(Object.prototype, "__proto__", { get: refuse("__proto__"), set: refuse("__proto__") });
for (const { prototype } of [Object, Error])
  for (const key of ownKeys(prototype)) {
    const { value } = getOwnPropertyDescriptor(prototype, key);
    if (value !== undefined) overridable(prototype, key, () => value);
  }

const frozen = new Set();
const harden = (value) => {
  if ((typeof value !== "object" && typeof value !== "function") || value === null || frozen.has(value)) return;
  frozen.add(value);
  const keys = ownKeys(value);
  for (let position = 0; position < keys.length; position++) {
    const found = getOwnPropertyDescriptor(value, keys[position]);
    if (found.get !== undefined || found.set !== undefined) {
      harden(found.get);
      harden(found.set);
    } else if (typeof found.value === "object" || typeof found.value === "function") harden(found.value);
  }
  freeze(value);
  harden(getPrototypeOf(value));
};
// Every object that an ordinary expression could change by calling a method; what else there is, functions'
// own properties above all, takes an assignment, and `deepen` sees to it.
const world = globalThis;
delete world.globalThis;
for (const value of shared) freeze(value);
for (const name of ownKeys(world)) {
  const value = world[name];
  if (typeof value !== "function" && (typeof value !== "object" || value === null)) continue;
  freeze(value);
  if (value.prototype !== undefined) freeze(value.prototype);
}
freeze(world);
const deepen = () => {
  for (const value of shared) harden(value);
  harden(world);
};
