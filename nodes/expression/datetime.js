// DateTime and Duration as expressions know them from Luxon: the part of its interface that workflows use, for
// English and the ISO calendar. Time zones come in as tables: [[from which millisecond on, offset in minutes], …].
(function (instant, zone, tables, UnknownZone, harden) {
"use strict";
const MINUTE = 60000, HOUR = 3600000, DAY = 86400000;
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
  "November", "December"];
const WEEKDAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const UNITS = ["years", "quarters", "months", "weeks", "days", "hours", "minutes", "seconds", "milliseconds"];
const LENGTHS = { weeks: 7 * DAY, days: DAY, hours: HOUR, minutes: MINUTE, seconds: 1000, milliseconds: 1 };
const MEAN = { years: 365 * DAY, quarters: 91 * DAY, months: 30 * DAY, ...LENGTHS };
const unit = (name) => {
  const plural = String(name).toLowerCase().replace(/s?$/, "s");
  if (!UNITS.includes(plural)) throw new Error(`Invalid unit ${name}`);
  return plural;
};
const amounts = (given) => {
  if (given instanceof Duration) return given.values;
  if (typeof given === "number") return { milliseconds: given };
  const values = {};
  for (const key of Object.keys(given ?? {})) {
    const value = Number(given[key]);
    if (Number.isNaN(value)) throw new Error(`Invalid value for ${key}: ${given[key]}`);
    values[unit(key)] = value;
  }
  return values;
};
const pad = (value, length = 2) => (value < 0 ? "-" : "") + String(Math.abs(value)).padStart(length, "0");
const days = (year, month) => new Date(Date.UTC(year, month, 0)).getUTCDate();
const utc = (year, month = 1, day = 1, hour = 0, minute = 0, second = 0, millisecond = 0) => {
  const date = new Date(Date.UTC(2000, month - 1, day, hour, minute, second, millisecond));
  date.setUTCFullYear(date.getUTCFullYear() + year - 2000);
  // A leap day of 2000 that the year doesn't have: count again from its own start.
  return month === 2 && day >= 29 ? Date.UTC(year, month - 1, day, hour, minute, second, millisecond) : date.getTime();
};

const fixed = (name) => {
  if (/^(utc|gmt|z|local|default|system)$/i.test(name)) return 0;
  const found = /^(?:utc|gmt)?([+-])(\d{1,2})(?::?(\d{2}))?$/i.exec(name);
  return found === null ? undefined : (found[1] === "-" ? -1 : 1) * (found[2] * 60 + Number(found[3] ?? 0));
};
const zoneOf = (name) => {
  const text = typeof name === "number" ? `UTC${name < 0 ? "-" : "+"}${pad(Math.floor(Math.abs(name) / 60))}:${
    pad(Math.abs(name) % 60)}` : String(name?.name ?? name);
  const offset = fixed(text);
  if (offset === 0) return { name: "UTC", offset: () => 0 };
  if (offset !== undefined) return { name: text.toUpperCase(), offset: () => offset };
  const table = Object.hasOwn(tables, text) ? tables[text] : undefined;
  if (table === undefined) throw new UnknownZone(text);
  if (table === null) throw new Error(`unknown time zone ${text}`);
  const at = (ms) => {
    let low = 0, high = table.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (table[middle][0] <= ms) low = middle; else high = middle - 1;
    }
    return table[low][1];
  };
  return { name: text, offset: at };
};
const fromLocal = (local, zone) => {
  let offset = zone.offset(local - zone.offset(local) * MINUTE);
  let ms = local - offset * MINUTE;
  const second = zone.offset(ms);
  if (second === offset) return ms;
  ms = local - second * MINUTE;
  return zone.offset(ms) === second ? ms : local - Math.min(offset, second) * MINUTE;
};

class Duration {
  constructor(values) { this.values = Object.freeze({ ...values }); Object.freeze(this); }
  static fromObject(values) { return new Duration(amounts(values)); }
  static fromMillis(milliseconds) { return new Duration({ milliseconds }); }
  static isDuration(value) { return value instanceof Duration; }
  toMillis() {
    let total = 0;
    for (const key of Object.keys(this.values)) total += this.values[key] * MEAN[key];
    return total;
  }
  as(name) { const key = unit(name); return key in this.values && Object.keys(this.values).length === 1 ? this.values[key] : this.toMillis() / MEAN[key]; }
  get(name) { return this.values[unit(name)] ?? 0; }
  shiftTo(...names) {
    let rest = this.toMillis();
    const keys = UNITS.filter((key) => names.map(unit).includes(key));
    const values = {};
    keys.forEach((key, position) => {
      values[key] = position === keys.length - 1 ? rest / MEAN[key] : Math.trunc(rest / MEAN[key]);
      rest -= values[key] * MEAN[key];
    });
    return new Duration(values);
  }
  plus(other) {
    const values = { ...this.values };
    const more = amounts(other);
    for (const key of Object.keys(more)) values[key] = (values[key] ?? 0) + more[key];
    return new Duration(values);
  }
  minus(other) { return this.plus(new Duration(amounts(other)).negate()); }
  negate() { return new Duration(Object.fromEntries(Object.entries(this.values).map(([key, value]) => [key, -value]))); }
  toObject() { return { ...this.values }; }
  toISO() {
    const { years, quarters, months, weeks, days, hours, minutes, seconds, milliseconds } = this.values;
    const part = (value, letter) => (value ? `${value}${letter}` : "");
    const date = part(years, "Y") + part((months ?? 0) + 3 * (quarters ?? 0), "M") + part(weeks, "W") + part(days, "D");
    const time = part(hours, "H") + part(minutes, "M") + part((seconds ?? 0) + (milliseconds ?? 0) / 1000, "S");
    return date + time === "" ? "PT0S" : `P${date}${time === "" ? "" : "T" + time}`;
  }
  toJSON() { return this.toISO(); }
  toString() { return this.toISO(); }
  valueOf() { return this.toMillis(); }
}
for (const key of UNITS)
  Object.defineProperty(Duration.prototype, key, { get() { return this.values[key] ?? 0; } });

class DateTime {
  constructor(ms, zone) {
    this.ts = ms;
    this.zone = zone;
    this.local = new Date(ms + zone.offset(ms) * MINUTE);
    Object.freeze(this);
  }
  static now() { return new DateTime(instant(), zoneOf(zone())); }
  static utc(...fields) { return fields.length === 0 ? DateTime.now().toUTC() : new DateTime(utc(...fields), zoneOf("UTC")); }
  static local(...fields) { return fields.length === 0 ? DateTime.now() : at(utc(...fields), zoneOf(zone())); }
  static fromMillis(ms, options) { return new DateTime(Number(ms), zoneOf(options?.zone ?? zone())); }
  static fromSeconds(seconds, options) { return DateTime.fromMillis(seconds * 1000, options); }
  static fromJSDate(date, options) { return DateTime.fromMillis(date.getTime(), options); }
  static fromObject(fields, options) {
    const { year, month = 1, day = 1, hour = 0, minute = 0, second = 0, millisecond = 0 } = fields;
    return at(utc(year ?? DateTime.now().year, month, day, hour, minute, second, millisecond), zoneOf(options?.zone ?? zone()));
  }
  static fromISO(text, options) {
    const found = /^([+-]?\d{4,6})(?:-?(\d\d)(?:-?(\d\d))?)?(?:[T ](\d\d)(?::?(\d\d)(?::?(\d\d)(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i.exec(
      String(text).trim());
    const target = zoneOf(options?.zone ?? zone());
    if (found === null) return new DateTime(NaN, target);
    const [, year, month = "1", day = "1", hour = "0", minute = "0", second = "0", fraction = "0", offset] = found;
    const valid = month >= 1 && month <= 12 && day >= 1 && day <= days(+year, +month) && hour <= 24 && minute < 60 && second < 60;
    if (!valid) return new DateTime(NaN, target);
    const local = utc(+year, +month, +day, +hour, +minute, +second, Math.trunc(`0.${fraction}` * 1000));
    const source = offset === undefined ? target : zoneOf(offset);
    return new DateTime(fromLocal(local, source), options?.setZone ? source : target);
  }
  static fromFormat(text, format, options) { return read(String(text), String(format), options); }
  static min(...all) { return all.reduce((first, second) => (second < first ? second : first)); }
  static max(...all) { return all.reduce((first, second) => (second > first ? second : first)); }
  static isDateTime(value) { return value instanceof DateTime; }

  get isValid() { return !Number.isNaN(this.ts); }
  get year() { return this.local.getUTCFullYear(); }
  get quarter() { return Math.ceil(this.month / 3); }
  get month() { return this.local.getUTCMonth() + 1; }
  get day() { return this.local.getUTCDate(); }
  get hour() { return this.local.getUTCHours(); }
  get minute() { return this.local.getUTCMinutes(); }
  get second() { return this.local.getUTCSeconds(); }
  get millisecond() { return this.local.getUTCMilliseconds(); }
  get weekday() { return this.local.getUTCDay() || 7; }
  get ordinal() { return Math.floor((utc(this.year, this.month, this.day) - utc(this.year)) / DAY) + 1; }
  get weekYear() { return new Date(this.local.getTime() + (4 - this.weekday) * DAY).getUTCFullYear(); }
  get weekNumber() {
    const thursday = new Date(this.local.getTime() + (4 - this.weekday) * DAY);
    return Math.floor((thursday.getTime() - utc(thursday.getUTCFullYear())) / (7 * DAY)) + 1;
  }
  get daysInMonth() { return days(this.year, this.month); }
  get isInLeapYear() { return days(this.year, 2) === 29; }
  get isWeekend() { return this.weekday > 5; }
  get offset() { return this.zone.offset(this.ts); }
  get zoneName() { return this.zone.name; }
  get monthLong() { return MONTHS[this.month - 1]; }
  get monthShort() { return this.monthLong.slice(0, 3); }
  get weekdayLong() { return WEEKDAYS[this.weekday - 1]; }
  get weekdayShort() { return this.weekdayLong.slice(0, 3); }
  get(name) { return this[unit(name).slice(0, -1)]; }

  plus(given) {
    const { years = 0, quarters = 0, months = 0, ...rest } = amounts(given);
    let local = this.local.getTime();
    const whole = this.year * 12 + this.month - 1 + years * 12 + quarters * 3 + months;
    if (years || quarters || months) {
      const year = Math.floor(whole / 12), month = (whole % 12 + 12) % 12 + 1;
      local = utc(year, month, Math.min(this.day, days(year, month))) + (local - utc(this.year, this.month, this.day));
    }
    local += (rest.weeks ?? 0) * 7 * DAY + (rest.days ?? 0) * DAY;
    let ms = local === this.local.getTime() ? this.ts : fromLocal(local, this.zone);
    for (const key of ["hours", "minutes", "seconds", "milliseconds"]) ms += (rest[key] ?? 0) * LENGTHS[key];
    return new DateTime(ms, this.zone);
  }
  minus(given) { return this.plus(new Duration(amounts(given)).negate()); }
  set(fields) {
    const now = { year: this.year, month: this.month, day: this.day, hour: this.hour, minute: this.minute,
      second: this.second, millisecond: this.millisecond };
    for (const key of Object.keys(fields)) {
      const name = unit(key).slice(0, -1);
      if (!(name in now)) throw new Error(`Invalid unit ${key}`);
      now[name] = Number(fields[key]);
    }
    const day = "day" in fields || "days" in fields ? now.day : Math.min(now.day, days(now.year, now.month));
    return at(utc(now.year, now.month, day, now.hour, now.minute, now.second, now.millisecond), this.zone);
  }
  startOf(name) {
    const key = unit(name);
    if (key === "weeks") return this.minus({ days: this.weekday - 1 }).startOf("day");
    const fields = [this.year, key === "quarters" ? (this.quarter - 1) * 3 + 1 : this.month, this.day, this.hour, this.minute,
      this.second, this.millisecond];
    const kept = { years: 1, quarters: 2, months: 2, days: 3, hours: 4, minutes: 5, seconds: 6, milliseconds: 7 }[key];
    return at(utc(...fields.slice(0, kept)), this.zone);
  }
  endOf(name) { return this.startOf(name).plus({ [unit(name)]: 1 }).minus(1); }
  setZone(name, options) {
    const target = zoneOf(name);
    return options?.keepLocalTime ? at(this.local.getTime(), target) : new DateTime(this.ts, target);
  }
  toUTC() { return this.setZone("UTC"); }
  toLocal() { return this.setZone(zone()); }
  diff(other, units = "milliseconds") { return difference(this, other, [units].flat().map(unit)); }
  diffNow(units) { return this.diff(DateTime.now(), units); }
  hasSame(other, name) { return this.startOf(name).ts === other.setZone(this.zone.name).startOf(name).ts; }
  equals(other) { return other instanceof DateTime && this.ts === other.ts && this.zone.name === other.zone.name; }
  until(other) { return difference(other, this, ["milliseconds"]); }

  toMillis() { return this.ts; }
  toSeconds() { return this.ts / 1000; }
  toUnixInteger() { return Math.floor(this.ts / 1000); }
  valueOf() { return this.ts; }
  toJSDate() { return new Date(this.ts); }
  toObject() {
    const { year, month, day, hour, minute, second, millisecond } = this;
    return { year, month, day, hour, minute, second, millisecond };
  }
  toISODate() { return this.isValid ? this.toFormat("yyyy-MM-dd") : null; }
  toISOTime(options) {
    const zero = this.millisecond === 0 && options?.suppressMilliseconds;
    const end = options?.includeOffset === false ? "" : this.offset === 0 && this.zone.name === "UTC" ? "'Z'" : "ZZ";
    return this.isValid ? this.toFormat(`HH:mm:ss${zero ? "" : ".SSS"}${end}`) : null;
  }
  toISO(options) { return this.isValid ? `${this.toISODate()}T${this.toISOTime(options)}` : null; }
  toSQL() { return this.toFormat("yyyy-MM-dd HH:mm:ss.SSS ZZ"); }
  toHTTP() { return this.toUTC().toFormat("EEE, dd MMM yyyy HH:mm:ss 'GMT'"); }
  toRFC2822() { return this.toFormat("EEE, dd MMM yyyy HH:mm:ss ZZZ"); }
  toLocaleString() { return this.toFormat("D"); }
  toString() { return this.toISO() ?? "Invalid DateTime"; }
  toJSON() { return this.toISO(); }
  toFormat(format) {
    if (!this.isValid) return "Invalid DateTime";
    return String(format).replace(TOKENS, (token, literal) => literal ?? write(this, token));
  }
}
const at = (local, target) => new DateTime(fromLocal(local, target), target);

const TOKENS = /'([^']*)'|y+|L{1,4}|M{1,4}|d{1,2}|D{1,4}|E{1,4}|c{1,4}|h{1,2}|H{1,2}|m{1,2}|s{1,2}|S{1,3}|u|a|Z{1,4}|z|o{1,3}|W{1,2}|k{2,4}|q{1,2}|X|x|t{1,2}|T{1,2}/g;
const offsetText = (minutes, colon, short) => {
  const whole = Math.abs(minutes);
  const hours = Math.floor(whole / 60), rest = whole % 60;
  const sign = minutes < 0 ? "-" : "+";
  if (short) return sign + hours + (rest ? `:${pad(rest)}` : "");
  return `${sign}${pad(hours)}${colon}${pad(rest)}`;
};
function write(date, token) {
  switch (token) {
    case "y": return String(date.year);
    case "yy": return pad(date.year % 100);
    case "yyyy": return pad(date.year, 4);
    case "L": case "M": return String(date.month);
    case "LL": case "MM": return pad(date.month);
    case "LLL": case "MMM": return date.monthShort;
    case "LLLL": case "MMMM": return date.monthLong;
    case "d": return String(date.day);
    case "dd": return pad(date.day);
    case "c": case "E": return String(date.weekday);
    case "ccc": case "EEE": return date.weekdayShort;
    case "cccc": case "EEEE": return date.weekdayLong;
    case "h": return String(date.hour % 12 || 12);
    case "hh": return pad(date.hour % 12 || 12);
    case "H": return String(date.hour);
    case "HH": return pad(date.hour);
    case "m": return String(date.minute);
    case "mm": return pad(date.minute);
    case "s": return String(date.second);
    case "ss": return pad(date.second);
    case "S": case "u": return String(date.millisecond);
    case "SSS": return pad(date.millisecond, 3);
    case "a": return date.hour < 12 ? "AM" : "PM";
    case "Z": return offsetText(date.offset, ":", true);
    case "ZZ": return offsetText(date.offset, ":");
    case "ZZZ": return offsetText(date.offset, "");
    case "z": case "ZZZZ": return date.zone.name;
    case "o": return String(date.ordinal);
    case "ooo": return pad(date.ordinal, 3);
    case "W": return String(date.weekNumber);
    case "WW": return pad(date.weekNumber);
    case "kk": return pad(date.weekYear % 100);
    case "kkkk": return pad(date.weekYear, 4);
    case "q": return String(date.quarter);
    case "qq": return pad(date.quarter);
    case "X": return String(date.toUnixInteger());
    case "x": return String(date.ts);
    case "D": return date.toFormat("M/d/yyyy");
    case "DD": return date.toFormat("MMM d, yyyy");
    case "DDD": return date.toFormat("MMMM d, yyyy");
    case "DDDD": return date.toFormat("EEEE, MMMM d, yyyy");
    case "t": return date.toFormat("h:mm a");
    case "tt": return date.toFormat("h:mm:ss a");
    case "T": return date.toFormat("HH:mm");
    case "TT": return date.toFormat("HH:mm:ss");
    default: return token;
  }
}

const FIELDS = {
  yyyy: ["year", "\\d{4}"], yy: ["short", "\\d\\d"], y: ["year", "\\d{1,6}"], M: ["month", "\\d{1,2}"], MM: ["month", "\\d\\d"],
  L: ["month", "\\d{1,2}"], LL: ["month", "\\d\\d"], MMM: ["name", "[A-Za-z]{3}"], LLL: ["name", "[A-Za-z]{3}"],
  MMMM: ["name", "[A-Za-z]+"], LLLL: ["name", "[A-Za-z]+"], d: ["day", "\\d{1,2}"], dd: ["day", "\\d\\d"],
  H: ["hour", "\\d{1,2}"], HH: ["hour", "\\d\\d"], h: ["hour", "\\d{1,2}"], hh: ["hour", "\\d\\d"], m: ["minute", "\\d{1,2}"],
  mm: ["minute", "\\d\\d"], s: ["second", "\\d{1,2}"], ss: ["second", "\\d\\d"], S: ["millisecond", "\\d{1,3}"],
  SSS: ["millisecond", "\\d{3}"], a: ["half", "[AaPp][Mm]"], Z: ["zone", "[+-]\\d{1,2}(?::\\d\\d)?"], ZZ: ["zone", "[+-]\\d\\d:\\d\\d"],
  ZZZ: ["zone", "[+-]\\d{4}"], z: ["zone", "[A-Za-z_]+(?:/[A-Za-z_/+-]+)?"], EEE: ["", "[A-Za-z]{3}"], EEEE: ["", "[A-Za-z]+"],
  ccc: ["", "[A-Za-z]{3}"], cccc: ["", "[A-Za-z]+"], X: ["unix", "-?\\d+"], x: ["millis", "-?\\d+"],
};
function read(text, format, options) {
  const names = [];
  let pattern = "", last = 0;
  const plain = (part) => part.replace(/[.*+?^${}()|[\]\\/-]/g, "\\$&");
  for (const found of format.matchAll(TOKENS)) {
    pattern += plain(format.slice(last, found.index));
    last = found.index + found[0].length;
    if (found[1] !== undefined) pattern += plain(found[1]);
    else if (!Object.hasOwn(FIELDS, found[0])) throw new Error(`the format token ${found[0]} can't be read`);
    else {
      names.push(FIELDS[found[0]][0]);
      pattern += `(${FIELDS[found[0]][1]})`;
    }
  }
  const target = zoneOf(options?.zone ?? zone());
  const found = new RegExp(`^${pattern}${plain(format.slice(last))}$`).exec(text.trim());
  if (found === null) return new DateTime(NaN, target);
  const fields = Object.fromEntries(names.map((name, position) => [name, found[position + 1]]));
  if (fields.millis !== undefined) return new DateTime(+fields.millis, target);
  if (fields.unix !== undefined) return new DateTime(fields.unix * 1000, target);
  const now = DateTime.now();
  const named = MONTHS.findIndex((name) => name.slice(0, 3).toLowerCase() === fields.name?.slice(0, 3).toLowerCase()) + 1;
  const year = fields.short === undefined ? +(fields.year ?? now.year) : +fields.short + (fields.short > 60 ? 1900 : 2000);
  const month = +(fields.month ?? (named || (fields.year === undefined && fields.day !== undefined ? now.month : 1)));
  const day = +(fields.day ?? 1);
  let hour = +(fields.hour ?? 0);
  if (fields.half !== undefined) hour = (hour % 12) + (fields.half.toLowerCase() === "pm" ? 12 : 0);
  const minute = +(fields.minute ?? 0), second = +(fields.second ?? 0), millisecond = +(fields.millisecond ?? 0);
  const valid = month >= 1 && month <= 12 && day >= 1 && day <= days(year, month) && hour < 24 && minute < 60 && second < 60;
  if (!valid) return new DateTime(NaN, target);
  const source = fields.zone === undefined ? target : zoneOf(fields.zone);
  return new DateTime(fromLocal(utc(year, month, day, hour, minute, second, millisecond), source), target);
}

function difference(later, earlier, units) {
  const sign = later.ts < earlier.ts ? -1 : 1;
  const end = sign < 0 ? earlier : later;
  let cursor = sign < 0 ? later : earlier.setZone(later.zone.name);
  const values = {};
  const wanted = UNITS.filter((key) => units.includes(key));
  wanted.forEach((key, position) => {
    const lowest = position === wanted.length - 1;
    let count;
    if (["years", "quarters", "months", "weeks", "days"].includes(key)) {
      count = Math.floor((end.ts - cursor.ts) / (MEAN[key] * 1.04));
      while (cursor.plus({ [key]: count + 1 }).ts <= end.ts) count += 1;
      const next = cursor.plus({ [key]: count });
      if (lowest) count += (end.ts - next.ts) / (cursor.plus({ [key]: count + 1 }).ts - next.ts);
      cursor = next;
    } else {
      count = (end.ts - cursor.ts) / LENGTHS[key];
      if (!lowest) count = Math.floor(count);
      cursor = cursor.plus({ [key]: count });
    }
    values[key] = count === 0 ? 0 : sign * count;
  });
  return new Duration(values);
}

harden(DateTime);
harden(Duration);
return { DateTime, Duration };
})
