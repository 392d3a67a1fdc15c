// The sentences that the browser itself must say, in the page's language, from the same catalogues as the server's.

let words = {};

async function load(wait = 500) {
  try {
    const answer = await fetch(`/words/${document.documentElement.lang}.json`);
    if (!answer.ok) throw new Error(String(answer.status));
    words = await answer.json();
  } catch {
    setTimeout(() => load(Math.min(10000, wait * 2)), wait);
  }
}

await load();

export function t(key, args = {}) {
  return (words[key] ?? key).replace(/%\((\w+)\)s/g, (_, name) => String(args[name] ?? ""));
}
