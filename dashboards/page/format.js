// Numbers, days and times as people read them. Times are UTC throughout, as the event days are.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const exact = new Intl.NumberFormat("en", { maximumFractionDigits: 6 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });

const DAY_MS = 86_400_000;
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const WEEKDAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

export const count = value => whole.format(value);
export const compact = value => short.format(value);
export const number = value => exact.format(value);
export const rate = value => (value < 100 ? oneDigit : whole).format(value);

// Decimals of the currencies that have not two, by ISO 4217 as the program has them: browsers know cash, and leave out decimals that minor units have.
const DECIMALS = [
  [0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"],
  [3, "BHD IQD JOD KWD LYD OMR TND"],
  [4, "CLF UYW"],
];
const decimalsOf = currency => DECIMALS.find(([, codes]) => codes.split(" ").includes(currency))?.[0] ?? 2;

// Minor units in whole ones, and back.
export const major = (minor, currency) => minor / 10 ** decimalsOf(currency);
export const minorOf = (major, currency) => Math.round(major * 10 ** decimalsOf(currency));

const moneyFormats = new Map(); // what is written how -> its format

function moneyFormat(currency, options) {
  const key = JSON.stringify([currency, options]);
  if (!moneyFormats.has(key)) moneyFormats.set(key, new Intl.NumberFormat("en", { ...(currency && { style: "currency", currency }), ...options }));
  return moneyFormats.get(key);
}

// Minor units as money of their currency: 123456 of EUR is €1,234.56, of JPY ¥123,456. Without a currency it is a number alone.
export function money(minor, currency) {
  if (minor === null || minor === undefined) return "–";
  const decimals = decimalsOf(currency);
  return moneyFormat(currency, { minimumFractionDigits: decimals, maximumFractionDigits: decimals }).format(major(minor, currency));
}

// The same of large sums, of which nobody reads the cents, and where there is little room.
export const roundMoney = (minor, currency) => (Math.abs(major(minor, currency)) < 100_000 ? money(minor, currency) : moneyFormat(currency, { maximumFractionDigits: 0 }).format(major(minor, currency)));
export const shortMoney = (minor, currency) => (Math.abs(major(minor, currency)) < 10_000_000 ? money(minor, currency) : moneyFormat(currency, { notation: "compact", maximumSignificantDigits: 3 }).format(major(minor, currency)));

// What is said beside money that leaves some events out; nothing where it does not.
export const leftOut = events => (events ? (events === 1 ? "1 event in another currency is not in it" : `${count(events)} events in other currencies are not in it`) : "");

// A share of 1 in percent; small ones keep two digits, and a part of something never reads as nothing or all of it.
export function percent(share) {
  const value = share * 100;
  if (value === 0 || value === 100) return `${value} %`;
  if (value < 0.01) return "< 0.01 %";
  if (value > 99.99) return "> 99.99 %";
  return `${value.toFixed(value < 10 || value > 99 ? 2 : 1)} %`;
}

// What stands behind a number of these units; of the others it is said otherwise, or not known.
const UNITS = { seconds: "s", bits: "bits", kilometres_an_hour: "km/h", deviations: "σ", times: "×" };

// A feature's value in its unit, as the API names it: 6 events, 87550 minor units of EUR as €875.50, 0.034 as 3.40 %.
export function measured(value, unit, currency) {
  if (unit === "minor_units") return currency ? money(value, currency) : `${number(value)} minor units`;
  if (unit === "events" || unit === "values") return `${number(value)} ${value === 1 ? unit.slice(0, -1) : unit}`;
  if (unit === "share") return percent(value);
  if (unit === "flag" && (value === 0 || value === 1)) return value ? "yes" : "no";
  return UNITS[unit] ? `${number(value)} ${UNITS[unit]}` : number(value);
}

// Microseconds in the unit that reads best: 87 µs, 1.24 ms, 2.1 s.
export function duration(us) {
  if (us < 1_000) return `${whole.format(us)} µs`;
  if (us < 1_000_000) return `${digits(us / 1_000)} ms`;
  return `${digits(us / 1_000_000)} s`;
}

const digits = value => value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0);

// The same for round values, as on an axis: 1 ms.
export const roundDuration = us => duration(us).replace(/\.0+ /, " ");

// "2018-08-01" as a count of days since 1970, and back.
export const dayNumber = day => Math.round(Date.parse(`${day}T00:00:00Z`) / DAY_MS);
export const isoDay = number => new Date(number * DAY_MS).toISOString().slice(0, 10);

// The calendar parts of a day number.
export function calendar(number) {
  const date = new Date(number * DAY_MS);
  return { year: date.getUTCFullYear(), month: MONTHS[date.getUTCMonth()], day: date.getUTCDate(), weekday: date.getUTCDay() };
}

// A day number as "Wed 1 Aug 2018".
export function dayName(number) {
  const { year, month, day, weekday } = calendar(number);
  return `${WEEKDAYS[weekday]} ${day} ${month} ${year}`;
}

// An RFC 3339 time as "1 Aug 14:03:22", with the year, or with year and milliseconds.
export function time(text) {
  const { month, day } = calendar(dayNumber(text.slice(0, 10)));
  return `${day} ${month} ${text.slice(11, 19)}`;
}

export function fullTime(text) {
  const fraction = (text.slice(19).match(/^\.\d+/) ?? ["."])[0].padEnd(4, "0").slice(0, 4);
  return `${dateTime(text)}${fraction} UTC`;
}

export function dateTime(text) {
  const { year, month, day } = calendar(dayNumber(text.slice(0, 10)));
  return `${day} ${month} ${year} ${text.slice(11, 19)}`;
}

// What an input has of a time, which is UTC, as the API takes it; undefined where it has none.
export const instant = local => (local ? new Date(`${local}Z`).toISOString() : undefined);

// One thing, two things: plural(1, "day") is "1 day", plural(2, "entity", "entities") is "2 entities".
export const plural = (value, word, words = `${word}s`) => `${count(value)} ${value === 1 ? word : words}`;
