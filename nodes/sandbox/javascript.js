// Runs one function body: its data comes in and its result goes out as JSON text. Code can't be made from text
// here, because what a definition holds is what is checked before it is saved.
const MAX_LOG = 65536, MAX_PRINTED = 16777216;
let kept = "", printed = 0, kind = "", result = "", message = "", line = 0, firstLine = 0;

const show = (value) => {
  if (typeof value === "string") return value;
  if (value instanceof ErrorClass) return describe(value)[0];
  try {
    return typeof value === "object" && value !== null ? stringify(value) ?? text(value) : text(value);
  } catch {
    return "[unprintable]";
  }
};
const print = (...values) => {
  let line = "";
  for (let position = 0; position < values.length; position++) line += (position > 0 ? " " : "") + show(values[position]);
  line += "\n";
  if (printed < MAX_LOG) kept += apply(slice, line, [0, MAX_LOG - printed]);
  printed += line.length;
  if (printed > MAX_PRINTED) throw new RangeErrorClass("the code printed more than 16 MiB");
};
globalThis.console = { log: print, info: print, warn: print, error: print, debug: print };

const refuse = () => { throw new TypeError("code can't be made from text in the sandbox"); };
for (const made of [function () {}, function* () {}, async function () {}, async function* () {}]) {
  const prototype = Object.getPrototypeOf(made);
  Object.defineProperty(prototype, "constructor", { value: refuse, writable: false, configurable: false });
}
for (const name of ["eval", "Function", "SharedArrayBuffer", "Atomics", "WeakRef", "FinalizationRegistry"])
  delete globalThis[name];

const LINE = /<input>:(\d+):(\d+)/g;
const userLine = (stack, first) => {
  LINE.lastIndex = 0;
  for (let found; (found = apply(exec, LINE, [stack])) !== null; )
    if (+found[1] >= first) return +found[1] - first + 1;
  return 0;
};
const fail = (error) => {
  const [what, stack] = describe(error);
  message = what;
  line = stack === "" ? 0 : userLine(stack, firstLine);
  kind = exhausted(error) ? "l" : "e";
};
const finish = (value) => {
  try {
    result = encode(value);
    kind = "v";
  } catch (error) {
    fail(error);
  }
};
// The binding can't take a string that the engine has only joined; JSON.stringify's are whole.
const bridge = {
  run(code, variables, first) {
    firstLine = first;
    try {
      apply(then, apply(code, undefined, parse(variables)), [finish, fail]);
    } catch (error) {
      fail(error);
    }
  },
  // "" while the code waits for something; else v, e for an error, or l for a limit.
  kind: () => kind,
  result: () => result,
  message: () => stringify(message),
  line: () => line,
  log: () => stringify(kept),
  printed: () => printed,
};
return (name) => bridge[name];
