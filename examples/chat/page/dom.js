// Small helpers. Whatever comes from people is put into the page as text, never as markup.

/** The element with the id. */
export const $ = (id) => document.getElementById(id);

/** A copy of a template's element, and its parts by class name. */
export function clone(id) {
  const element = $(id).content.firstElementChild.cloneNode(true);
  const part = (name) => element.querySelector(`.${name}`);
  return { element, part };
}

/** Makes an element with text. */
export function make(tag, className, text = "") {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

/** A colour for a person, always the same, 0 to 359. */
export function hue(id) {
  let h = 0;
  for (const c of id) h = (h * 31 + c.codePointAt(0)) % 3600;
  return h % 360;
}

/** Makes an element the avatar of a person. */
export function face(element, person) {
  element.style.setProperty("--hue", hue(person.id));
  element.textContent = initials(person.name);
}

function initials(name) {
  const words = name.split(" ");
  const first = (word) => [...new Intl.Segmenter().segment(word)][0]?.segment ?? "";
  return (first(words[0]) + (words.length > 1 ? first(words.at(-1)) : "")).toUpperCase();
}

/** "1 person", "2 people". */
export const counted = (n, one, many) => `${n} ${n === 1 ? one : many}`;
