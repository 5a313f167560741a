// What crosses out of a JavaScript context: results as JSON text, errors as plain text. It is evaluated in a
// fresh context before any other code, and keeps the built-ins it needs, so that nothing can replace them.
const { apply } = Reflect;
const { parse, stringify } = JSON;
const { includes, slice, isWellFormed } = String.prototype;
const { exec } = RegExp.prototype;
const ErrorClass = Error, InternalErrorClass = InternalError, RangeErrorClass = RangeError, MapClass = Map, SetClass = Set, PromiseClass = Promise, text = String;
const { then } = Promise.prototype;
const isArray = Array.isArray;
const LONE = /(?:^|[^\\])(?:\\\\)*\\ud[89a-f]/;

class Refusal {
  constructor(message) { this.message = message; }
}

const where = (key) => (key === "" ? "the result" : `the result's ${stringify(key)}`);

function check(key, value) {
  switch (typeof value) {
    case "number":
      if (value - value !== 0) throw new Refusal(`${where(key)} is ${value}, which isn't a JSON number`);
      break;
    case "function":
    case "symbol":
      throw new Refusal(`${where(key)} is a ${typeof value}, which isn't a JSON value`);
    case "bigint":
      throw new Refusal(`${where(key)} is a BigInt, which isn't a JSON value; use Number() or String()`);
    case "object":
      if (value instanceof MapClass || value instanceof SetClass)
        throw new Refusal(`${where(key)} is a Map or Set, which isn't a JSON value; use Object.fromEntries() or [...]`);
      if (value instanceof PromiseClass)
        throw new Refusal(`${where(key)} is a Promise, which isn't a JSON value; await it`);
  }
  return value;
}

function encode(value) {
  if (value === undefined) return "null";
  const result = stringify(value, check);
  if (result === undefined) return "null";
  if (apply(includes, result, ["\\ud"]) && apply(exec, LONE, [result]) !== null)
    throw new Refusal("the result has text with half of a surrogate pair, which isn't valid Unicode");
  return result;
}

const cut = (value) => {
  const short = value.length > 1000 ? apply(slice, value, [0, 1000]) + "…" : value;
  return apply(isWellFormed, short, []) ? short : stringify(short);
};

// [what happened, the stack or ""]
function describe(error) {
  if (error instanceof Refusal) return [error.message, ""];
  try {
    if (error instanceof ErrorClass) {
      const stack = typeof error.stack === "string" ? error.stack : "";
      return [cut(`${text(error.name)}: ${text(error.message)}`), cut(stack)];
    }
    if (error === null) return ["memory ran out, or null was thrown", ""];
    if (typeof error === "object") return [cut(`thrown: ${stringify(error)}`), ""];
    return [cut(`thrown: ${text(error)}`), ""];
  } catch {
    return ["thrown: something that can't be shown", ""];
  }
}

// Whether an error says that memory or the stack ran out.
function exhausted(error) {
  try {
    if (error === null || error instanceof InternalErrorClass) return true;
    return error instanceof RangeErrorClass && error.message === "Maximum call stack size exceeded";
  } catch {
    return false;
  }
}
