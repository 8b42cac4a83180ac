// Assertions and waits that work in Node and in a page.

/** How long a wait may take before the case fails, in milliseconds. */
export const patience = 20_000;

/** canonical is v as a text in which equal values look equal: keys sorted, binary of any kind as its bytes. */
export function canonical(v) {
  const bytes = asBytes(v);
  if (bytes) return `<${[...bytes].map((b) => b.toString(16).padStart(2, "0")).join(" ")}>`;
  if (Array.isArray(v)) return `[${v.map(canonical).join(",")}]`;
  if (v instanceof Error) return `Error(${JSON.stringify(v.message)})`;
  if (v instanceof Date) return `Date(${v.toISOString()})`;
  if (v !== null && typeof v === "object") {
    return `{${Object.keys(v).sort().map((k) => `${JSON.stringify(k)}:${canonical(v[k])}`).join(",")}}`;
  }
  if (Object.is(v, -0)) return "-0";
  return typeof v === "string" ? JSON.stringify(v) : String(v);
}

/** asBytes is the content of a Buffer, ArrayBuffer or typed array, null for anything else. */
export function asBytes(v) {
  if (v instanceof ArrayBuffer) return new Uint8Array(v);
  if (ArrayBuffer.isView(v)) return new Uint8Array(v.buffer, v.byteOffset, v.byteLength);
  return null;
}

const short = (text) => (text.length > 400 ? `${text.slice(0, 300)} ... (${text.length} characters)` : text);

export function equal(actual, expected, what = "value") {
  const a = canonical(actual);
  const e = canonical(expected);
  if (a === e) return;
  let at = 0;
  while (a[at] === e[at]) at++;
  throw new Error(`${what}: first difference at ${at}\n     got ${short(a)}\nexpected ${short(e)}`);
}

export function ok(condition, what) {
  if (!condition) throw new Error(what);
}

export function match(text, pattern, what = "text") {
  if (!pattern.test(text)) throw new Error(`${what}: ${short(String(text))} does not match ${pattern}`);
}

/** oneOf passes if actual is one of the expected values. */
export function oneOf(actual, expected, what = "value") {
  if (!expected.some((e) => canonical(e) === canonical(actual))) {
    throw new Error(`${what}: got ${canonical(actual)}, expected one of ${canonical(expected)}`);
  }
}

/** rejects is the error that the promise ends with. */
export async function rejects(promise, what = "promise") {
  let value;
  try {
    value = await promise;
  } catch (err) {
    return err;
  }
  throw new Error(`${what}: resolved with ${short(canonical(value))}, expected an error`);
}

export function throws(run) {
  try {
    run();
  } catch (err) {
    return err;
  }
  throw new Error("expected a throw");
}

/** within is the promise, or an error that names what was waited for. */
export function within(promise, what, ms = patience) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${what}`)), ms);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** until looks at the condition every few milliseconds and ends with its first true value. */
export async function until(condition, what, ms = patience) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (Date.now() > end) throw new Error(`waited ${ms} ms until ${what}`);
    await pause(5);
  }
}

/** pause is for bounded polls and for turning a race into its likely order, never for a result. */
export const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** next is the argument list of the next such event of a client socket or any emitter. */
export function next(emitter, event, ms = patience) {
  let listener;
  const arrived = new Promise((resolve) => {
    listener = (...args) => resolve(args);
    emitter.once(event, listener);
  });
  return within(arrived, `event ${event}`, ms).finally(() => emitter.off(event, listener));
}

/** gather is a list that grows with the argument list of every such event. */
export function gather(emitter, event) {
  const list = [];
  emitter.on(event, (...args) => list.push(args));
  return list;
}

/** call emits with an acknowledgement and ends with its first argument. */
export const call = (socket, event, ...args) =>
  socket
    .timeout(patience)
    .emitWithAck(event, ...args)
    .catch((err) => {
      throw new Error(`call of ${event}: ${err.message}`);
    });

/** numbered is 0, 1, ... n-1. */
export const numbered = (n) => Array.from({ length: n }, (_, i) => i);

/** failure is null if run ends well, or else what went wrong, as a text that can leave a page. */
export async function failure(run) {
  try {
    await run();
    return null;
  } catch (err) {
    return `${err.message}\n${err.stack}`;
  }
}
