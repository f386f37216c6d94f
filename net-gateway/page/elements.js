//! The few lines with which panels touch the document.
//!
//! Text goes in through `textContent` only, and only when it changed, so that a screen reader, a
//! selection and the layout are left alone.

/** The element with this id; a missing one is a bug of the page. */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no element #${id}`);
  return element;
}

/** A new element with a class and, if given, a text. */
export function make(tag, className, text = "") {
  const element = document.createElement(tag);
  if (className !== "") element.className = className;
  if (text !== "") element.textContent = text;
  return element;
}

/** Sets the text of an element. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Sets a `data-` attribute of an element. */
export function setData(element, name, value) {
  if (element.dataset[name] !== value) element.dataset[name] = value;
}

/**
 * Makes the children of `parent` those of `items`, in order, and keeps the ones that stay.
 *
 * @param {HTMLElement} parent
 * @param {object[]} items
 * @param {(item: object) => string} key what tells an item from others
 * @param {(item: object) => HTMLElement} create
 * @param {(element: HTMLElement, item: object) => void} update
 */
export function keepList(parent, items, key, create, update) {
  const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
  items.forEach((item, index) => {
    const name = key(item);
    let element = old.get(name);
    if (element === undefined) {
      element = create(item);
      element.dataset.key = name;
    }
    old.delete(name);
    update(element, item);
    if (parent.children[index] !== element) parent.insertBefore(element, parent.children[index] ?? null);
  });
  for (const element of old.values()) element.remove();
}
