// Sphinx wants every word on one page, but a pasted message has numbers and names of its own. Where
// only the page of errors has all words, or none, ask for those of the lesson that fits best.
const parse = Search._parseQuery;

function pagesWith(word) { // in a text or a title, whole or as a part, as Sphinx looks
  const found = [Search._index.terms, Search._index.titleterms].flatMap((index) => {
    const own = Object.hasOwn(index, word);
    const terms = own ? [word] : Object.keys(index).filter((term) => term.includes(word));
    return terms.flatMap((term) => index[term]);
  });
  return new Set(found);
}

Search._parseQuery = (query) => {
  const parsed = parse(query);
  const asked = parsed[1];
  const pages = Search._index.docnames;
  const where = new Map();
  for (const word of asked) if (word.length > 2) where.set(word, pagesWith(word));
  const on = (page) => [...where.keys()].filter((word) => where.get(word).has(page));
  const every = [...pages.keys()].filter((page) => on(page).length === where.size);
  if (every.some((page) => pages[page] !== "errors")) return parsed;

  const weigh = (page) => // a rare word says more
    on(page).reduce((sum, word) => sum + Math.log(1 + pages.length / where.get(word).size), 0);
  const lessons = [...pages.keys()].filter((page) => /^notebooks\/\d/.test(pages[page]));
  const kept = new Set(on(lessons.reduce((a, b) => (weigh(b) > weigh(a) ? b : a))));
  if (kept.size === 0) return parsed;
  const stemmer = new Stemmer();
  const left = splitQuery(query).filter((word) => asked.has(stemmer.stemWord(word.toLowerCase())))
    .filter((word) => !kept.has(stemmer.stemWord(word.toLowerCase())));
  for (const word of [...asked]) if (!kept.has(word)) asked.delete(word);
  const note = document.createElement("p");
  note.id = "left-out";
  note.textContent = `No lesson has all these words. Left out: ${[...new Set(left)].join(", ")}.`;
  document.getElementById("search-results").before(note);
  return parsed;
};
