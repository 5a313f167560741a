// Evaluates compiled expressions against data that was loaded as JSON text. Each evaluation parses what it reads
// anew, so that what one changes, no other sees.
const INPUT = -1;
let facts = {};
let slots = new Map(); // slot -> ports -> { name, count, texts: Map }
let numbers = new Map(); // a node's name -> its slot
const compiled = [];
let clock = null; // the date and time library, once loaded
// The binding can't take a string that the engine has only joined, so what happened is kept in two: a letter, and
// a text fresh from JSON.stringify.
let kind = "", outcome = "";

class Current {
  constructor(index) {
    this.index = index;
    this.parsed = new Map();
  }

  parse(port, index) {
    if (index < 0 || index >= port.count) return undefined;
    let items = this.parsed.get(port);
    if (items === undefined) this.parsed.set(port, (items = new Map()));
    if (!items.has(index)) items.set(index, parse(port.texts.get(index)));
    return items.get(index);
  }

  all(port) {
    const items = [];
    for (let index = 0; index < port.count; index++) items.push(this.parse(port, index));
    return items;
  }

  input() {
    const [port] = slots.get(INPUT);
    const item = () => this.parse(port, this.index);
    return {
      all: () => this.all(port),
      first: () => this.parse(port, 0),
      last: () => this.parse(port, port.count - 1),
      get item() { return item(); },
    };
  }

  node(name) {
    const ports = () => {
      const slot = numbers.get(name);
      if (slot === undefined) throw new Error(`node '${name}' has not run before this node`);
      return slots.get(slot);
    };
    const item = () => this.matching(name, output(name, ports()));
    return {
      all: (wanted) => this.all(output(name, ports(), wanted)),
      first: (wanted) => this.parse(output(name, ports(), wanted), 0),
      last: (wanted) => { const port = output(name, ports(), wanted); return this.parse(port, port.count - 1); },
      get item() { return item(); },
      get json() { return item().json; },
      get files() { return item().files; },
      get isExecuted() { return numbers.has(name); },
    };
  }

  matching(name, port) {
    if (this.index < port.count) return this.parse(port, this.index);
    if (port.count === 1) return this.parse(port, 0);
    throw new Error(`node '${name}' gave ${port.count} items, none for item ${this.index}; use .first(), .last() or .all()`);
  }

  value(root) {
    switch (root) {
      case "$json": return this.parse(slots.get(INPUT)[0], this.index)?.json ?? {};
      case "$files": return this.parse(slots.get(INPUT)[0], this.index)?.files ?? {};
      case "$input": return this.input();
      case "$": return (name) => this.node(name);
      case "$node": return new Proxy({}, { get: (_, name) => this.node(name) });
      case "$itemIndex": return this.index;
      case "$fromAI": return (name, _description, _type, ...rest) => fromModel(name, rest);
      case "$now": return clock.DateTime.fromMillis(now);
      case "$today": return clock.DateTime.fromMillis(now).startOf("day");
      case "DateTime": case "Duration": return clock[root];
      default: return facts[root] === undefined ? undefined : parse(facts[root]);
    }
  }
}

// What a model calls the node with: data, parsed anew for each use and never evaluated.
function fromModel(name, rest) {
  if (typeof name !== "string" || name === "") throw new Error("$fromAI needs the argument's name, as in $fromAI('city')");
  const given = parse(facts.$fromAI);
  if (given !== null && getOwnPropertyDescriptor(given, name) !== undefined) return given[name];
  if (rest.length > 0) return rest[0];
  const why = given === null ? "no model has called this node" : "the model has left it out";
  throw new Error(`$fromAI('${name}') has no value: ${why}, and it has no default`);
}

function output(name, ports, wanted) {
  if (wanted === undefined) return ports.find((port) => port.count > 0) ?? ports[0] ?? { count: 0 };
  const found = typeof wanted === "number" ? ports[wanted] : ports.find((port) => port.name === wanted);
  if (found === undefined) throw new Error(`node '${name}' has no output ${stringify(wanted)}`);
  return found;
}

const unreachable = new Proxy({}, new Proxy({}, { get: () => refuse("this") }));

// Asks for the table of a time zone that nobody foresaw; the expression is then evaluated again.
class UnknownZone extends Error {
  constructor(zone) {
    super(`the time zone ${zone} isn't loaded`);
    defineProperty(this, "wanted", { value: zone });
  }
}

const fail = (error) => {
  if (error instanceof UnknownZone) {
    kind = "z";
    outcome = stringify(error.wanted);
    return;
  }
  const [message] = describe(error);
  kind = exhausted(error) ? "l" : "e";
  outcome = stringify(message);
};
const finish = (value) => {
  try {
    outcome = encode(value);
    kind = "v";
  } catch (error) {
    fail(error);
  }
};

const bridge = {
  // The run's facts: $trigger, $vars, $execution, … each as JSON text.
  begin(instant, given) {
    now = instant;
    facts = parse(given);
  },
  port(slot, name, count) {
    if (!slots.has(slot)) slots.set(slot, []);
    slots.get(slot).push({ name, count, texts: new Map() });
  },
  node(slot, name) {
    numbers.set(name, slot);
    if (!slots.has(slot)) slots.set(slot, []);
  },
  item(slot, port, index, json) { slots.get(slot)[port].texts.set(index, json); },
  clock(make, zone, tables) { clock = make(() => now, () => zone, parse(tables), UnknownZone, harden); },
  add(outer, roots) {
    compiled.push({ run: apply(outer, unreachable, []), roots: parse(roots) });
    return compiled.length - 1;
  },
  // The letter of what came out, or "" if it is a promise that the job queue must settle first.
  evaluate(position, index, chance) {
    const { run, roots } = compiled[position];
    const current = new Current(index);
    seed = chance;
    kind = "";
    try {
      const value = run(...roots.map((root) => (root === null ? undefined : current.value(root))));
      if (value instanceof PromiseClass) apply(then, value, [finish, fail]);
      else finish(value);
    } catch (error) {
      fail(error);
    }
    return kind;
  },
  kind: () => kind,
  outcome: () => outcome,
  deepen,
};
return (name) => bridge[name];
